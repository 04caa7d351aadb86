// SPDX-License-Identifier: Apache-2.0
#include "config/option.h"

#include <stdio.h>

#define ALSO(...) __VA_ARGS__
const struct option option_rows[OPTION_ROWS] = {
#define OPTION(type, field, variable, also, value, least, most, sentence)                          \
    {OPTION_##type, offsetof(struct config, field), {variable, also}, value, least, most},
#include "config/options.def"
#undef OPTION
};

const struct parse_choices *option_choices(enum option_type type)
{
    switch (type) {
    case OPTION_LOG_LEVEL:
        return &parse_log_levels;
    case OPTION_SAMPLER:
        return &parse_samplers;
    case OPTION_PROPAGATORS:
        return &parse_propagators;
    case OPTION_EXPORTERS:
        return &parse_exporters;
    case OPTION_COMPRESSION:
        return &parse_compressions;
    case OPTION_PROTOCOL:
        return &parse_protocols;
    case OPTION_WHEN:
        return &parse_whens;
    case OPTION_REDACT_MODE:
        return &parse_redact_modes;
    case OPTION_DB_SPANS:
        return &parse_db_spans;
    case OPTION_WITH_SDK:
        return &parse_with_sdks;
    default:
        return NULL;
    }
}

const char *option_expected(const struct option *option, char *out, size_t out_bytes)
{
    const struct parse_choices *choices = option_choices(option->type);
    switch (option->type) {
    case OPTION_INTEGER:
        snprintf(out, out_bytes, "a whole number from %lld to %lld", (long long)option->least,
                 (long long)option->most);
        return out;
    case OPTION_MILLISECONDS:
        snprintf(out, out_bytes, "milliseconds from %lld to %lld", (long long)option->least,
                 (long long)option->most);
        return out;
    case OPTION_BOOLEAN_AUTO:
        return "auto, true or false";
    case OPTION_RATIO:
        return "a number from 0 to 1";
    case OPTION_STATUSES:
        return "statuses from 100 to 599, such as 404,500-599";
    case OPTION_ENDPOINT:
        return "http://HOST:PORT, https://HOST:PORT or unix:///PATH";
    default:
        break;
    }
    size_t used = 0;
    out[0] = '\0';
    for (unsigned i = 0; choices && i < choices->shown && used < out_bytes; i++)
        used += (size_t)snprintf(out + used, out_bytes - used, "%s%s", i ? ", " : "",
                                 choices->of[i].name);
    return out;
}

bool option_is_text(const struct option *option)
{
    return option->type == OPTION_TEXT || option->type == OPTION_PAIRS ||
           option->type == OPTION_ENDPOINT;
}
