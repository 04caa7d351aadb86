// SPDX-License-Identifier: Apache-2.0
/* resource.h - what the spans of this process have in common: service, host, container, process.
 *
 * Found once, with the first connection or span: a server may clear its environment, change its
 * root directory and its user soon after. User attributes win over what is found, and have room for
 * themselves: however many they are, none of ours is lost. A forked worker is a process and an
 * instance of its own.
 *
 * The command is its first word only, because arguments carry passwords.
 * Source: OpenTelemetry semantic conventions, "Resource". */
#ifndef EXPORTER_RESOURCE_H
#define EXPORTER_RESOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/span/span.h"
#include "config/config.h"

/* Of an encoded resource: what encoders and regions have room for. Whole pages. */
#define RESOURCE_BYTES_MOST ((size_t)84 << 10)

/* Looks around. Reads the environment, /proc/self/exe, /proc/self/cgroup,
 * /proc/self/mountinfo where that does not name a container, /etc/os-release, in a pod /etc/hosts
 * and its namespace; leaves nothing open. Again does it afresh. */
void resource_detect(const struct config *config);

/* Says which of the user's attributes there was no room for, if there are any. */
void resource_say_loss(void);

/* Says, at `info`, what the service's name was made of, where nobody has set it. */
void resource_say_name(void);

/* The service's name as it was set, else unknown_service:EXECUTABLE. */
const char *resource_set_name(void);

/* In a forked child: new process ids, a new service.instance.id. */
void resource_refresh(void);

/* What resource_refresh() has found: what tells a forked child from its parent. */
void resource_identify(struct span_process *process);

/* The value of a text attribute, or NULL. */
const char *resource_find(const char *key);

/* An encoded Resource message. Only the exporter's thread (or, before it starts, one other);
 * valid until the next resource_detect() or resource_refresh(). */
struct slice resource_encoded(void);

#endif
