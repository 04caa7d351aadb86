// SPDX-License-Identifier: Apache-2.0
/* parse.h - one value of the environment, as a number, a choice, a list.
 *
 * Pure. The same text means the same everywhere: no locale, and so no strtod. Every function says
 * whether the whole text was understood and leaves *value alone where it was not. Text comes
 * trimmed. */
#ifndef CONFIG_PARSE_H
#define CONFIG_PARSE_H

#include "agent/base/slice.h"
#include "config/settings.h"

/* Decimal digits with an optional sign; false outside least..most. */
bool parse_integer(struct slice text, int64_t least, int64_t most, int64_t *value);

/* A number of milliseconds, or a whole number with one of the units ms, s, m: `500ms`, `1s`, `2m`.
 * least and most are milliseconds. */
bool parse_milliseconds(struct slice text, int64_t least, int64_t most, int64_t *value);

/* 0 to 1: `1`, `0.25`, `.5`, `1e-3`. Correctly rounded up to 15 digits; further ones are read and
 * don't count. */
bool parse_ratio(struct slice text, double *value);

/* `true` or `false`, any case. */
bool parse_boolean(struct slice text, bool *value);

/* The same, or `auto`. */
bool parse_boolean_auto(struct slice text, enum config_when *value);

/* Statuses 100 to 599 and ranges of them: `404,500-599`. */
bool parse_statuses(struct slice text, struct config_statuses *value);

/* An enumeration: names and their values, ended by a NULL name. The first `shown` ones are offered
 * in messages; those behind are other spellings. */
struct parse_choices {
    unsigned shown;
    struct parse_choice {
        const char *name;
        unsigned value;
    } of[13];
};

extern const struct parse_choices parse_log_levels;
extern const struct parse_choices parse_samplers;
extern const struct parse_choices parse_propagators;
extern const struct parse_choices parse_exporters;
extern const struct parse_choices parse_compressions;
extern const struct parse_choices parse_protocols;
extern const struct parse_choices parse_whens;
extern const struct parse_choices parse_redact_modes;
extern const struct parse_choices parse_db_spans;
extern const struct parse_choices parse_with_sdks;

/* The choice of that name, any case. */
bool parse_choice(struct slice text, const struct parse_choices *choices, unsigned *value);

/* OTEL_SEMCONV_STABILITY_OPT_IN: comma-separated categories. `http` and `database` drop the older
 * names of their category, `http/dup` and `database/dup` keep both and win over the plain ones
 * (semantic conventions, HTTP and database, "important" box). A category that is not mentioned
 * keeps what the agent does by default, both: that is what the conventions ask for. Categories of
 * other instrumentations share the variable and are nobody's mistake, so nothing here is malformed.
 */
unsigned parse_semconv(struct slice text);

#endif
