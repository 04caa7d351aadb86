// SPDX-License-Identifier: Apache-2.0
#include "agent/sql/sql_summary.h"

#include "agent/sql/sql_target.h"

void sql_summary_init(struct sql_summary *summary, char *buffer, size_t capacity)
{
    *summary = (struct sql_summary){.capacity = capacity, .expected = SQL_EXPECT_VERB};
    summary->at = buffer;
}

static uint64_t bit(const struct sql_summary *summary)
{
    return summary->depth < SQL_SUMMARY_DEPTHS ? UINT64_C(1) << summary->depth : 0;
}

static unsigned flags_of(enum sql_word word)
{
    return sql_word_rows[word].flags;
}

static void begin_operation(struct sql_summary *summary, enum sql_word word)
{
    struct slice text = sql_word_text(word);
    sql_target_append(summary, text, true);
    if (!summary->operation.at)
        summary->operation = text;
    /* The statement's own operation is the first one outside parentheses. */
    if (summary->statements == 1 && (!summary->verb || (summary->depth == 0 && !summary->outer)))
        summary->reads = flags_of(word) & SQL_IS_READ;
    if (!summary->verb)
        summary->verb = word;
    if (summary->depth == 0)
        summary->outer = true;
    summary->latest = word;
    summary->object = SQL_NO_WORD;
    summary->in_with &= ~bit(summary);
    summary->in_tables &= ~bit(summary);
    summary->awaits_from &= ~bit(summary);
    if (word == SQL_SELECT || word == SQL_DELETE || word == SQL_UPDATE)
        summary->awaits_from |= bit(summary);
    summary->expected = (enum sql_expected)sql_word_rows[word].expected;
    if (summary->expected == SQL_EXPECT_TABLES)
        summary->in_tables |= bit(summary);
    /* SELECT and INSERT are privileges there. */
    summary->ignored = word == SQL_GRANT || word == SQL_REVOKE;
}

static void begin_object(struct sql_summary *summary, enum sql_word word)
{
    sql_target_append(summary, sql_word_text(word), true);
    summary->object = word;
    summary->expected = (enum sql_expected)sql_word_rows[word].expected;
    bool defines = summary->latest == SQL_CREATE || summary->latest == SQL_ALTER;
    if (summary->expected == SQL_EXPECT_TABLE && !defines) /* DROP TABLE a, b */
        summary->expected = SQL_EXPECT_TABLES;
    if (summary->expected == SQL_EXPECT_TABLES)
        summary->in_tables |= bit(summary);
    summary->compound = summary->latest == SQL_CREATE &&
                        (word == SQL_PROCEDURE || word == SQL_FUNCTION || word == SQL_TRIGGER ||
                         word == SQL_EVENT || word == SQL_PACKAGE);
}

/* WITH begins common table expressions, unless it is one of its many other uses. */
static bool begins_with(const struct sql_summary *summary)
{
    return summary->expected == SQL_EXPECT_VERB || summary->expected == SQL_EXPECT_VERB_OR_OBJECT ||
           sql_token_is(&summary->last, '(') || summary->last.word == SQL_AS ||
           summary->latest == SQL_INSERT || summary->latest == SQL_REPLACE;
}

/* Words that mean the same wherever they stand. False: it may be a name. */
static bool clause(struct sql_summary *summary, const struct sql_token *token)
{
    switch (token->word) {
    case SQL_SELECT:
        begin_operation(summary, SQL_SELECT);
        return true;
    case SQL_WITH:
        if (!begins_with(summary))
            return false;
        summary->in_with |= bit(summary);
        summary->expected = SQL_EXPECT_CTE;
        return true;
    case SQL_FROM:
        /* No clause where none is awaited: EXTRACT(YEAR FROM x), IS DISTINCT FROM. */
        if (!(summary->awaits_from & bit(summary)) || summary->last.word == SQL_DISTINCT)
            return true;
        summary->awaits_from &= ~bit(summary);
        summary->in_tables |= bit(summary);
        summary->expected = SQL_EXPECT_TABLES;
        return true;
    case SQL_JOIN:
    case SQL_STRAIGHT_JOIN:
        if (summary->in_tables & bit(summary))
            summary->expected = SQL_EXPECT_TABLES;
        return true;
    case SQL_USING:
        if (summary->latest == SQL_DELETE || summary->latest == SQL_MERGE) {
            summary->in_tables |= bit(summary);
            summary->expected = SQL_EXPECT_USING;
        }
        return true;
    case SQL_TABLE:
        if (summary->latest == SQL_LOAD)
            summary->expected = SQL_EXPECT_TABLE;
        return summary->latest == SQL_LOAD;
    case SQL_TO:
        if (summary->latest == SQL_RENAME)
            summary->expected = SQL_EXPECT_TABLE;
        return true;
    case SQL_ON:
        if (summary->object == SQL_INDEX)
            summary->expected = SQL_EXPECT_TABLE;
        return true;
    default:
        return false;
    }
}

static void word(struct sql_summary *summary, const struct sql_token *token)
{
    unsigned flags = flags_of(token->word);
    enum sql_expected expected = summary->expected;
    if (expected == SQL_EXPECT_VERB_OR_OBJECT && flags & SQL_IS_OBJECT) {
        begin_object(summary, token->word);
        return;
    }
    if ((expected == SQL_EXPECT_VERB || expected == SQL_EXPECT_VERB_OR_OBJECT) &&
        flags & SQL_IS_VERB) {
        begin_operation(summary, token->word);
        return;
    }
    if (token->word == SQL_NOT && summary->last.word == SQL_BEGIN) /* BEGIN NOT ATOMIC */
        summary->compound = summary->ignored = true;
    if (clause(summary, token))
        return;
    if (sql_target_is_table(expected) && sql_token_is(&summary->last, '{'))
        return; /* {oj a JOIN b} */
    switch (expected) {
    case SQL_EXPECT_VERB:
        summary->expected = SQL_EXPECT_NOTHING;
        break;
    case SQL_EXPECT_OBJECT:
        if (flags & SQL_IS_OBJECT)
            begin_object(summary, token->word);
        return;
    case SQL_EXPECT_TABLE:
    case SQL_EXPECT_TABLES:
    case SQL_EXPECT_USING:
    case SQL_EXPECT_CTE:
        if (flags & SQL_IS_SKIP)
            return;
        if (flags & SQL_IS_ENDS)
            break;
        sql_target_begin(summary, token);
        return;
    case SQL_EXPECT_NAME:
        if (!(flags & (SQL_IS_SKIP | SQL_IS_SCOPE)))
            sql_target_begin(summary, token);
        return;
    default:
        break;
    }
    if (flags & SQL_IS_ENDS) {
        summary->in_tables &= ~bit(summary);
        summary->expected = SQL_EXPECT_NOTHING;
    }
}

static void open_parenthesis(struct sql_summary *summary)
{
    bool with = summary->in_with & bit(summary);
    summary->depth++;
    summary->awaits_from &= ~bit(summary);
    summary->in_tables &= ~bit(summary);
    summary->in_with &= ~bit(summary);
    if (summary->expected == SQL_EXPECT_TABLES) /* FROM (a JOIN b), or a subquery */
        summary->in_tables |= bit(summary);
    else if (with)
        summary->expected = SQL_EXPECT_VERB;
    else if (summary->expected != SQL_EXPECT_VERB)
        summary->expected = SQL_EXPECT_NOTHING;
}

static void end_statement(struct sql_summary *summary)
{
    struct slice part = sql_target_written(summary, summary->part);
    /* One that was cut may be the same. */
    bool repeats = summary->full ? slice_starts(summary->previous, part)
                                 : slice_equal(summary->previous, part);
    if (repeats)
        summary->length = summary->part;
    else if (part.length)
        summary->previous = part;
    summary->part = summary->length;
    summary->open = summary->ignored = summary->compound = summary->outer = false;
    summary->verb = summary->latest = summary->object = SQL_NO_WORD;
    summary->expected = SQL_EXPECT_VERB;
    summary->depth = 0;
    summary->awaits_from = summary->in_tables = summary->in_with = 0;
    summary->cte_count = 0;
}

static void mark(struct sql_summary *summary, char c)
{
    bool with = summary->in_with & bit(summary);
    switch (c) {
    case '(':
        open_parenthesis(summary);
        return;
    case ')':
        if (summary->depth > 0)
            summary->depth--;
        summary->expected = summary->in_with & bit(summary) ? SQL_EXPECT_VERB : SQL_EXPECT_NOTHING;
        return;
    case ',':
        if (with && summary->expected == SQL_EXPECT_VERB)
            summary->expected = SQL_EXPECT_CTE;
        else if (summary->in_tables & bit(summary))
            summary->expected = SQL_EXPECT_TABLES;
        return;
    case '{': /* {call p} */
    case '=': /* DEFINER = x, FORMAT = JSON, {? = call p} */
    case '@':
        return;
    default:
        summary->several |= sql_target_is_table(summary->expected);
        if (summary->expected != SQL_EXPECT_OBJECT &&
            summary->expected != SQL_EXPECT_VERB_OR_OBJECT)
            summary->expected = SQL_EXPECT_NOTHING;
        return;
    }
}

static void operand(struct sql_summary *summary, const struct sql_token *token)
{
    bool table = sql_target_is_table(summary->expected);
    bool name =
        table || summary->expected == SQL_EXPECT_NAME || summary->expected == SQL_EXPECT_CTE;
    if (name && token->kind == SQL_TOKEN_QUOTED) {
        sql_target_begin(summary, token);
        return;
    }
    /* A table stands here whose name is hidden. */
    summary->several |= table;
    if (name)
        summary->expected = SQL_EXPECT_NOTHING;
}

void sql_summary_token(struct sql_summary *summary, const struct sql_token *token)
{
    if (token->kind == SQL_TOKEN_LITERAL && token->bytes.at[0] == '/')
        return; /* an executable comment: most hold options */
    if (summary->name != SQL_NAME_NONE && sql_target_continues(summary, token)) {
        summary->last = *token;
        return;
    }
    if (sql_token_is(token, ';') && !summary->compound) {
        if (summary->open)
            end_statement(summary);
        return;
    }
    if (!summary->open) {
        summary->open = true;
        summary->statements++;
    }
    if (summary->ignored)
        return;
    if (token->kind == SQL_TOKEN_WORD)
        word(summary, token);
    else if (token->kind == SQL_TOKEN_MARK)
        mark(summary, token->bytes.at[0]);
    else
        operand(summary, token);
    summary->last = *token;
}

void sql_summary_end(struct sql_summary *summary)
{
    if (summary->name != SQL_NAME_NONE)
        sql_target_end(summary, NULL);
    if (summary->open)
        end_statement(summary);
}
