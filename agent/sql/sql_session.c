// SPDX-License-Identifier: Apache-2.0
#include "agent/sql/sql_session.h"

/* By the whole summary: what touches a table, or holds another operation, has more in it. */
static const struct slice summaries[] = {
    {"SET", 3},       {"BEGIN", 5},   {"START TRANSACTION", 17}, {"COMMIT", 6}, {"ROLLBACK", 8},
    {"SAVEPOINT", 9}, {"RELEASE", 7},
};

static bool is_compound(struct slice text)
{
    struct slice begin = SLICE_LITERAL("begin not ");
    return text.length >= begin.length &&
           slice_equal_nocase((struct slice){text.at, begin.length}, begin);
}

bool sql_is_session(const struct sql *sql)
{
    if (sql->statements != 1 || sql->truncated)
        return false;
    for (size_t i = 0; i < sizeof summaries / sizeof *summaries; i++)
        if (slice_equal(sql->summary, summaries[i]))
            return !is_compound(sql->text);
    return slice_equal(sql->operation, SLICE_LITERAL("USE"));
}
