// SPDX-License-Identifier: Apache-2.0
/* settings.h - struct config: the rows of options.def as fields, and what their values mean. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

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
enum config_propagator {
#define PROPAGATOR(identifier, name) PROPAGATOR_NUMBER_##identifier,
#include "config/propagators.def"
#undef PROPAGATOR
    CONFIG_PROPAGATORS
};
/* Bits; SEMCONV: of the categories whose older names are sent as well. */
enum config_propagators {
#define PROPAGATOR(identifier, name) PROPAGATOR_##identifier = 1 << PROPAGATOR_NUMBER_##identifier,
#include "config/propagators.def"
#undef PROPAGATOR
};
enum config_exporters { EXPORTER_OTLP = 1, EXPORTER_CONSOLE = 2, EXPORTER_FILE = 4 };
enum config_semconv { SEMCONV_HTTP_OLDER = 1, SEMCONV_DATABASE_OLDER = 2 };
enum config_compression { COMPRESSION_AUTO, COMPRESSION_NONE, COMPRESSION_GZIP };
enum config_protocol { PROTOCOL_HTTP_PROTOBUF };
enum config_when { WHEN_AUTO, WHEN_ALWAYS, WHEN_NEVER };
enum config_redact_mode { REDACT_TEXT, REDACT_HASH };
enum config_db_spans { DB_SPANS_STATEMENTS, DB_SPANS_ALL };
enum config_with_sdk { WITH_SDK_YIELD, WITH_SDK_BOTH };

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
#define CONFIG_TYPE_WITH_SDK     enum config_with_sdk
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

#endif
