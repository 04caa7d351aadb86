// SPDX-License-Identifier: Apache-2.0
#include "agent/sql/sql_scan.h"

/* Identifiers of MySQL and MariaDB have at most 64 characters of at most 4 bytes. */
enum { IDENTIFIER_BYTES = 256 };

const unsigned char sql_classes[256] = {
    ['\t' ... '\r'] = SQL_CLASS_SPACE,
    [' '] = SQL_CLASS_SPACE,
    ['!'] = SQL_CLASS_MARK,
    ['"'] = SQL_CLASS_QUOTE,
    ['#'] = SQL_CLASS_COMMENT,
    ['$'] = SQL_CLASS_DOLLAR,
    ['%' ... '&'] = SQL_CLASS_MARK,
    ['\''] = SQL_CLASS_QUOTE,
    ['(' ... ','] = SQL_CLASS_MARK,
    ['-'] = SQL_CLASS_COMMENT,
    ['.'] = SQL_CLASS_MARK,
    ['/'] = SQL_CLASS_COMMENT,
    ['0' ... '9'] = SQL_CLASS_DIGIT,
    [':' ... '@'] = SQL_CLASS_MARK,
    ['A' ... 'Z'] = SQL_CLASS_LETTER,
    ['['] = SQL_CLASS_MARK,
    [']' ... '^'] = SQL_CLASS_MARK,
    ['_'] = SQL_CLASS_LETTER,
    ['`'] = SQL_CLASS_BACKQUOTE,
    ['a' ... 'z'] = SQL_CLASS_LETTER,
    ['{' ... '~'] = SQL_CLASS_MARK,
    [0x80 ... 0xff] = SQL_CLASS_HIGH,
};

/* Position of c from `at` on, or length. */
static size_t find(const unsigned char *text, size_t length, size_t at, unsigned char c)
{
    const unsigned char *hit = at < length ? memchr(text + at, c, length - at) : NULL;
    return hit ? (size_t)(hit - text) : length;
}

static bool is(const unsigned char *text, size_t length, size_t at, unsigned char c)
{
    return at < length && text[at] == c;
}

enum sql_scan sql_scan_string(const unsigned char *text, size_t length, size_t at, size_t *end)
{
    unsigned char quote = text[at];
    size_t inside = at + 1;
    /* 'It begins with a quote' for most, but the open end of a long literal for those that write
     * three quotes around them (BigQuery, Spark). */
    if (is(text, length, inside, quote) && is(text, length, inside + 1, quote))
        return SQL_SCAN_UNSURE;
    for (size_t i = inside;;) {
        size_t hit = find(text, length, i, quote);
        if (hit == length) {
            *end = length;
            return SQL_SCAN_HIDE;
        }
        size_t run = hit;
        while (run > i && text[run - 1] == '\\')
            run--;
        /* An odd number of backslashes: an escaped quote, or the end where a backslash is only a
         * backslash. After a byte above 127 the first one may be the second half of a character
         * (GBK, SJIS), which makes odd of even. */
        if ((hit - run) % 2 == 1 || (hit > run && run > inside && text[run - 1] >= 0x80))
            return SQL_SCAN_UNSURE;
        if (!is(text, length, hit + 1, quote)) {
            *end = hit + 1;
            return SQL_SCAN_HIDE;
        }
        i = hit + 2;
    }
}

/* Bytes of the UTF-8 character at `at`, 0 where there is none (RFC 3629, section 4). */
static size_t utf8_character(const unsigned char *text, size_t length, size_t at)
{
    unsigned char c = text[at];
    if (c < 0x80)
        return 1;
    size_t bytes = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || length - at < bytes)
        return 0;
    unsigned char least = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char most = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (text[at + 1] < least || text[at + 1] > most)
        return 0;
    for (size_t i = 2; i < bytes; i++)
        if (text[at + i] < 0x80 || text[at + i] > 0xbf)
            return 0;
    return bytes;
}

enum sql_scan sql_scan_backquoted(const unsigned char *text, size_t length, size_t at, size_t *end)
{
    for (size_t i = at + 1; i < length;) {
        unsigned char c = text[i];
        if (c == '`' && !is(text, length, i + 1, '`')) {
            *end = i + 1;
            return *end - at <= IDENTIFIER_BYTES + 2 ? SQL_SCAN_KEEP : SQL_SCAN_HIDE;
        }
        /* Quotes: to some the backquote is an operator, and what follows a literal. */
        if (c < ' ' || c == 0x7f || c == '\'' || c == '"' || c == '\\')
            return SQL_SCAN_UNSURE;
        size_t bytes = c == '`' ? 2 : utf8_character(text, length, i);
        if (bytes == 0)
            return SQL_SCAN_UNSURE;
        i += bytes;
    }
    return SQL_SCAN_UNSURE;
}

/* The rest of a line, without its end. UNSURE where those who read it as SQL would not come out at
 * the same end: it holds the begin of something opaque, or a character that ends a line to some. */
static enum sql_scan scan_line(const unsigned char *text, size_t length, size_t at, size_t *end)
{
    *end = find(text, length, at, '\n');
    for (size_t i = at; i < *end; i++)
        switch (text[i]) {
        case '\'':
        case '"':
        case '`':
        case '\\':
        case '$':
        case '[':
        case '\0':
            return SQL_SCAN_UNSURE;
        case '\r':
            if (i + 1 < *end)
                return SQL_SCAN_UNSURE;
            break;
        case '*':
            if (text[i - 1] == '/')
                return SQL_SCAN_UNSURE;
            break;
        default:
            break;
        }
    return SQL_SCAN_HIDE;
}

/* A comment to all dialects: what its line holds does not matter. */
static enum sql_scan scan_dashes(const unsigned char *text, size_t length, size_t at, size_t *end)
{
    *end = find(text, length, at, '\n');
    size_t nul = find(text, *end, at, '\0');
    size_t cr = find(text, *end, at, '\r');
    return nul < *end || cr + 1 < *end ? SQL_SCAN_UNSURE : SQL_SCAN_DROP;
}

static enum sql_scan scan_block(const unsigned char *text, size_t length, size_t at, size_t *end)
{
    size_t i = at + 2;
    bool executable =
        is(text, length, i, '!') || (i < length && sql_classes[text[i]] == SQL_CLASS_LETTER &&
                                     is(text, length, i + 1, '!')); /* MariaDB's M!, TiDB's T! */
    for (; i < length; i++) {
        unsigned char c = text[i];
        if (c == '*' && is(text, length, i + 1, '/')) {
            *end = i + 2;
            return executable ? SQL_SCAN_HIDE : SQL_SCAN_DROP;
        }
        if (c == '/' && is(text, length, i + 1, '*'))
            return SQL_SCAN_UNSURE; /* some dialects nest comments */
        /* An executable comment ends where its SQL says, to those who execute it. */
        if (executable && (c == '\'' || c == '"' || c == '`' || c == '#' || c == '$' || c == '[' ||
                           c == '\\' || c == '\0' || (c == '-' && is(text, length, i + 1, '-'))))
            return SQL_SCAN_UNSURE;
    }
    return SQL_SCAN_UNSURE;
}

enum sql_scan sql_scan_comment(const unsigned char *text, size_t length, size_t at, size_t *end)
{
    unsigned char next = at + 1 < length ? text[at + 1] : ' ';
    switch (text[at]) {
    case '#': /* a comment to MySQL, an operator to others */
        return scan_line(text, length, at, end) == SQL_SCAN_HIDE ? SQL_SCAN_DROP : SQL_SCAN_UNSURE;
    case '-':
        if (next != '-')
            return SQL_SCAN_NONE;
        next = at + 2 < length ? text[at + 2] : ' ';
        if (next <= ' ' || next == 0x7f)
            return scan_dashes(text, length, at, end);
        return scan_line(text, length, at, end); /* two minus signs to MySQL, a comment to others */
    default:
        if (next == '*')
            return scan_block(text, length, at, end);
        /* A comment to Snowflake, a division to DuckDB. */
        return next == '/' ? scan_line(text, length, at, end) : SQL_SCAN_NONE;
    }
}

enum sql_scan sql_scan_number(const unsigned char *text, size_t length, size_t at, size_t *end)
{
    size_t i = at;
    for (; i < length && (sql_is_word_byte(text[i]) || text[i] == '.'); i++) {
        if (text[i] == '$') /* 1$$ may begin a dollar quote */
            return SQL_SCAN_UNSURE;
        if (text[i] >= 0x80)
            return SQL_SCAN_UNSURE;
        if ((text[i] | 0x20) == 'e' && i + 2 < length &&
            (text[i + 1] == '-' || text[i + 1] == '+') &&
            sql_classes[text[i + 2]] == SQL_CLASS_DIGIT)
            i++;
    }
    *end = i;
    return SQL_SCAN_HIDE;
}

/* Quotation marks, spaces and dashes beyond ASCII: a program that writes them writes a value
 * without quotes, or with the wrong ones. */
static bool is_typographic(const unsigned char *c)
{
    return c[0] == 0xc2 || (c[0] == 0xe2 && c[1] <= 0x81) || (c[0] == 0xe3 && c[1] == 0x80) ||
           c[0] == 0xef;
}

enum sql_scan sql_scan_word(const unsigned char *text, size_t length, size_t at, size_t *end)
{
    size_t i = at;
    while (i < length && sql_is_word_byte(text[i])) {
        if (text[i] < 0x80) {
            i++;
            continue;
        }
        size_t bytes = utf8_character(text, length, i);
        if (bytes == 0 || is_typographic(text + i))
            return SQL_SCAN_UNSURE;
        i += bytes;
    }
    *end = i;
    return SQL_SCAN_KEEP;
}
