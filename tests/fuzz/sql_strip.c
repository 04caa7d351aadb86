// SPDX-License-Identifier: Apache-2.0
/* sql_strip.c - what is stripped in one pass, held against sql_summarise().
 *
 * The first byte chooses: the rest is two statements, apart at a byte 0xff, or a statement of which
 * each byte is a piece, and the same with other values. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/sql/sql_session.h"
#include "agent/sql/sql_strip.h"
#include "agent/text/redact_runs.h"
#include "agent/text/redact_shape.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "not true: %s\n", #condition);                                         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { MOST = 4096, BYTES = 40000 };

static struct redact redact;

static const struct {
    const char *first, *second;
} pieces[] = {
    {" ", " "},
    {" ", "  "},
    {"  ", "\n"},
    {"\t", " "},
    {"SELECT ", "SELECT "},
    {"INSERT INTO t ", "INSERT INTO t "},
    {"UPDATE t SET ", "UPDATE t SET "},
    {"DELETE FROM t ", "DELETE FROM t "},
    {"REPLACE INTO `t` ", "REPLACE INTO `t` "},
    {"select", "select"},
    {"FROM ", "FROM "},
    {"WHERE ", "WHERE "},
    {"JOIN", "JOIN"},
    {"a", "a"},
    {"b_1", "b_1"},
    {"name ", "name "},
    {"t.c", "t.c"},
    {"`x`", "`x`"},
    {"`a b`", "`a b`"},
    {"7", "8"},
    {"1", "23456"},
    {"1.5", "0.25"},
    {"1e5", "1"},
    {"0x1F", "0"},
    {"1e+5", "7"},
    {"'a'", "'b'"},
    {"'a'", "'it''s'"},
    {"''", "'long enough to take two blocks of bytes'"},
    {"'O\\'Brien'", "'x'"},
    {"\"q\"", "\"r\""},
    {"'", "'"},
    {"\"", "\""},
    {"'\\\\'", "'a'"},
    {"?", "1"},
    {"?", "'p'"},
    {"?", "?"},
    {"NULL", "NULL"},
    {"TRUE", "FALSE"},
    {"true", "1"},
    {"(", "("},
    {")", ")"},
    {", ", ", "},
    {",", ","},
    {";", ";"},
    {".", "."},
    {"=", "="},
    {" = ", " = "},
    {"<", "<"},
    {">", ">"},
    {"*", "*"},
    {"+", "+"},
    {"-", "-"},
    {" - ", " - "},
    {" + ", " + "},
    {"--", "--"},
    {"-- c\n", "-- d\n"},
    {"#", "#"},
    {"/", "/"},
    {"/* c */", "/* d */"},
    {"/*! c */", "/*! d */"},
    {"%", "%"},
    {"@v", "@v"},
    {":n", ":n"},
    {"$1", "$1"},
    {"[", "["},
    {"]", "]"},
    {" IN (", " IN ("},
    {" IN (1, 2, 3)", " IN (4)"},
    {"IN ", "IN "},
    {" IN ('a','b')", " IN ('c','d')"},
    {" VALUES (", " VALUES ("},
    {"VALUES (1, 'a'), (2, 'b')", "VALUES (3, 'c'), (4, 'd')"},
    {" VALUES ", " VALUES "},
    {"VALUE", "VALUE"},
    {"), (", "), ("},
    {"),(", "),("},
    {"ROW", "ROW"},
    {" ON DUPLICATE KEY UPDATE a = VALUES(a), b = VALUES(b)",
     " ON DUPLICATE KEY UPDATE a = VALUES(a), b = VALUES(b)"},
    {"IDENTIFIED BY ", "IDENTIFIED BY "},
    {"AND ", "AND "},
    {"LIMIT ", "LIMIT "},
    {"USE s", "USE s"},
    {"AS ", "AS "},
    {"ORDER BY ", "ORDER BY "},
    {"SET ", "SET "},
    {"WITH ", "WITH "},
    {"INTO ", "INTO "},
    {"UNION ", "UNION "},
    {"EXISTS ", "EXISTS "},
    {"TABLE ", "TABLE "},
    {"USING ", "USING "},
    {"ON ", "ON "},
    {"bearer ", "bearer "},
    {"Basic ", "Basic "},
    {"my_bearer ", "my_bearer "},
    {"xoxb-", "xoxb-"},
    {"ghp_", "ghp_"},
    {"AKIA", "AKIA"},
    {"sk_live_", "sk_live_"},
    {"ABCDEFGHIJKLMNOP", "ABCDEFGHIJKLMNOP"},
    {"abcdefghij0123456789", "abcdefghij0123456789"},
    {"eyJhbGciOiJI", "eyJhbGciOiJI"},
    {"eyJ", "eyJ"},
    {"services", "services"},
    {"SG", "SG"},
    {"hvs", "hvs"},
    {"whsec_", "whsec_"},
    {":AA", ":AA"},
    {"\xc3\xa9", "\xc3\xa9"},
    {"\xff", "\xff"},
    {"\\", "\\"},
    {"\x01", "\x01"},
    {"_utf8", "_utf8"},
    {"N", "N"},
    {"q", "q"},
    {"{", "{"},
    {"!", "!"},
    {"~", "~"},
    {"&", "&"},
};

/* A copy of exactly this size, so that AddressSanitizer sees each byte read too far. */
static struct slice copied(const char *bytes, size_t length)
{
    char *copy = malloc(length ? length : 1);
    if (!copy)
        abort();
    memcpy(copy, bytes, length);
    return (struct slice){copy, length};
}

static void check_same(const struct sql *a, const struct sql *b)
{
    CHECK(slice_equal(a->text, b->text));
    CHECK(slice_equal(a->summary, b->summary));
    CHECK(a->operation.at == b->operation.at);
    CHECK(slice_equal(a->collection, b->collection));
    CHECK(!a->collection.at == !b->collection.at);
    CHECK(slice_equal(a->use_schema, b->use_schema));
    CHECK(a->statements == b->statements);
    CHECK(a->reads == b->reads);
}

/* True: it is plain, its text at `out`; what is known of it as a whole is at `large`. */
static bool check(struct slice statement, char *out, char *large, struct sql *plain,
                  struct sql *whole)
{
    static char again[BYTES], small[BYTES];
    sql_summarise(statement, large, BYTES, whole);
    if (!sql_strip(statement, out, BYTES, plain))
        return false;
    struct sql of_text;
    sql_summarise(plain->text, again, sizeof again, &of_text);
    CHECK(slice_equal(plain->text, whole->text));
    CHECK(plain->operation.at == whole->operation.at);
    CHECK(plain->statements == whole->statements);
    CHECK(!whole->use_schema.at);
    CHECK(!sql_is_session(whole) || whole->truncated);
    check_same(whole, &of_text);
    CHECK(!redact_runs_shapeless(&redact, plain->text) ||
          redact_shape_find(plain->text, 0, plain->text.length).to == 0);

    size_t capacity = statement.length % 97;
    struct sql cut;
    small[capacity] = '#';
    bool fits = sql_strip(statement, small, capacity, &cut);
    CHECK(small[capacity] == '#');
    CHECK(fits == (capacity >= plain->text.length));
    return true;
}

static void check_both(struct slice first, struct slice second)
{
    static char out[BYTES], other_out[BYTES], large[BYTES], other_large[BYTES];
    struct sql plain, whole, other, other_whole;
    bool is_plain = check(first, out, large, &plain, &whole);
    bool other_plain = check(second, other_out, other_large, &other, &other_whole);
    if (is_plain && sql_strip_repeats(first, plain.text))
        CHECK(slice_equal(plain.text, whole.text));
    if (is_plain && sql_strip_repeats(second, plain.text)) {
        CHECK(other_plain);
        check_same(&whole, &other_whole);
    }
}

static size_t put(char *to, size_t length, const char *piece)
{
    size_t more = strlen(piece);
    if (length + more > BYTES / 2)
        return length;
    memcpy(to + length, piece, more);
    return length + more;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char first[BYTES], second[BYTES];
    static bool ready;
    size_t lengths[2] = {0, 0};
    if (size == 0 || size > MOST)
        return 0;
    if (!ready) {
        static struct config config;
        redact_init(&redact, &config);
        ready = true;
    }
    if (data[0] % 2) {
        const uint8_t *apart = memchr(data + 1, 0xff, size - 1);
        lengths[0] = apart ? (size_t)(apart - data) - 1 : size - 1;
        lengths[1] = apart ? size - lengths[0] - 2 : 0;
        memcpy(first, data + 1, lengths[0]);
        memcpy(second, apart ? apart + 1 : data, lengths[1]);
    } else {
        for (size_t i = 1; i < size; i++) {
            size_t piece = data[i] % (sizeof pieces / sizeof *pieces);
            lengths[0] = put(first, lengths[0], pieces[piece].first);
            lengths[1] =
                put(second, lengths[1], data[0] & 2 ? pieces[piece].second : pieces[piece].first);
        }
    }
    struct slice a = copied(first, lengths[0]);
    struct slice b = copied(second, lengths[1]);
    check_both(a, b);
    free((char *)a.at);
    free((char *)b.at);
    return 0;
}
