// SPDX-License-Identifier: Apache-2.0
#include "exporter/fields.h"

#include <string.h>

#include "agent/log.h"
#include "config/pairs.h"

/* RFC 9110, 5.6.2; the values' control characters were refused when the pair was read. */
static bool is_field_name(const char *name)
{
    for (; *name; name++)
        if (*name <= ' ' || *name >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", *name))
            return false;
    return true;
}

void fields_configured(const struct config *config,
                       bool (*add)(void *context, const char *name, const char *value),
                       void *context)
{
    char buffer[4096];
    struct pairs_pair pair;
    enum pairs_result result;
    struct pairs pairs = pairs_of(config->otlp_headers);
    while ((result = pairs_next(&pairs, buffer, sizeof buffer, &pair)) != PAIRS_END)
        if (result != PAIRS_PAIR || !is_field_name(pair.key) || !add(context, pair.key, pair.value))
            log_write(LOG_WARN, "OTEL_EXPORTER_OTLP_HEADERS: pair %u can't be sent as a header",
                      pairs.index);
}
