// SPDX-License-Identifier: Apache-2.0
/* reader.h - from the environment into the fields of struct config, row by row.
 *
 * The part of config_parse() that looks at variables one at a time, and speaks about those it can't
 * read. Texts still point into the environment afterwards. */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

#include "config/option.h"

struct reader {
    struct config *config;
    const char *(*get)(void *context, const char *name);
    void (*warn)(void *context, const char *message);
    void *context;
    const char *decided_by[OPTION_ROWS]; /* the variable that filled the field; NULL: the default */
};

/* All rows. */
void reader_read(struct reader *reader);

/* One row; returns the variable that decided. */
const char *reader_read_row(const struct reader *reader, enum option_row row);

#endif
