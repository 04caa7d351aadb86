// SPDX-License-Identifier: Apache-2.0
/* resource.h - what the spans of this process have in common: service, host, container, process.
 *
 * Found once, in the constructor: a server may clear its environment, change its root directory
 * and its user soon after. User attributes win over what is found. A forked worker is a process
 * and an instance of its own.
 *
 * The command is its first word only, because arguments carry passwords.
 * Source: OpenTelemetry semantic conventions, "Resource". */
#ifndef EXPORTER_RESOURCE_H
#define EXPORTER_RESOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/slice.h"
#include "config/config.h"

/* Looks around. Reads the environment, /proc/self/exe, /proc/self/cgroup (in a container with a
 * cgroup namespace also /proc/self/mountinfo) and /etc/os-release; leaves nothing open. In the
 * constructor; again does it afresh. */
void resource_detect(const struct config *config);

/* In a forked child: new process ids, a new service.instance.id. */
void resource_refresh(void);

/* The value of a text attribute, or NULL. */
const char *resource_find(const char *key);

/* An encoded Resource message. Only the exporter's thread (or, before it starts, one other);
 * valid until the next resource_detect() or resource_refresh(). */
struct slice resource_encoded(void);

#endif
