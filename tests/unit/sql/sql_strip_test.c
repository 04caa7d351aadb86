// SPDX-License-Identifier: Apache-2.0
/* What is stripped in one pass, beside what sql_summarise() makes of the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/sql/sql_strip.h"
#include "agent/text/redact_runs.h"
#include "agent/text/redact_shape.h"

enum { MOST = 40000 };

static void assert_same(struct slice a, struct slice b)
{
    assert_int_equal(a.length, b.length);
    if (a.length)
        assert_memory_equal(a.at, b.at, a.length);
}

/* True: it is plain, and nothing is lost. A copy of its size, for AddressSanitizer. */
static bool strips(const char *statement, size_t length)
{
    static char out[MOST], whole_bytes[MOST], again_bytes[MOST];
    struct sql plain, whole, again;
    char *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, statement, length);
    struct slice text = {copy, length};
    bool is_plain = sql_strip(text, out, sizeof out, &plain);
    if (is_plain) {
        sql_summarise(text, whole_bytes, sizeof whole_bytes, &whole);
        sql_summarise(plain.text, again_bytes, sizeof again_bytes, &again);
        assert_same(plain.text, whole.text);
        assert_same(again.text, whole.text);
        assert_same(again.summary, whole.summary);
        assert_same(again.collection, whole.collection);
        assert_ptr_equal(plain.operation.at, whole.operation.at);
        assert_int_equal(again.statements, whole.statements);
    }
    free(copy);
    return is_plain;
}

static void what_programs_send_is_plain(void **state)
{
    (void)state;
    static const char *const statements[] = {
        "SELECT 1",
        "select name from `people` where name = 'O''Brien' and id in (1, 2, 3) limit 10;",
        "SELECT p.id, COUNT(*) FROM products p LEFT JOIN orders o ON o.id = p.order_id "
        "WHERE o.price >= 1.5 AND o.note <> \"it\" GROUP BY p.id ORDER BY 2 DESC",
        "INSERT INTO t (a, b) VALUES (1, 'x'), (-2, NULL) ON DUPLICATE KEY UPDATE a = VALUES(a), "
        "b = VALUES(b)",
        "UPDATE t SET stock = stock - 1, n = n + 2, f = -1e5, h = 0x1F WHERE id = ?",
        "  DELETE\nFROM t\tWHERE a = 'tail \\\\ of it' ",
        "REPLACE INTO a.b SELECT c FROM d",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        assert_true(strips(statements[i], strlen(statements[i])));
}

static void what_may_end_elsewhere_is_not(void **state)
{
    (void)state;
    static const char *const statements[] = {
        "",
        "COMMIT",
        "USE shop",
        "SET PASSWORD = 'x'",
        "SELECT 'O\\'Brien'",
        "SELECT 'ends so\\' , 'x'",
        "SELECT 'a' 'b'",
        "SELECT '''quoted'''",
        "SELECT N'x'",
        "SELECT q'[it's]'",
        "SELECT $$x$$",
        "SELECT a FROM t -- b",
        "SELECT a FROM t # b",
        "SELECT /* c */ a FROM t",
        "SELECT /*! c */ a FROM t",
        "SELECT [a'b] FROM t",
        "SELECT 1; SELECT 2",
        "SELECT a FROM t WHERE b IS TRUE",
        "SELECT a FROM t WHERE b = IDENTIFIED BY hunter2",
        "SELECT a FROM t WHERE b = bearer hunter2hunter2",
        "INSERT INTO t VALUES (1), ((SELECT a FROM b))",
        "SELECT \xc3\xa9 FROM t",
        "SELECT a FROM t WHERE b = \x01",
        "SELECT a % b FROM t",
        "INSERT INTO t VALUES (1), (2),;",
        "SELECT @a FROM t",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        assert_false(strips(statements[i], strlen(statements[i])));
    assert_false(strips("SELECT 1\0", 9));
}

static void a_beginning_of_any_length_loses_nothing(void **state)
{
    (void)state;
    static const char text[] =
        "INSERT INTO `t` (a, b_1) VALUES (1.5, 'it''s', NOW()),  ('x', -2, \"y\") , (?, ?, ?)"
        "ON DUPLICATE KEY UPDATE a = VALUES(a), c = 1 IN ('p', 'q' , 7 ) ; ";
    unsigned plain = 0;
    for (size_t length = 0; length < sizeof text; length++)
        plain += strips(text, length);
    assert_true(plain > 100);
}

static void rows_of_megabytes_are_one(void **state)
{
    (void)state;
    static char text[3 * MOST];
    size_t length = strlen(strcpy(text, "INSERT INTO t (a) VALUES "));
    while (length < sizeof text - 16)
        length += strlen(strcpy(text + length, "(4711, 'x'), "));
    assert_true(strips(text, length));
    char small[64];
    struct sql plain;
    assert_true(sql_strip((struct slice){text, length}, small, sizeof small, &plain));
    assert_same(plain.text, SLICE_LITERAL("INSERT INTO t (a) VALUES (?, ?)"));
    assert_false(sql_strip((struct slice){text, length}, small, plain.text.length - 1, &plain));
}

static bool repeats(const char *statement, const char *text)
{
    return sql_strip_repeats(slice_of(statement), slice_of(text));
}

static void the_same_with_other_values_is_recognised(void **state)
{
    (void)state;
    assert_true(repeats("SELECT 1", "SELECT ?"));
    assert_true(repeats("SELECT a FROM t WHERE b = 7 AND c IN ('x')",
                        "SELECT a FROM t WHERE b = ? AND c IN (?)"));
    assert_true(repeats("UPDATE t SET a=\"it\",b=?", "UPDATE t SET a=?,b=?"));
    assert_false(repeats("SELECT 1 ", "SELECT ?"));
    assert_false(repeats("SELECT a", "SELECT ?"));
    assert_false(repeats("SELECT ?1", "SELECT ?"));
    assert_false(repeats("SELECT 1a", "SELECT ?"));
    assert_false(repeats("SELECT 'a'''", "SELECT ?"));
    assert_false(repeats("SELECT 'a\\'", "SELECT ?"));
    assert_false(repeats("SELECT 'a", "SELECT ?"));
    assert_false(repeats("SELECT N'a'", "SELECT N?"));
    assert_false(repeats("SELECT = - 7", "SELECT = - ?"));
    assert_false(repeats("SELECT a IN (1, 2)", "SELECT a IN (?)"));
    assert_false(repeats("SELECT 1; x", "SELECT ?"));
}

static struct redact redact;

static bool shapeless(const char *text)
{
    bool quick = redact_runs_shapeless(&redact, slice_of(text));
    if (quick)
        assert_int_equal(redact_shape_find(slice_of(text), 0, strlen(text)).to, 0);
    return quick;
}

static void a_secret_among_names_is_seen(void **state)
{
    (void)state;
    static struct config config;
    redact_init(&redact, &config);
    assert_true(shapeless("SELECT a FROM t WHERE long_name_of_a_column.price = ?"));
    char text[256];
    for (size_t before = 0; before < 150; before++) {
        memset(text, 'a', before);
        for (size_t i = 5; i < before; i += 6)
            text[i] = ' ';
        strcpy(text + before, " xoxb-abcdefghijkl");
        assert_false(shapeless(text));
        strcpy(text + before, ",SG.abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz, b");
        assert_false(shapeless(text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_programs_send_is_plain),
        cmocka_unit_test(what_may_end_elsewhere_is_not),
        cmocka_unit_test(a_beginning_of_any_length_loses_nothing),
        cmocka_unit_test(rows_of_megabytes_are_one),
        cmocka_unit_test(the_same_with_other_values_is_recognised),
        cmocka_unit_test(a_secret_among_names_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
