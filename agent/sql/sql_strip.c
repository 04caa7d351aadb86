// SPDX-License-Identifier: Apache-2.0
#include "agent/sql/sql_strip.h"

#include <stdint.h>

#include "agent/base/http1_scan.h"
#include "agent/sql/sql_literal.h"
#include "agent/sql/sql_scan.h"
#include "agent/sql/sql_word.h"

/* What stands before, as far as it matters to what follows. */
enum last {
    LAST_MARK, /* an operator, `(` or `,`: a sign behind it belongs to the number */
    LAST_WORD, /* keyword or identifier, at strip.word_at */
    LAST_NAME, /* what is no keyword for certain */
    LAST_DOT,
    LAST_CLOSE,
    LAST_LITERAL,
    LAST_IN,
    LAST_IN_OPEN, /* the parenthesis behind it */
    LAST_VALUES
};

struct strip {
    struct sql_bytes bytes;
    size_t at;
    size_t from; /* what lies between here and `at` is still to be copied, as it stands */
    char *out;
    size_t used;
    size_t capacity;
    size_t words_at; /* bits for the bytes from here on: letters, digits and _ */
    uint64_t words;
    size_t word_at; /* LAST_WORD begins here */
    enum last last;
    unsigned depth;     /* of parentheses */
    unsigned row_depth; /* outside the row behind VALUES */
    bool in_row;
    bool inserts; /* rows behind the first are values only */
};

/* ---- what there is ---- */

#define WINDOW 64 /* bytes whose words are looked for together */

#ifdef __SSE2__
/* A bit for each of the sixteen bytes that is a letter, a digit or _. */
static inline uint64_t word_bits(const unsigned char *at)
{
    __m128i block = scan_block((const char *)at);
    __m128i letter = _mm_sub_epi8(_mm_or_si128(block, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
    __m128i digit = _mm_sub_epi8(block, _mm_set1_epi8('0'));
    __m128i is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(25)), letter);
    __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
    __m128i is_line = _mm_cmpeq_epi8(block, _mm_set1_epi8('_'));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(is_letter, is_digit), is_line));
}
#endif

/* The words of the next bytes. The last block overlaps the one before it. */
__attribute__((noinline)) static void fill_window(struct strip *strip, size_t at)
{
    size_t left = strip->bytes.length - at;
    uint64_t words = 0;
    size_t i = 0;
    if (left > WINDOW)
        left = WINDOW;
#ifdef __SSE2__
    for (; i + 16 <= left; i += 16)
        words |= word_bits(strip->bytes.text + at + i) << i;
    if (i < left && at + left >= 16) {
        words |= word_bits(strip->bytes.text + at + left - 16) >> (16 - (left - i)) << i;
        i = left;
    }
#endif
    for (; i < left; i++) {
        enum sql_class class = (enum sql_class)sql_classes[strip->bytes.text[at + i]];
        words |= (uint64_t)(class == SQL_CLASS_LETTER || class == SQL_CLASS_DIGIT) << i;
    }
    strip->words = words;
    strip->words_at = at;
}

/* Behind the letters, digits and _ at `at`. */
static inline size_t word_end(struct strip *strip, size_t at)
{
    for (;;) {
        size_t before = at - strip->words_at;
        if (before < WINDOW) {
            uint64_t others = ~(strip->words >> before);
            size_t length = others ? (size_t)__builtin_ctzll(others) : WINDOW;
            at += length;
            if (before + length < WINDOW)
                return at;
        }
        if (at == strip->bytes.length)
            return at;
        fill_window(strip, at);
        if (!(strip->words & 1))
            return at;
    }
}

/* ---- what is written ---- */

static bool put(struct strip *strip, const void *bytes, size_t length)
{
    if (length > strip->capacity - strip->used)
        return false;
    memcpy(strip->out + strip->used, bytes, length);
    strip->used += length;
    return true;
}

/* Copies what lies before `to`, and goes on at `at`. */
static bool flush(struct strip *strip, size_t to, size_t at)
{
    bool done = put(strip, strip->bytes.text + strip->from, to - strip->from);
    strip->from = strip->at = at;
    return done;
}

/* ---- tokens ---- */

/* One blank stands for all; none at the end. */
static bool take_blanks(struct strip *strip)
{
    size_t next = sql_blanks_end(&strip->bytes, strip->at);
    return flush(strip, strip->at, next) && (next == strip->bytes.length || put(strip, " ", 1));
}

/* The items of IN (...) behind the first, a literal. */
static bool leave_out_items(struct strip *strip)
{
    size_t end = strip->at;
    for (;;) {
        size_t at = sql_blanks_end(&strip->bytes, end);
        if (at == strip->bytes.length || strip->bytes.text[at] != ',') {
            if (end == strip->at || at == strip->bytes.length || strip->bytes.text[at] == ')')
                break;
            return false;
        }
        at = sql_blanks_end(&strip->bytes, at + 1);
        end = at == strip->bytes.length ? at : sql_item_end(&strip->bytes, at);
        if (end == SQL_NOT_PLAIN)
            return false;
    }
    return end == strip->at || flush(strip, strip->at, end);
}

/* The literal that begins here and ends at `end`. Two in a row may be one. */
static bool take_literal(struct strip *strip, size_t end)
{
    bool in_list = strip->last == LAST_IN_OPEN;
    if (end == SQL_NOT_PLAIN || strip->last == LAST_LITERAL)
        return false;
    strip->last = LAST_LITERAL;
    if (strip->bytes.text[strip->at] == '?')
        strip->at = end;
    else if (!flush(strip, strip->at, end) || !put(strip, "?", 1))
        return false;
    return !in_list || leave_out_items(strip);
}

static inline uint32_t four_letters(const void *letters)
{
    uint32_t four;
    memcpy(&four, letters, sizeof four);
    return four | 0x20202020u;
}

/* "bearer" and "basic": the next word may be a secret. */
static inline bool may_lead_to_secret(const unsigned char *word, size_t length)
{
    if (length < 5)
        return false;
    uint32_t end = four_letters(word + length - 4);
    return end == four_letters("arer") || end == four_letters("asic");
}

/* What words mean here. False: not plain. */
static bool take_keyword(struct strip *strip, const unsigned char *word, size_t length)
{
    switch (length) {
    case 2:
        if (sql_same_word(word, "in", 2) && !strip->in_row)
            strip->last = LAST_IN;
        return true;
    case 3:
        return !sql_same_word(word, "row", 3);
    case 4:
        return !sql_same_word(word, "true", 4) && !sql_same_word(word, "with", 4);
    case 5:
        if (sql_same_word(word, "value", 5) && !strip->in_row)
            strip->last = LAST_VALUES;
        return !sql_same_word(word, "false", 5);
    case 6:
        if (sql_same_word(word, "values", 6) && !strip->in_row)
            strip->last = LAST_VALUES;
        return true;
    case 10:
        return !sql_same_word(word, "identifi", 8);
    default:
        return true;
    }
}

/* First letters of those, by the last five bits of a letter. */
static inline bool may_be_keyword(unsigned char first)
{
    const uint32_t firsts = 1u << ('f' & 31) | 1u << ('i' & 31) | 1u << ('r' & 31) |
                            1u << ('t' & 31) | 1u << ('v' & 31) | 1u << ('w' & 31);
    return firsts >> (first & 31) & 1;
}

static inline bool ends_plainly(const struct strip *strip, size_t end)
{
    unsigned char next = end < strip->bytes.length ? strip->bytes.text[end] : ' ';
    return next < 0x80 && next != '$' && next != '\'' && next != '"';
}

/* Words, one blank between them, and what else changes nothing: most of a statement. Where that
 * ends is strip->at. False: not plain. */
static inline bool take_words(struct strip *strip)
{
    const unsigned char *text = strip->bytes.text;
    const size_t length = strip->bytes.length;
    size_t at = strip->at;
    while (at < length) {
        if (text[at] == ' ' && at + 1 < length && !sql_is_blank(text[at + 1])) {
            at++;
            continue;
        }
        if (sql_classes[text[at]] != SQL_CLASS_LETTER) {
            if (text[at] != ',' && text[at] != '=')
                break;
            strip->last = LAST_MARK;
            at++;
            continue;
        }
        size_t end = word_end(strip, at);
        if (!ends_plainly(strip, end) || may_lead_to_secret(text + at, end - at))
            return false;
        if (strip->last == LAST_DOT) {
            strip->last = LAST_NAME;
        } else {
            strip->last = LAST_WORD;
            strip->word_at = at;
            if (may_be_keyword(text[at]) && !take_keyword(strip, text + at, end - at))
                return false;
        }
        at = end;
    }
    strip->at = at;
    return true;
}

#define NAME_BYTES 256 /* longer ones are no names to sql_scan_backquoted() */

static bool take_name(struct strip *strip)
{
    size_t end = word_end(strip, strip->at + 1);
    if (end == strip->bytes.length || strip->bytes.text[end] != '`' || end == strip->at + 1 ||
        end - strip->at > NAME_BYTES)
        return false;
    strip->at = end + 1;
    strip->last = LAST_NAME;
    return strip->at == strip->bytes.length || strip->bytes.text[strip->at] != '`';
}

static bool sign_belongs_to_number(struct strip *strip)
{
    size_t end;
    switch (strip->last) {
    case LAST_MARK:
    case LAST_DOT:
    case LAST_IN:
    case LAST_IN_OPEN:
        return true;
    case LAST_WORD:
        end = word_end(strip, strip->word_at);
        return sql_word_rows[sql_word_find(
                                 (struct slice){(const char *)strip->bytes.text + strip->word_at,
                                                end - strip->word_at})]
                   .flags &
               SQL_IS_SIGN;
    default:
        return false;
    }
}

static bool take_sign(struct strip *strip)
{
    if (strip->bytes.text[strip->at] == '-' && strip->at + 1 < strip->bytes.length &&
        strip->bytes.text[strip->at + 1] == '-')
        return false;
    size_t end = sql_signed_end(&strip->bytes, strip->at);
    if (end != strip->at && sign_belongs_to_number(strip))
        return take_literal(strip, end);
    strip->at++;
    strip->last = LAST_MARK;
    return end != SQL_NOT_PLAIN;
}

/* ---- rows ---- */

/* Behind a row that is left out. It may hold values only, because a word of it may be a table. */
static size_t row_end(struct strip *strip, size_t at)
{
    unsigned depth = 0;
    while (at < strip->bytes.length) {
        unsigned char c = strip->bytes.text[at];
        size_t end = at + 1;
        switch (sql_classes[c]) {
        case SQL_CLASS_SPACE:
            break;
        case SQL_CLASS_DIGIT:
            end = sql_number_end(&strip->bytes, at);
            break;
        case SQL_CLASS_QUOTE:
            end = sql_string_end(&strip->bytes, at);
            break;
        case SQL_CLASS_LETTER:
            end = word_end(strip, at);
            if (!ends_plainly(strip, end) ||
                sql_word_find((struct slice){(const char *)strip->bytes.text + at, end - at}))
                return SQL_NOT_PLAIN;
            break;
        default:
            if (c == '(')
                depth++;
            else if (c == ')')
                depth--;
            else if (c != ',' && c != '?' && c != '+' && c != '.' &&
                     !(c == '-' && end < strip->bytes.length && strip->bytes.text[end] != '-'))
                return SQL_NOT_PLAIN;
            if (depth == 0)
                return end;
            break;
        }
        if (end == SQL_NOT_PLAIN)
            return SQL_NOT_PLAIN;
        at = end;
    }
    return at;
}

/* Behind the first row. What follows must not be joined to it. */
static bool leave_out_rows(struct strip *strip)
{
    size_t end = strip->at;
    for (;;) {
        size_t at = sql_blanks_end(&strip->bytes, end);
        if (at == strip->bytes.length || strip->bytes.text[at] != ',')
            break;
        at = sql_blanks_end(&strip->bytes, at + 1);
        if (at == strip->bytes.length) {
            end = at; /* the text was cut there */
            break;
        }
        if (strip->bytes.text[at] == ';')
            return false; /* the comma is left out */
        if (strip->bytes.text[at] != '(')
            break;
        end = strip->inserts ? row_end(strip, at) : SQL_NOT_PLAIN;
        if (end == SQL_NOT_PLAIN)
            return false;
    }
    if (end == strip->at)
        return true;
    if (!flush(strip, strip->at, end))
        return false;
    unsigned char next = end < strip->bytes.length ? strip->bytes.text[end] : ' ';
    return sql_is_blank(next) || next == ',' || next == ')' || next == ';' || put(strip, " ", 1);
}

/* Rows after IN are left out as those after VALUES are, but are rare. */
static bool open_parenthesis(struct strip *strip)
{
    if (strip->last == LAST_IN_OPEN)
        return false;
    if (strip->last == LAST_VALUES) {
        strip->in_row = true;
        strip->row_depth = strip->depth;
    }
    strip->last = strip->last == LAST_IN ? LAST_IN_OPEN : LAST_MARK;
    strip->depth++;
    return true;
}

static bool close_parenthesis(struct strip *strip)
{
    strip->last = LAST_CLOSE;
    if (strip->depth > 0)
        strip->depth--;
    if (!strip->in_row || strip->depth != strip->row_depth)
        return true;
    strip->in_row = false;
    return leave_out_rows(strip);
}

static bool take_mark(struct strip *strip)
{
    unsigned char c = strip->bytes.text[strip->at];
    bool digit = strip->at + 1 < strip->bytes.length &&
                 sql_classes[strip->bytes.text[strip->at + 1]] == SQL_CLASS_DIGIT;
    switch (c) {
    case '?':
        return !digit && take_literal(strip, strip->at + 1);
    case '+':
        return take_sign(strip);
    case '(':
        strip->at++;
        return open_parenthesis(strip);
    case ')':
        strip->at++;
        return close_parenthesis(strip);
    case '.':
        strip->at++;
        strip->last = LAST_DOT;
        return !digit;
    case ';':
        strip->at++;
        strip->last = LAST_MARK;
        return sql_blanks_end(&strip->bytes, strip->at) == strip->bytes.length;
    case '<':
    case '>':
    case '!':
    case '*':
    case '&':
    case '|':
    case '^':
    case '~':
        strip->at++;
        strip->last = LAST_MARK;
        return true;
    default:
        return false;
    }
}

static inline bool take(struct strip *strip)
{
    unsigned char c = strip->bytes.text[strip->at];
    switch (sql_classes[c]) {
    case SQL_CLASS_SPACE:
        return take_blanks(strip);
    case SQL_CLASS_DIGIT:
        return take_literal(strip, sql_number_end(&strip->bytes, strip->at));
    case SQL_CLASS_QUOTE:
        return take_literal(strip, sql_string_end(&strip->bytes, strip->at));
    case SQL_CLASS_BACKQUOTE:
        return take_name(strip);
    case SQL_CLASS_COMMENT:
        return c == '-' && take_sign(strip);
    case SQL_CLASS_MARK:
        return take_mark(strip);
    default:
        return false;
    }
}

/* The verb that a plain statement begins with; SQL_NO_WORD: it does not. */
static enum sql_word verb_of(const unsigned char *word, size_t length)
{
    enum sql_word verb = sql_word_find((struct slice){(const char *)word, length});
    bool plain = verb == SQL_SELECT || verb == SQL_INSERT || verb == SQL_UPDATE ||
                 verb == SQL_DELETE || verb == SQL_REPLACE;
    return plain ? verb : SQL_NO_WORD;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): strip.out writes there */
bool sql_strip(struct slice statement, char *out, size_t capacity, struct sql *result)
{
    struct strip strip = {
        .bytes.text = (const unsigned char *)statement.at,
        .bytes.length = statement.length < SQL_READ_BYTES ? statement.length : SQL_READ_BYTES,
        .out = out,
        .capacity = capacity,
    };
    strip.from = strip.at = strip.words_at = sql_blanks_end(&strip.bytes, 0);
    fill_window(&strip, strip.at);
    size_t end = word_end(&strip, strip.at);
    enum sql_word verb = verb_of(strip.bytes.text + strip.at, end - strip.at);
    if (!verb)
        return false;
    strip.inserts = verb == SQL_INSERT || verb == SQL_REPLACE;
    for (;;) {
        if (!take_words(&strip))
            return false;
        if (strip.at == strip.bytes.length)
            break;
        if (!take(&strip))
            return false;
    }
    if (!flush(&strip, strip.at, strip.at))
        return false;
    *result = (struct sql){
        .text = {strip.out, strip.used}, .operation = sql_word_text(verb), .statements = 1};
    return true;
}
