// SPDX-License-Identifier: Apache-2.0
#include "agent/sql/sql_target.h"

#include "agent/sql/sql_name.h"
#include "agent/sql/sql_scan.h"

bool sql_target_is_table(enum sql_expected expected)
{
    return expected == SQL_EXPECT_TABLE || expected == SQL_EXPECT_TABLES ||
           expected == SQL_EXPECT_USING;
}

void sql_target_append(struct sql_summary *summary, struct slice bytes, bool spaced)
{
    size_t space = spaced && summary->length > 0;
    if (summary->full || summary->capacity - summary->length < bytes.length + space) {
        summary->full = true;
        return;
    }
    if (space)
        summary->at[summary->length++] = ' ';
    memcpy(summary->at + summary->length, bytes.at, bytes.length);
    summary->length += bytes.length;
}

/* Without its backquotes where they are not needed to see where it ends. */
static struct slice plain_name(struct slice name)
{
    if (name.at[0] != '`' || name.length < 3)
        return name;
    struct slice inner = {name.at + 1, name.length - 2};
    for (size_t i = 0; i < inner.length; i++)
        if (!sql_is_word_byte((unsigned char)inner.at[i]))
            return name;
    return inner;
}

void sql_target_begin(struct sql_summary *summary, const struct sql_token *token)
{
    if (summary->expected == SQL_EXPECT_CTE) {
        if (summary->cte_count < SQL_SUMMARY_CTES)
            summary->ctes[summary->cte_count++] = plain_name(token->bytes);
        summary->expected = SQL_EXPECT_NOTHING;
        return;
    }
    summary->name = SQL_NAME_PIECE;
    summary->name_as = summary->expected;
    summary->name_at = summary->length;
    sql_target_append(summary, plain_name(token->bytes), true);
    summary->expected = SQL_EXPECT_NOTHING;
}

static bool is_no_table(const struct sql_summary *summary, struct slice name)
{
    for (unsigned i = 0; i < summary->cte_count; i++)
        if (slice_equal_nocase(name, summary->ctes[i]))
            return true;
    return slice_equal_nocase(name, sql_word_text(SQL_DUAL));
}

struct slice sql_target_written(const struct sql_summary *summary, size_t at)
{
    struct slice written = {summary->at + at, summary->length - at};
    return written.length && written.at[0] == ' ' ? slice_after(written, 1) : written;
}

/* A backquote inside is doubled. More than one name, as in `a`.`b`, stays as written. */
static struct slice without_backquotes(struct slice name)
{
    size_t end = 1;
    if (name.length < 2 || name.at[0] != '`')
        return name;
    while (end + 1 < name.length && (name.at[end] != '`' || name.at[end + 1] == '`'))
        end += name.at[end] == '`' ? 2 : 1;
    return end + 1 == name.length ? (struct slice){name.at + 1, name.length - 2} : name;
}

/* Folds the name that was written. A table and a schema stay as written, at the buffer's end,
 * because attributes say what was used. */
static void fold(struct sql_summary *summary, struct slice name)
{
    char *at = summary->at + summary->length - name.length;
    bool counted = summary->latest == SQL_PREPARE || summary->latest == SQL_EXECUTE;
    bool is_table = summary->table.at == at;
    bool is_schema = summary->latest == SQL_USE && summary->use_schema.at >= at;
    bool fits = summary->capacity - summary->length >= name.length;
    char *aside = summary->at + summary->capacity - name.length;
    size_t length = name.length;
    if (is_schema && !fits) {
        summary->length = summary->name_at;
        summary->full = true; /* so the schema stays where it is: later calls go by it */
        return;
    }
    if (fits && (is_table || is_schema))
        memcpy(aside, at, name.length);
    if (!sql_name_fold(at, &length, counted))
        return;
    summary->length -= name.length - length;
    if (!is_table && !is_schema)
        return;
    summary->capacity -= fits ? name.length : 0;
    if (is_table)
        summary->table = fits ? (struct slice){aside, name.length} : SLICE_NONE;
    if (is_schema)
        summary->use_schema.at = aside + (summary->use_schema.at - at);
    summary->several |= !fits;
}

void sql_target_end(struct sql_summary *summary, const struct sql_token *next)
{
    bool piece_hidden = summary->name == SQL_NAME_DOT && next && next->kind == SQL_TOKEN_LITERAL;
    summary->name = SQL_NAME_NONE;
    if (summary->compound)
        summary->ignored = true;
    if (summary->full || piece_hidden) {
        summary->length = summary->name_at;
        summary->several |= sql_target_is_table(summary->name_as);
        return;
    }
    if (summary->at[summary->length - 1] == '.') /* DELETE a.* FROM */
        summary->length--;
    struct slice name = sql_target_written(summary, summary->name_at);
    if (sql_target_is_table(summary->name_as)) {
        bool function = summary->name_as == SQL_EXPECT_TABLES && next && sql_token_is(next, '(');
        if (function || is_no_table(summary, name))
            summary->length = summary->name_at;
        else if (!summary->table.at)
            summary->table = name;
        else
            summary->several |= !slice_equal(summary->table, name);
    }
    if (summary->latest == SQL_USE)
        summary->use_schema = without_backquotes(name);
    if (summary->length > summary->name_at) /* it was not taken back */
        fold(summary, name);
}

bool sql_target_continues(struct sql_summary *summary, const struct sql_token *token)
{
    if (summary->name == SQL_NAME_PIECE && sql_token_is(token, '.')) {
        sql_target_append(summary, SLICE_LITERAL("."), false);
        summary->name = SQL_NAME_DOT;
        return true;
    }
    if (summary->name == SQL_NAME_DOT &&
        (token->kind == SQL_TOKEN_WORD || token->kind == SQL_TOKEN_QUOTED)) {
        sql_target_append(summary, plain_name(token->bytes), false);
        summary->name = SQL_NAME_PIECE;
        return true;
    }
    sql_target_end(summary, token);
    return false;
}
