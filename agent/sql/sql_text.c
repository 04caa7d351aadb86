// SPDX-License-Identifier: Apache-2.0
#include "agent/sql/sql_text.h"

void sql_text_init(struct sql_text *text, char *buffer, size_t capacity)
{
    *text = (struct sql_text){.capacity = capacity};
    text->at = buffer;
}

static void write(struct sql_text *text, struct slice bytes, bool spaced)
{
    size_t space = spaced && text->length > 0;
    if (text->full || text->capacity - text->length < bytes.length + space) {
        text->full = true;
        return;
    }
    if (space)
        text->at[text->length++] = ' ';
    memcpy(text->at + text->length, bytes.at, bytes.length);
    text->length += bytes.length;
}

static bool is_hidden(const struct sql_token *token)
{
    return token->kind == SQL_TOKEN_LITERAL || token->kind == SQL_TOKEN_REST;
}

static bool is_value(const struct sql_token *token)
{
    return token->kind == SQL_TOKEN_LITERAL || token->kind == SQL_TOKEN_PLACEHOLDER;
}

static void show(struct sql_text *text, const struct sql_token *token)
{
    bool hidden = is_hidden(token);
    if (hidden && text->hidden) { /* 'a' 'b' is one literal; ? ? could be read as two */
        text->gap = true;
        return;
    }
    /* What was left out must not join its neighbours into a new token (`$1` and `.`). */
    bool parts = sql_token_is(token, ')') || sql_token_is(token, ',') || sql_token_is(token, ';');
    bool joins = text->gap && !parts;
    write(text, hidden ? SLICE_LITERAL("?") : token->bytes, token->spaced || joins);
    text->hidden = hidden;
    text->gap = false;
}

static void leave_out(struct sql_text *text)
{
    text->gap = true;
}

static void show_comma(struct sql_text *text)
{
    write(text, SLICE_LITERAL(","), text->comma_spaced);
    text->hidden = false;
    text->gap = false;
}

/* Begins to look for a list, after a token that is in none. */
static void outside(struct sql_text *text, const struct sql_token *token)
{
    text->list = SQL_LIST_NONE;
    if (token->word == SQL_IN)
        text->list = SQL_LIST_IN;
    if (token->word == SQL_VALUES || token->word == SQL_VALUE)
        text->list = SQL_LIST_VALUES;
    show(text, token);
}

static void row(struct sql_text *text, const struct sql_token *token)
{
    text->list = SQL_LIST_ROW;
    text->list_depth = text->depth - 1; /* the token, a parenthesis, has been counted */
    show(text, token);
}

static void after_comma(struct sql_text *text, const struct sql_token *token)
{
    show_comma(text);
    outside(text, token);
}

static void in_items(struct sql_text *text, const struct sql_token *token)
{
    /* 'a' 'b' is one item; a value after a placeholder that is shown is no list we know. */
    bool adjacent = text->list == SQL_LIST_ITEM && !text->hidden && !text->gap;
    if (is_value(token) && !adjacent) {
        if (text->list == SQL_LIST_FIRST)
            show(text, token);
        else
            leave_out(text);
        text->list = SQL_LIST_ITEM;
        return;
    }
    switch (text->list) {
    case SQL_LIST_FIRST:
        if (sql_token_is(token, '('))
            row(text, token);
        else
            outside(text, token);
        return;
    case SQL_LIST_ITEM:
        if (!sql_token_is(token, ',')) {
            outside(text, token);
            return;
        }
        text->comma_spaced = token->spaced;
        text->list = SQL_LIST_ITEM_COMMA;
        return;
    default:
        after_comma(text, token);
        return;
    }
}

static void in_rows(struct sql_text *text, const struct sql_token *token)
{
    bool ends = sql_token_is(token, ')') && text->depth == text->list_depth;
    switch (text->list) {
    case SQL_LIST_ROW:
        show(text, token);
        if (ends)
            text->list = SQL_LIST_ROW_END;
        return;
    case SQL_LIST_ROW_END:
        if (!sql_token_is(token, ',')) {
            outside(text, token);
            return;
        }
        text->comma_spaced = token->spaced;
        text->list = SQL_LIST_ROW_COMMA;
        return;
    case SQL_LIST_ROW_COMMA:
        if (token->word == SQL_ROW)
            leave_out(text);
        else if (sql_token_is(token, '('))
            text->list = SQL_LIST_ROW_SKIP;
        else
            after_comma(text, token);
        return;
    default:
        leave_out(text);
        if (ends)
            text->list = SQL_LIST_ROW_END;
        return;
    }
}

void sql_text_token(struct sql_text *text, const struct sql_token *token)
{
    if (text->full)
        return;
    if (sql_token_is(token, '('))
        text->depth++;
    if (sql_token_is(token, ')') && text->depth > 0)
        text->depth--;
    if (sql_token_is(token, ';')) {
        text->depth = 0;
        text->list = SQL_LIST_NONE;
    }
    if (token->kind == SQL_TOKEN_REST) {
        outside(text, token);
        return;
    }
    switch (text->list) {
    case SQL_LIST_NONE:
        outside(text, token);
        return;
    case SQL_LIST_IN:
        outside(text, token);
        if (sql_token_is(token, '('))
            text->list = SQL_LIST_FIRST;
        return;
    case SQL_LIST_VALUES:
        if (sql_token_is(token, '('))
            row(text, token);
        else
            outside(text, token);
        if (token->word == SQL_ROW)
            text->list = SQL_LIST_VALUES;
        return;
    case SQL_LIST_FIRST:
    case SQL_LIST_ITEM:
    case SQL_LIST_ITEM_COMMA:
        in_items(text, token);
        return;
    default:
        in_rows(text, token);
        return;
    }
}
