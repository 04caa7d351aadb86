// SPDX-License-Identifier: Apache-2.0
/* config.h - the settings, read once.
 *
 * options.def is the table; this header turns it into a struct. The struct is filled in the
 * constructor, before the program can change its environment, and is immutable afterwards, so it
 * needs no lock. Texts are copied into storage of the struct's own. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_log_level { /* the order of enum log_level */
                        CONFIG_LOG_NONE,
                        CONFIG_LOG_ERROR,
                        CONFIG_LOG_WARN,
                        CONFIG_LOG_INFO,
                        CONFIG_LOG_DEBUG
};
enum config_sampler {
    SAMPLER_ALWAYS_ON,
    SAMPLER_ALWAYS_OFF,
    SAMPLER_TRACEIDRATIO,
    SAMPLER_PARENTBASED_ALWAYS_ON,
    SAMPLER_PARENTBASED_ALWAYS_OFF,
    SAMPLER_PARENTBASED_TRACEIDRATIO /* config_parse() resolves the unset sampler to this one */
};
/* Bits; SEMCONV: of the categories whose older names are sent as well. */
enum config_propagators { PROPAGATOR_TRACECONTEXT = 1, PROPAGATOR_BAGGAGE = 2 };
enum config_exporters { EXPORTER_OTLP = 1, EXPORTER_CONSOLE = 2, EXPORTER_FILE = 4 };
enum config_semconv { SEMCONV_HTTP_OLDER = 1, SEMCONV_DATABASE_OLDER = 2 };
enum config_compression { COMPRESSION_AUTO, COMPRESSION_NONE, COMPRESSION_GZIP };
enum config_protocol { PROTOCOL_HTTP_PROTOBUF };
enum config_when { WHEN_AUTO, WHEN_ALWAYS, WHEN_NEVER };
enum config_redact_mode { REDACT_TEXT, REDACT_HASH };
enum config_db_spans { DB_SPANS_STATEMENTS, DB_SPANS_ALL };

/* A set of HTTP statuses 100..599, a bit each. */
struct config_statuses {
    uint64_t bits[10];
};

static inline bool config_status_in(const struct config_statuses *set, unsigned status)
{
    return status < 640 && (set->bits[status / 64] >> (status % 64) & 1);
}

#define CONFIG_TYPE_BOOLEAN      bool
#define CONFIG_TYPE_BOOLEAN_AUTO enum config_when
#define CONFIG_TYPE_INTEGER      int64_t
#define CONFIG_TYPE_MILLISECONDS int64_t
#define CONFIG_TYPE_RATIO        double
#define CONFIG_TYPE_TEXT         const char *
#define CONFIG_TYPE_LOG_LEVEL    enum config_log_level
#define CONFIG_TYPE_SAMPLER      enum config_sampler
#define CONFIG_TYPE_PROPAGATORS  unsigned
#define CONFIG_TYPE_EXPORTERS    unsigned
#define CONFIG_TYPE_SEMCONV      unsigned
#define CONFIG_TYPE_COMPRESSION  enum config_compression
#define CONFIG_TYPE_PROTOCOL     enum config_protocol
#define CONFIG_TYPE_STATUSES     struct config_statuses
#define CONFIG_TYPE_REDACT_MODE  enum config_redact_mode
#define CONFIG_TYPE_DB_SPANS     enum config_db_spans
#define CONFIG_TYPE_WHEN         enum config_when
#define CONFIG_TYPE_ENDPOINT     const char *
#define CONFIG_TYPE_PAIRS        const char *

/* The name under which options.def keeps the sampler that is used when none is set; it may be
 * written into OTEL_TRACES_SAMPLER, too. */
#define CONFIG_SAMPLER_UNSET "parentbased_environment"

struct config { /* NOLINT(clang-analyzer-optin.performance.Padding): in the table's order */
#define OPTION(type, field, variable, also, value, least, most, sentence) CONFIG_TYPE_##type field;
#include "config/options.def"
#undef OPTION

    /* Made of several variables. */
    const char *traces_endpoint; /* see config_traces_endpoint() */
    const char
        *deployment_environment; /* deployment.environment.name, percent-decoded; "" unknown */
    bool sampler_by_environment; /* the ratio follows deployment_environment */

    char *storage; /* what the texts that come from the environment lie in, mapped by itself */
    size_t storage_bytes;
};

/* Fills every field; texts are trimmed, never NULL, and no longer point into the
 * environment. False only when
 * no storage can be had, and then the agent has to stay off: *config is zero. Allocates nothing but
 * one mapping.
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
