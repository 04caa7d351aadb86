// SPDX-License-Identifier: Apache-2.0
/* container.h - what files under /proc and /etc say about where we run. Pure. */
#ifndef EXPORTER_CONTAINER_H
#define EXPORTER_CONTAINER_H

#include "agent/slice.h"

/* A container's id from the text of /proc/self/cgroup: 64 hexadecimal digits in a path, as docker,
 * containerd, CRI-O and podman put them there. Absent: none. */
struct slice container_id_from_cgroup(struct slice text);

/* Whether the cgroup file shows only the root of a namespace, and so says nothing. */
bool container_cgroup_is_hidden(struct slice text);

/* The same from /proc/self/mountinfo, where the files that a runtime mounts into each container
 * (hostname, resolv.conf) have the id in their source. */
struct slice container_id_from_mountinfo(struct slice text);

/* PRETTY_NAME of /etc/os-release, without quotes. Absent: none. Source: os-release(5). */
struct slice container_os_name(struct slice text);

#endif
