// SPDX-License-Identifier: Apache-2.0
/* config.h - the settings, read once.
 *
 * options.def is the table; settings.h turns it into a struct. The struct is filled in the
 * constructor, before the program can change its environment, and is immutable afterwards, so it
 * needs no lock. Texts are copied into storage of the struct's own. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "config/settings.h"

/* Fills every field; texts are trimmed, never NULL, and no longer point into the environment. False
 * only when no storage can be had, and then the agent has to stay off: *config is zero. Allocates
 * nothing but one mapping.
 *
 * get: as getenv(), so that tests need no environment. It is called twice for a variable, and its
 *   answers must be the same and live until config_parse() returns.
 * warn: hears what could not be read: variable, value (shortened; never of variables that can hold
 *   secrets, such as headers), what was expected, what is used instead. May be NULL. When it is
 *   called, *config is complete, so that it can consult log_level and config_executable_allowed().
 *   It is not called at all where config_enabled() is false, but for the variables that made it so.
 *
 * Ranks: of a row's variables the first one that is set and readable wins, because OpenTelemetry
 * asks to treat an unreadable one as if it were not set. */
bool config_parse(struct config *config, const char *(*get)(void *context, const char *name),
                  void (*warn)(void *context, const char *message), void *context);

void config_destroy(struct config *config);

static inline bool config_enabled(const struct config *config)
{
    return config->traces_enabled && !config->sdk_disabled;
}

/* May this executable be traced? path: /proc/self/exe (its ` (deleted)` is understood), AT_EXECFN
 * or argv[0]. First the deny list, then, unless it is empty, the allow list. Entries match the base
 * name, entries with a slash the whole path; `*` (any characters) and `?` (one) are wildcards; case
 * matters. An unknown path (NULL) is allowed where there is no allow list. */
bool config_executable_allowed(const struct config *config, const char *path);

/* Where traces are posted: always with the scheme http://, https:// or unix://, in lower case.
 * OTEL_EXPORTER_OTLP_TRACES_ENDPOINT as it is, else the base address with /v1/traces. */
static inline const char *config_traces_endpoint(const struct config *config)
{
    return config->traces_endpoint;
}

#endif
