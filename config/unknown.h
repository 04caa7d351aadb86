// SPDX-License-Identifier: Apache-2.0
/* unknown.h - variables that were meant for the agent, and are none of its.
 *
 * A misspelt setting does nothing and says nothing. Each variable that begins with OTEL_AGENT_ and
 * is not in options.def is one, and so is one that lacks a known name by a slip: two letters of a
 * name of the agent's own, one of a standard name, since OpenTelemetry has others that differ by
 * two from those that are read here (OTEL_BLRP_ and OTEL_BSP_). */
#ifndef CONFIG_UNKNOWN_H
#define CONFIG_UNKNOWN_H

#include "agent/base/slice.h"

/* Calls `tell` with each such name of `environment` (as environ, or NULL), in its order, and with
 * the known name that differs least from it. Values are not looked at. */
void unknown_find(char *const *environment,
                  void (*tell)(void *context, struct slice name, const char *nearest),
                  void *context);

#endif
