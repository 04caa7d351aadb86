// SPDX-License-Identifier: Apache-2.0
/* Statements that were stripped before, with other values. */
#include "agent/base/http1_scan.h"
#include "agent/sql/sql_scan.h"
#include "agent/sql/sql_strip.h"

/* How far both are the same. */
static inline size_t same_bytes(struct slice a, struct slice b)
{
    size_t most = a.length < b.length ? a.length : b.length;
    size_t at = 0;
#ifdef __SSE2__
    for (; most - at >= 16; at += 16) {
        int same = _mm_movemask_epi8(_mm_cmpeq_epi8(scan_block(a.at + at), scan_block(b.at + at)));
        if (same != 0xffff)
            return at + (unsigned)__builtin_ctz(~(unsigned)same);
    }
#endif
    for (uint64_t of_a, of_b; most - at >= sizeof of_a; at += sizeof of_a) {
        memcpy(&of_a, a.at + at, sizeof of_a);
        memcpy(&of_b, b.at + at, sizeof of_b);
        if (of_a == of_b)
            continue;
#ifdef __SSE2__
        return at + (unsigned)__builtin_ctzll(of_a ^ of_b) / 8;
#else
        break;
#endif
    }
    while (at < most && a.at[at] == b.at[at])
        at++;
    return at;
}

/* Does a literal that begins behind these bytes stand alone, without a sign or a prefix? */
static bool stands_alone(const char *end)
{
    switch (end[-1]) {
    case '(':
    case ',':
    case '=':
    case '<':
    case '>':
        return true;
    case ' ':
        return end[-2] != '-' && end[-2] != '+';
    default:
        return false;
    }
}

/* Bytes of the literal that a text begins with; 0: it begins with none that is certain. */
static size_t literal_length(struct slice text)
{
    size_t end = 0;
    if (text.at[0] == '\'' || text.at[0] == '"') {
        const char *hit = scan_byte(text.at + 1, text.at + text.length, text.at[0]);
        if (!hit || hit[-1] == '\\')
            return 0;
        end = (size_t)(hit + 1 - text.at);
        return end < text.length && text.at[end] == text.at[0] ? 0 : end;
    }
    while (end < text.length && (sql_classes[(unsigned char)text.at[end]] == SQL_CLASS_DIGIT ||
                                 (end && text.at[end] == '.')))
        end++;
    bool goes_on = end < text.length && sql_is_word_byte((unsigned char)text.at[end]);
    return goes_on ? 0 : end;
}

bool sql_strip_repeats(struct slice statement, struct slice text)
{
    if (statement.length > SQL_READ_BYTES)
        return false;
    for (;;) {
        size_t same = same_bytes(statement, text);
        statement = slice_after(statement, same);
        text = slice_after(text, same);
        if (!text.length)
            return !statement.length;
        if (!same || !statement.length || text.at[0] != '?' || !stands_alone(statement.at))
            return false;
        size_t literal = literal_length(statement);
        if (!literal)
            return false;
        statement = slice_after(statement, literal);
        text = slice_after(text, 1);
    }
}
