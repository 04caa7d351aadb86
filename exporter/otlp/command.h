// SPDX-License-Identifier: Apache-2.0
/* command.h - the command that this process was started with, as far as its service's name goes.
 *
 * Looked at in the constructor, because programs write other things over their arguments soon
 * after (setproctitle). */
#ifndef EXPORTER_COMMAND_H
#define EXPORTER_COMMAND_H

#include "exporter/otlp/service.h"

/* In the constructor, with main's arguments. */
void command_note(int count, const char *const *words);

/* A name from it, or "". */
const struct service *command_service(void);

/* The runtime's name, of an interpreter by the beginning of its executable's; else NULL. */
const char *command_runtime(const char *executable);

#endif
