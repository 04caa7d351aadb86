// SPDX-License-Identifier: Apache-2.0
/* container.h - what files under /proc and /etc say about where we run. Pure.
 *
 * An id is right or absent. A container's cgroup names it. Where a cgroup namespace hides that, the
 * mounts may, but most of what they name is something else: volumes, layers, other containers'
 * folders. Only the files that a runtime makes for each container count, and not even these in a
 * pod, whose containers share those of its sandbox. */
#ifndef EXPORTER_CONTAINER_H
#define EXPORTER_CONTAINER_H

#include <stdbool.h>

#include "agent/base/slice.h"

#define CONTAINER_ID_LENGTH 64
#define CONTAINER_NAMESAKES 3 /* /etc/hostname, /etc/hosts, /etc/resolv.conf */

/* Texts are "" where they are unknown. */
struct container {
    char id[CONTAINER_ID_LENGTH + 1];
    char pod_uid[37];
    char name[64]; /* in its pod */
    bool pod;      /* it belongs to one */

    /* As the mounts have it, until container_settle(). */
    char own[CONTAINER_ID_LENGTH + 1]; /* of a file that no two containers share */
    char shared[CONTAINER_NAMESAKES][CONTAINER_ID_LENGTH + 1];
};

/* From the text of /proc/self/cgroup: 64 hexadecimal digits in a path, as docker, containerd, CRI-O
 * and podman put them there; and the pod's uid. */
void container_read_cgroup(struct container *container, struct slice text);

/* A line of /proc/self/mountinfo, of which the end may be missing. In order: the last mount on a
 * place is the one that is seen. */
void container_read_mount(struct container *container, struct slice line);

/* After all mounts: which of their ids is surely the container's. */
void container_settle(struct container *container);

/* Whether a pod's network, and so its host name, is its own, from the text of /etc/hosts, which
 * says so where the kubelet has written it. */
bool container_hosts_are_a_pods(struct slice text);

/* Whether the name can only be what a Deployment calls its pods, NAME-HASH-RANDOM: other pods' host
 * names may be set to anything. */
bool container_is_deployments(struct slice name);

/* PRETTY_NAME of /etc/os-release, without quotes. Absent: none. Source: os-release(5). */
struct slice container_os_name(struct slice text);

#endif
