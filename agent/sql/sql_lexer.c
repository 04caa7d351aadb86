// SPDX-License-Identifier: Apache-2.0
#include "agent/sql/sql_lexer.h"

#include "agent/sql/sql_scan.h"

void sql_lexer_init(struct sql_lexer *lexer, struct slice text)
{
    if (text.length == 0)
        text = SLICE_LITERAL(""); /* so that no address is ever made from NULL */
    *lexer = (struct sql_lexer){.text = (const unsigned char *)text.at, .length = text.length};
}

static unsigned char byte_at(const struct sql_lexer *lexer, size_t at)
{
    return at < lexer->length ? lexer->text[at] : '\0';
}

static enum sql_class class_at(const struct sql_lexer *lexer, size_t at)
{
    return (enum sql_class)sql_classes[byte_at(lexer, at)];
}

/* Turns a scan's answer into the kind of the token that ends at `end`. Square brackets may be an
 * identifier, which ends at the first closing one whatever lies before it: an opaque part that
 * straddles that end is one only to those for whom brackets are operators. */
static enum sql_token_kind take_opaque(struct sql_lexer *lexer, enum sql_scan scan, size_t end,
                                       enum sql_token_kind kept)
{
    if (scan == SQL_SCAN_UNSURE)
        return SQL_TOKEN_REST;
    if (lexer->at < lexer->bracket_end && (lexer->bracket_open || end > lexer->bracket_end))
        return SQL_TOKEN_REST;
    lexer->at = end;
    return scan == SQL_SCAN_KEEP ? kept : SQL_TOKEN_LITERAL;
}

static void note_bracket(struct sql_lexer *lexer, size_t at)
{
    if (at < lexer->bracket_end)
        return; /* the end is known; looking again for each bracket would be quadratic */
    const unsigned char *hit = memchr(lexer->text + at, ']', lexer->length - at);
    lexer->bracket_end = hit ? (size_t)(hit - lexer->text) : lexer->length;
    /* ]] is an escaped bracket to some. */
    lexer->bracket_open = !hit || byte_at(lexer, lexer->bracket_end + 1) == ']';
    if (lexer->bracket_open)
        lexer->bracket_end = lexer->length;
}

/* Passes white space and comments. MARK: a token begins at `from`, lexer->at, its kind still to be
 * told; LITERAL and REST are comments to hide. */
static enum sql_token_kind skip_blank(struct sql_lexer *lexer, bool *spaced, size_t *from)
{
    for (; lexer->at < lexer->length; *spaced = true) {
        *from = lexer->at;
        enum sql_class class = class_at(lexer, lexer->at);
        if (class == SQL_CLASS_SPACE) {
            lexer->at++;
            continue;
        }
        if (class != SQL_CLASS_COMMENT)
            return SQL_TOKEN_MARK;
        size_t end = lexer->at;
        enum sql_scan scan = sql_scan_comment(lexer->text, lexer->length, lexer->at, &end);
        if (scan == SQL_SCAN_NONE)
            return SQL_TOKEN_MARK;
        enum sql_token_kind kind = take_opaque(lexer, scan, end, SQL_TOKEN_END);
        if (scan != SQL_SCAN_DROP || kind == SQL_TOKEN_REST)
            return kind;
    }
    return SQL_TOKEN_END;
}

/* A word directly before a quote that belongs to the literal: N'', _utf8mb4''. */
static bool is_prefix(struct slice word)
{
    if (word.at[0] == '_')
        return true;
    if (word.length > 2)
        return false;
    for (size_t i = 0; i < word.length; i++)
        if (!strchr("bBeEnNrRxXuU", word.at[i]))
            return false;
    return true;
}

/* Oracle's q'[...]' ends at ]', whatever quotes lie between. */
static bool is_q_quote(struct slice word)
{
    char last = slice_lower(word.at[word.length - 1]);
    return last == 'q' &&
           (word.length == 1 || (word.length == 2 && slice_lower(word.at[0]) == 'n'));
}

/* Whether a sign may begin a number here: not after an operand. */
static bool sign_belongs_to_number(const struct sql_token *previous)
{
    switch (previous->kind) {
    case SQL_TOKEN_END: /* the begin of the text */
        return true;
    case SQL_TOKEN_MARK:
        return previous->bytes.at[0] != ')' && previous->bytes.at[0] != ']';
    case SQL_TOKEN_WORD:
        return sql_word_rows[previous->word].flags & SQL_IS_SIGN;
    default:
        return false;
    }
}

static size_t number_after_sign(const struct sql_lexer *lexer, size_t at)
{
    while (class_at(lexer, at) == SQL_CLASS_SPACE)
        at++;
    bool digit = class_at(lexer, at) == SQL_CLASS_DIGIT ||
                 (byte_at(lexer, at) == '.' && class_at(lexer, at + 1) == SQL_CLASS_DIGIT);
    return digit ? at : 0;
}

static enum sql_token_kind take_number(struct sql_lexer *lexer, size_t at)
{
    size_t end = at;
    enum sql_scan scan = sql_scan_number(lexer->text, lexer->length, at, &end);
    if (scan == SQL_SCAN_UNSURE)
        return SQL_TOKEN_REST;
    lexer->at = end;
    return SQL_TOKEN_LITERAL;
}

static enum sql_token_kind take_string(struct sql_lexer *lexer, size_t at)
{
    size_t end = at;
    enum sql_scan scan = sql_scan_string(lexer->text, lexer->length, at, &end);
    return take_opaque(lexer, scan, end, SQL_TOKEN_LITERAL);
}

static enum sql_token_kind take_backquoted(struct sql_lexer *lexer)
{
    size_t end = lexer->at;
    enum sql_scan scan = sql_scan_backquoted(lexer->text, lexer->length, lexer->at, &end);
    return take_opaque(lexer, scan, end, SQL_TOKEN_QUOTED);
}

static enum sql_token_kind take_word(struct sql_lexer *lexer)
{
    size_t end = lexer->at;
    if (sql_scan_word(lexer->text, lexer->length, lexer->at, &end) == SQL_SCAN_UNSURE)
        return SQL_TOKEN_REST;
    struct slice bytes = {(const char *)lexer->text + lexer->at, end - lexer->at};
    if (byte_at(lexer, end) == '\'' || byte_at(lexer, end) == '"') {
        if (is_q_quote(bytes))
            return SQL_TOKEN_REST;
        if (is_prefix(bytes))
            return take_string(lexer, end);
    }
    lexer->at = end;
    return SQL_TOKEN_WORD;
}

/* $1 and $name may be shown; $$ and $tag$ open a quote whose end depends on the dialect. */
static enum sql_token_kind take_dollar(struct sql_lexer *lexer)
{
    size_t end = lexer->at + 1;
    if (class_at(lexer, end) == SQL_CLASS_DIGIT) {
        while (class_at(lexer, end) == SQL_CLASS_DIGIT)
            end++;
        if (sql_is_word_byte(byte_at(lexer, end)))
            return SQL_TOKEN_REST;
        if (byte_at(lexer, end) == '.' || end - lexer->at > 6)
            return take_number(lexer, lexer->at + 1); /* money */
        lexer->at = end;
        return SQL_TOKEN_PLACEHOLDER;
    }
    while (sql_is_word_byte(byte_at(lexer, end)) && byte_at(lexer, end) != '$')
        end++;
    return byte_at(lexer, end) == '$' ? SQL_TOKEN_REST : take_word(lexer);
}

static enum sql_token_kind take_variable(struct sql_lexer *lexer)
{
    size_t end = lexer->at + 1;
    if (byte_at(lexer, end) == '@')
        end++;
    if (class_at(lexer, end) != SQL_CLASS_LETTER) {
        lexer->at++;
        return SQL_TOKEN_MARK;
    }
    while (class_at(lexer, end) == SQL_CLASS_LETTER || class_at(lexer, end) == SQL_CLASS_DIGIT ||
           (byte_at(lexer, end) == '.' && class_at(lexer, end + 1) == SQL_CLASS_LETTER))
        end++;
    lexer->at = end;
    return SQL_TOKEN_VARIABLE;
}

static enum sql_token_kind take_mark(struct sql_lexer *lexer)
{
    const struct sql_token *previous = &lexer->token;
    size_t at = lexer->at;
    size_t next = 0;
    switch (lexer->text[at]) {
    case '?': /* the placeholder, of some dialects with a number */
        if (class_at(lexer, at + 1) == SQL_CLASS_DIGIT)
            return take_number(lexer, at + 1);
        lexer->at++;
        return SQL_TOKEN_LITERAL;
    case '@':
        return take_variable(lexer);
    case '[':
        note_bracket(lexer, at);
        break;
    case ':': /* :name, but not the second colon of a cast, ::type */
        if (class_at(lexer, at + 1) != SQL_CLASS_LETTER || sql_token_is(previous, ':'))
            break;
        while (class_at(lexer, ++at) == SQL_CLASS_LETTER || class_at(lexer, at) == SQL_CLASS_DIGIT)
            ;
        lexer->at = at;
        return SQL_TOKEN_PLACEHOLDER;
    case '.': /* .5, but not schema.2024_orders */
        if (class_at(lexer, at + 1) != SQL_CLASS_DIGIT || previous->kind == SQL_TOKEN_WORD ||
            previous->kind == SQL_TOKEN_QUOTED || previous->kind == SQL_TOKEN_VARIABLE)
            break;
        return take_number(lexer, at);
    case '-':
    case '+':
        next = sign_belongs_to_number(previous) ? number_after_sign(lexer, at + 1) : 0;
        if (next)
            return take_number(lexer, next);
        break;
    default:
        break;
    }
    lexer->at++;
    return SQL_TOKEN_MARK;
}

static enum sql_token_kind kind_at(struct sql_lexer *lexer)
{
    switch (class_at(lexer, lexer->at)) {
    case SQL_CLASS_LETTER:
    case SQL_CLASS_HIGH:
        return take_word(lexer);
    case SQL_CLASS_DIGIT:
        return take_number(lexer, lexer->at);
    case SQL_CLASS_DOLLAR:
        return take_dollar(lexer);
    case SQL_CLASS_QUOTE:
        return take_string(lexer, lexer->at);
    case SQL_CLASS_BACKQUOTE:
        return take_backquoted(lexer);
    case SQL_CLASS_COMMENT:
    case SQL_CLASS_MARK:
        return take_mark(lexer);
    default:
        return SQL_TOKEN_REST;
    }
}

const struct sql_token *sql_lexer_next(struct sql_lexer *lexer)
{
    struct sql_token token = {.spaced = false};
    enum sql_word previous = lexer->token.word;
    size_t from = lexer->at;
    token.kind = skip_blank(lexer, &token.spaced, &from);
    if (token.kind == SQL_TOKEN_MARK) {
        /* Some servers take a password without quotes here. */
        bool password = previous == SQL_BY && lexer->before == SQL_IDENTIFIED;
        token.kind = password ? SQL_TOKEN_REST : kind_at(lexer);
    }
    /* A token without bytes would be a mistake here; it must not become an endless loop there. */
    if (token.kind != SQL_TOKEN_END && lexer->at == from)
        token.kind = SQL_TOKEN_REST;
    if (token.kind == SQL_TOKEN_REST)
        lexer->at = lexer->length;
    token.bytes = (struct slice){(const char *)lexer->text + from, lexer->at - from};
    if (token.kind == SQL_TOKEN_WORD && !sql_token_is(&lexer->token, '.')) {
        token.word = sql_word_find(token.bytes);
        if (token.word == SQL_TRUE || token.word == SQL_FALSE)
            token.kind = SQL_TOKEN_LITERAL;
    }
    lexer->before = previous;
    lexer->token = token;
    return &lexer->token;
}
