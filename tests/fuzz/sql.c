// SPDX-License-Identifier: Apache-2.0
/* sql.c - any statement, and any bytes as the value in a statement.
 *
 * The first byte chooses: the rest is a statement, or a value that is quoted as programs quote
 * values and put into a statement twice. Then the text must be that statement with `?` in their
 * place, or a beginning of it that ends in `?`: nothing of the value can be in it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/sql/sql.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "not true: %s\n", #condition);                                         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { MOST = 4096 };

/* Independent of the lexer's: decodes, then compares with the shortest form. */
static bool is_utf8(struct slice text)
{
    for (size_t i = 0; i < text.length;) {
        unsigned char c = (unsigned char)text.at[i++];
        int more = c < 0x80 ? 0 : c >> 5 == 6 ? 1 : c >> 4 == 14 ? 2 : c >> 3 == 30 ? 3 : -1;
        if (more < 0)
            return false;
        uint32_t code = more ? c & (0x3fu >> more) : c;
        for (int k = 0; k < more; k++, i++) {
            if (i == text.length || ((unsigned char)text.at[i] & 0xc0) != 0x80)
                return false;
            code = code << 6 | ((unsigned char)text.at[i] & 0x3f);
        }
        const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
            return false;
    }
    return true;
}

/* What holds for every statement. */
static void check(struct slice statement)
{
    static char large[8 * MOST], again[8 * MOST], small[8 * MOST];
    struct sql result, other;
    sql_summarise(statement, large, sizeof large, &result);
    CHECK(is_utf8(result.text));
    CHECK(is_utf8(result.summary));
    CHECK(is_utf8(result.collection));
    CHECK(is_utf8(result.use_schema));
    CHECK(result.text.length <= statement.length);
    CHECK(result.summary.length <= SQL_SUMMARY_BYTES);
    CHECK(!result.operation.at || slice_starts(result.summary, result.operation));
    CHECK(!result.collection.at || result.collection.length > 0);

    sql_summarise(statement, again, sizeof again, &other);
    CHECK(slice_equal(result.text, other.text));
    CHECK(slice_equal(result.summary, other.summary));

    sql_summarise(result.text, again, sizeof again, &other);
    if (other.truncated && other.text.length) { /* a bracket may have lost its end */
        struct slice shown = {other.text.at, other.text.length - 1};
        CHECK(slice_starts(result.text, slice_trim(shown)));
    } else {
        CHECK(slice_equal(result.text, other.text));
    }

    size_t capacity = statement.length % 97;
    small[capacity] = '#';
    sql_summarise(statement, small, capacity, &other);
    CHECK(small[capacity] == '#');
    CHECK(slice_starts(result.text, other.text));
    CHECK(slice_starts(result.summary, other.summary));
    CHECK(other.truncated || other.text.length == result.text.length);
}

static size_t quote(unsigned how, const uint8_t *data, size_t size, char *to)
{
    static const char *const prefixes[] = {"'", "\"", "N'", "_utf8mb4'", "'", "\"", "/*", "X'"};
    char *at = to;
    at += sprintf(at, "%s", prefixes[how]);
    char mark = at[-1];
    for (size_t i = 0; i < size; i++) {
        char c = (char)data[i];
        if (how == 6) { /* a comment without a comment in it */
            *at++ = c;
        } else if (how == 7) {
            at += sprintf(at, "%02X", data[i]);
        } else if (how >= 4) { /* doubled quotes, a backslash is a backslash */
            if (c == mark)
                *at++ = mark;
            *at++ = c;
        } else { /* backslashes, as mysql_real_escape_string() writes them */
            if (c == '\'' || c == '"' || c == '\\')
                *at++ = '\\';
            *at++ = c == '\0' ? '0' : c;
        }
    }
    if (how == 6) {
        for (char *c = to + 2; c < at; c++)
            if (*c == '/' || *c == '!')
                *c = '_';
        at += sprintf(at, " */ 1");
    } else {
        *at++ = mark;
    }
    return (size_t)(at - to);
}

static const struct {
    const char *parts[3];
} statements[] = {
    {{"SELECT a FROM t WHERE b = ", " AND c = ", " ORDER BY d"}},
    {{"INSERT INTO t (a, b) VALUES (", ", x + ", ") ON DUPLICATE KEY UPDATE a = b"}},
    {{"CALL p(", ", ", ")"}},
    {{"UPDATE t SET a=", ",b=", "; COMMIT"}},
};

static size_t put(char *to, const char *text)
{
    size_t length = strlen(text);
    memcpy(to, text, length);
    return length;
}

/* Spaces say nothing here: one stands where a comment stood. */
static size_t without_spaces(char *text, size_t length)
{
    size_t kept = 0;
    for (size_t i = 0; i < length; i++)
        if (text[i] != ' ')
            text[kept++] = text[i];
    return kept;
}

static void check_value(unsigned choice, const uint8_t *data, size_t size)
{
    static char value[4 * MOST], statement[10 * MOST];
    const char *const *parts = statements[choice / 8 % 4].parts;
    size_t value_length = quote(choice % 8, data, size, value);
    size_t length = 0;
    char wanted[256];
    size_t wanted_length = 0;
    size_t ends[2]; /* where a text may end early */
    for (int i = 0; i < 3; i++) {
        length += put(statement + length, parts[i]);
        wanted_length += put(wanted + wanted_length, parts[i]);
        wanted_length = without_spaces(wanted, wanted_length);
        if (i == 2)
            break;
        memcpy(statement + length, value, value_length);
        length += value_length;
        wanted[wanted_length++] = '?';
        ends[i] = wanted_length;
    }
    struct sql result;
    static char large[12 * MOST];
    sql_summarise((struct slice){statement, length}, large, sizeof large, &result);
    if (result.text.length)
        result.text.length = without_spaces(large + (result.text.at - large), result.text.length);
    CHECK(slice_starts((struct slice){wanted, wanted_length}, result.text));
    CHECK(result.text.length == wanted_length || result.text.length == ends[0] ||
          result.text.length == ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > MOST)
        return 0;
    uint8_t choice = data[0];
    /* A copy of exactly this size, so that AddressSanitizer sees each byte read too far. */
    char *copy = malloc(size - 1);
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    if (choice < 0x80)
        check((struct slice){copy, size - 1});
    else
        check_value(choice & 0x7f, (const uint8_t *)copy, size - 1);
    free(copy);
    return 0;
}
