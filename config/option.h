// SPDX-License-Identifier: Apache-2.0
/* option.h - the rows of options.def as data.
 *
 * What the parser loops over. A row knows where its field lies in struct config, which variables
 * fill it and what they may say. */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include "config/parse.h"
#include "config/settings.h"

enum option_type {
    OPTION_BOOLEAN,
    OPTION_BOOLEAN_AUTO,
    OPTION_INTEGER,
    OPTION_MILLISECONDS,
    OPTION_RATIO,
    OPTION_TEXT,
    OPTION_PAIRS,
    OPTION_ENDPOINT,
    OPTION_STATUSES,
    OPTION_SEMCONV,
    OPTION_LOG_LEVEL,
    OPTION_SAMPLER,
    OPTION_PROPAGATORS,
    OPTION_EXPORTERS,
    OPTION_COMPRESSION,
    OPTION_PROTOCOL,
    OPTION_WHEN,
    OPTION_REDACT_MODE,
    OPTION_DB_SPANS,
    OPTION_WITH_SDK
};

struct option {
    enum option_type type;
    size_t offset;            /* of the field in struct config */
    const char *variables[5]; /* by rank, ended by NULL */
    const char *value;        /* the default */
    int64_t least, most;
};

/* Indices into option_rows. */
enum option_row {
#define OPTION(type, field, variable, also, value, least, most, sentence) ROW_##field,
#include "config/options.def"
#undef OPTION
    OPTION_ROWS
};

extern const struct option option_rows[OPTION_ROWS];

/* The names of an enumeration's or list's values; NULL for other types. */
const struct parse_choices *option_choices(enum option_type type);

/* What a value of this row has to be, in words: in `out`, or a constant. */
const char *option_expected(const struct option *option, char *out, size_t out_bytes);

/* TEXT and the types that are kept as text: the field is a const char *. */
bool option_is_text(const struct option *option);

#endif
