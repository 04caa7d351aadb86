// SPDX-License-Identifier: Apache-2.0
#include "agent/describe/statements.h"

#include <stdatomic.h>
#include <stdint.h>

/* Longer ones are not kept: few are, and memory is bounded. */
#define KEPT_BYTES 1024
#define PLACES     16
#define TEXT_BYTES 4096 /* more than a record has of a statement */

struct statement {
    struct sql sql; /* in `bytes` */
    char bytes[SQL_SUMMARY_BYTES + KEPT_BYTES];
    bool known;
};

_Static_assert(SQL_SUMMARY_BYTES * 4 <= SQL_SUMMARY_BYTES + KEPT_BYTES, "the text has its bytes");

static struct statement kept[PLACES];

static struct statement *place_of(struct slice text)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < text.length; i += 8)
        hash = (hash ^ (unsigned char)text.at[i]) * 0x9e3779b1u;
    hash = (hash ^ (uint32_t)text.length) * 0x9e3779b1u;
    return &kept[(hash >> 16) % PLACES];
}

const struct sql *statements_summarise(struct slice text)
{
    static struct sql sql;
    static char bytes[SQL_SUMMARY_BYTES + TEXT_BYTES];
    if (text.length > KEPT_BYTES) {
        sql_summarise(text, bytes, sizeof bytes, &sql);
        return &sql;
    }
    struct statement *statement = place_of(text);
    if (!statement->known || !slice_equal(statement->sql.text, text)) {
        statement->known = false;
        atomic_signal_fence(memory_order_seq_cst); /* a child may be forked in between */
        sql_summarise(text, statement->bytes, sizeof statement->bytes, &statement->sql);
        atomic_signal_fence(memory_order_seq_cst);
        /* Else it would not be found again by this text, or by one that says less. */
        statement->known = slice_equal(statement->sql.text, text);
    }
    return &statement->sql;
}
