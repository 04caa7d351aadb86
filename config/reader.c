// SPDX-License-Identifier: Apache-2.0
#include "config/reader.h"

#include <stdio.h>

#include "config/endpoint.h"
#include "config/pairs.h"

enum { MESSAGE_BYTES = 700, SHOWN_BYTES = 60 };

/* Values are foreign: their control characters must not reach a terminal. */
static void tell(const struct reader *reader, char *message)
{
    for (char *c = message; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    if (reader->warn)
        reader->warn(reader->context, message);
}

/* The value as messages show it, cut between characters. An address can hold a password; then
 * nothing of it is shown. */
static const char *shown(const struct option *option, const char *value, char out[SHOWN_BYTES + 4])
{
    if (option->type == OPTION_ENDPOINT && strpbrk(value, "@?"))
        return "(not shown)";
    size_t length = strnlen(value, SHOWN_BYTES + 1);
    bool cut = length > SHOWN_BYTES;
    if (cut)
        for (length = SHOWN_BYTES; length && ((unsigned char)value[length] & 0xc0) == 0x80;)
            length--;
    memcpy(out, value, length);
    memcpy(out + length, cut ? "..." : "", cut ? 4 : 1);
    return out;
}

static void tell_unreadable(const struct reader *reader, const struct option *option,
                            const char *variable, const char *value, const char *used)
{
    char value_text[SHOWN_BYTES + 4];
    char wanted[200];
    char message[MESSAGE_BYTES];
    int length =
        snprintf(message, sizeof message, "%s=%s: expected %s; ", variable,
                 shown(option, value, value_text), option_expected(option, wanted, sizeof wanted));
    if (length < 0 || (size_t)length >= sizeof message)
        return;
    char *end = message + length;
    size_t room = sizeof message - (size_t)length;
    if (used)
        snprintf(end, room, "%s is used", used);
    else if (*option->value)
        snprintf(end, room, "the default, %s, is used", option->value);
    else
        snprintf(end, room, "it is ignored");
    tell(reader, message);
}

static void tell_about(const struct reader *reader, const struct option *option,
                       const char *variable, const char *value, const char *remark)
{
    char value_text[SHOWN_BYTES + 4];
    char message[MESSAGE_BYTES];
    snprintf(message, sizeof message, "%s=%s: %s", variable, shown(option, value, value_text),
             remark);
    tell(reader, message);
}

static void check_pairs(const struct reader *reader, const char *variable, const char *value)
{
    struct pairs pairs = pairs_of(value);
    unsigned first = 0;
    unsigned malformed = 0;
    enum pairs_result result;
    while ((result = pairs_next(&pairs, NULL, 0, NULL)) != PAIRS_END) {
        if (result == PAIRS_PAIR)
            continue;
        if (malformed++ == 0)
            first = pairs.index;
    }
    char message[MESSAGE_BYTES];
    if (malformed == 0)
        return;
    snprintf(message, sizeof message,
             "%s: pair %u is not a percent-encoded key=value; it is left out%s", variable, first,
             malformed > 1 ? ", and so are others" : "");
    tell(reader, message);
}

/* Names of a list, as bits. Unknown ones are told one by one, as long as a known one remains;
 * `none` means something only when it is alone. */
static bool read_names(const struct reader *reader, const struct option *option,
                       const char *variable, const char *value, unsigned *bits)
{
    const struct parse_choices *choices = option_choices(option->type);
    struct slice rest = slice_of(value);
    struct slice name;
    unsigned bit;
    unsigned found = 0;
    bool none = false;
    while (slice_next_part(&rest, ',', &name)) {
        if (!parse_choice(name, choices, &bit))
            continue;
        found |= bit;
        none = none || bit == 0;
    }
    if (!found && !none)
        return false;
    *bits = found;

    rest = slice_of(value);
    while (variable && slice_next_part(&rest, ',', &name)) {
        char text[SHOWN_BYTES + 1];
        char remark[300];
        char known[200];
        if (name.length == 0 || parse_choice(name, choices, &bit))
            continue;
        snprintf(text, sizeof text, "%.*s",
                 (int)(name.length < SHOWN_BYTES ? name.length : SHOWN_BYTES), name.at);
        snprintf(remark, sizeof remark, "\"%s\" is left out; expected %s", text,
                 option_expected(option, known, sizeof known));
        tell_about(reader, option, variable, value, remark);
    }
    if (variable && none && found)
        tell_about(reader, option, variable, value,
                   "\"none\" is left out, because it is not alone");
    return true;
}

/* `true` is true, and anything else false, said where it is not `false` (OpenTelemetry environment
 * variables, "Boolean"). */
static bool read_boolean(const struct reader *reader, const struct option *option,
                         const char *variable, const char *value)
{
    bool yes = false;
    if (!parse_boolean(slice_trim_space(slice_of(value)), &yes))
        tell_about(reader, option, variable, value, "expected true or false; false is used");
    return yes;
}

/* Fills the row's field from a value that is not blank, or from the default (variable NULL). */
static bool read_value(const struct reader *reader, const struct option *option,
                       const char *variable, const char *value)
{
    void *field = (char *)reader->config + option->offset;
    struct slice text = slice_trim_space(slice_of(value));
    switch (option->type) {
    case OPTION_BOOLEAN:
        *(bool *)field = read_boolean(reader, option, variable, value);
        return true;
    case OPTION_BOOLEAN_AUTO:
        return parse_boolean_auto(text, field);
    case OPTION_INTEGER:
        return parse_integer(text, option->least, option->most, field);
    case OPTION_MILLISECONDS:
        return parse_milliseconds(text, option->least, option->most, field);
    case OPTION_RATIO:
        return parse_ratio(text, field);
    case OPTION_STATUSES:
        return parse_statuses(text, field);
    case OPTION_SEMCONV:
        *(unsigned *)field = parse_semconv(text);
        return true;
    case OPTION_PROPAGATORS:
    case OPTION_EXPORTERS:
        return read_names(reader, option, variable, value, field);
    case OPTION_ENDPOINT:
        if (variable && !endpoint_readable(text))
            return false;
        if (variable && !endpoint_has_scheme(text))
            tell_about(reader, option, variable, value, "no scheme; taken as http://");
        *(const char **)field = value;
        return true;
    case OPTION_PAIRS:
        if (variable)
            check_pairs(reader, variable, value);
        *(const char **)field = value;
        return true;
    case OPTION_TEXT:
        *(const char **)field = value;
        return true;
    default:
        /* The enumerations: each is as wide as an unsigned, which config_parse() asserts. */
        return parse_choice(text, option_choices(option->type), field);
    }
}

/* The first of the row's variables, from `rank` on, that is set and readable; else the default.
 * Returns its name, or NULL for the default. */
static const char *decide(const struct reader *reader, const struct option *option, size_t rank)
{
    for (; option->variables[rank]; rank++) {
        const char *variable = option->variables[rank];
        const char *value = reader->get(reader->context, variable);
        if (!value || slice_trim_space(slice_of(value)).length == 0)
            continue;
        if (read_value(reader, option, variable, value))
            return variable;
        const char *used = decide(reader, option, rank + 1);
        tell_unreadable(reader, option, variable, value, used);
        return used;
    }
    (void)read_value(reader, option, NULL, option->value);
    return NULL;
}

/* A batch never holds more than the queue (OpenTelemetry environment variables, "Batch span
 * processor"). Lowering the default is no news; lowering what was asked for is. */
static void fit_batch_into_queue(const struct reader *reader)
{
    struct config *config = reader->config;
    const char *variable = reader->decided_by[ROW_max_export_batch_size];
    if (config->max_export_batch_size <= config->max_queue_size)
        return;
    char message[MESSAGE_BYTES];
    snprintf(message, sizeof message, "%s=%lld: more than the queue holds; %lld is used",
             variable ? variable : "", (long long)config->max_export_batch_size,
             (long long)config->max_queue_size);
    if (variable)
        tell(reader, message);
    config->max_export_batch_size = config->max_queue_size;
}

const char *reader_read_row(const struct reader *reader, enum option_row row)
{
    return decide(reader, &option_rows[row], 0);
}

void reader_read(struct reader *reader)
{
    for (enum option_row row = 0; row < OPTION_ROWS; row++)
        reader->decided_by[row] = reader_read_row(reader, row);
    fit_batch_into_queue(reader);
}
