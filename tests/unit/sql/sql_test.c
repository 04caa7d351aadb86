// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sql/sql.h"
#include "agent/sql/sql_strip.h"
#include "agent/sql/sql_word.h"

#define SECRET "5ecret"

static char buffer[256 * 1024];

/* Copies the statement to the end of memory: reading one byte too many is a crash. */
static struct slice at_the_edge(const char *bytes, size_t length)
{
    static char *memory;
    static const size_t size = (size_t)128 * 1024;
    if (!memory) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        memory =
            mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(memory != MAP_FAILED);
        assert_int_equal(mprotect(memory + size, page, PROT_NONE), 0);
    }
    assert_true(length <= size);
    char *at = memory + size - length;
    memcpy(at, bytes, length);
    return (struct slice){at, length};
}

static bool holds(struct slice text, const char *part)
{
    return text.length && memmem(text.at, text.length, part, strlen(part));
}

static void assert_slice(struct slice got, const char *wanted, const char *what, const char *where)
{
    if (got.length != strlen(wanted) || (got.length && memcmp(got.at, wanted, got.length) != 0))
        fail_msg("%s: %s is \"%.*s\", not \"%s\"", where, what, (int)got.length,
                 got.at ? got.at : "", wanted);
}

static struct sql summarise(const char *statement)
{
    struct sql result;
    sql_summarise(at_the_edge(statement, strlen(statement)), buffer, sizeof buffer, &result);
    return result;
}

struct vector {
    char in[1024];
    size_t in_length;
    char where[96];
    char out[1024], sum[512], op[64], tab[256], use[256];
    unsigned n;
    bool cut, reads;
};

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static size_t unescape(const char *from, char *to)
{
    size_t length = 0;
    while (*from)
        if (from[0] == '{' && hex(from[1]) >= 0 && hex(from[2]) >= 0 && from[3] == '}') {
            to[length++] = (char)(hex(from[1]) * 16 + hex(from[2]));
            from += 4;
        } else {
            to[length++] = *from++;
        }
    return length;
}

static void check_vector(const struct vector *vector)
{
    struct sql result;
    struct slice statement = at_the_edge(vector->in, vector->in_length);
    sql_summarise(statement, buffer, sizeof buffer, &result);
    assert_slice(result.text, vector->out, "text", vector->where);
    assert_slice(result.summary, vector->sum, "summary", vector->where);
    char first[64] = "";
    snprintf(first, sizeof first, "%.*s", (int)strcspn(vector->sum, " "), vector->sum);
    assert_slice(result.operation, vector->op[0] ? vector->op : first, "operation", vector->where);
    assert_slice(result.collection, vector->tab, "collection", vector->where);
    assert_slice(result.use_schema, vector->use, "schema", vector->where);
    if (result.statements != vector->n || result.truncated != vector->cut ||
        result.reads != vector->reads)
        fail_msg("%s: statements %u, truncated %d, reads %d", vector->where, result.statements,
                 result.truncated, result.reads);
    assert_false(holds(result.text, SECRET));
    assert_false(holds(result.summary, SECRET));

    /* Where it is plain, it is stripped to the same. */
    struct sql plain;
    static char stripped[4096];
    if (sql_strip(statement, stripped, sizeof stripped, &plain))
        assert_slice(plain.text, vector->out, "stripped text", vector->where);

    /* Whatever the buffer's size, what is there is a beginning of it. */
    for (size_t capacity = 0; capacity < result.text.length + 600; capacity += 7) {
        static char small[4096];
        memset(small, '#', sizeof small);
        struct sql cut;
        sql_summarise(statement, small, capacity, &cut);
        assert_true(slice_starts(result.text, cut.text));
        assert_true(slice_starts(result.summary, cut.summary));
        assert_true(cut.truncated || cut.text.length == result.text.length);
        assert_int_equal(small[capacity], '#');
    }
}

static void check_file(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, VECTORS "/sql/%s.txt", name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    static struct vector vector;
    static char line[1024];
    unsigned number = 0, cases = 0;
    bool open = false;
    for (bool more = true; more;) {
        more = fgets(line, sizeof line, file);
        number++;
        if (more)
            line[strcspn(line, "\n")] = '\0';
        if (!more || line[0] == '\0') {
            if (open)
                check_vector(&vector);
            cases += open;
            open = false;
            continue;
        }
        const char *value = strlen(line) > 4 ? line + 4 : "";
        if (line[0] == '#' && !open)
            continue;
        if (!strncmp(line, "in ", 3)) {
            memset(&vector, 0, sizeof vector);
            vector.in_length = unescape(value, vector.in);
            vector.n = 1;
            snprintf(vector.where, sizeof vector.where, "%s.txt:%u", name, number);
            open = true;
        } else if (!strncmp(line, "out ", 4)) {
            snprintf(vector.out, sizeof vector.out, "%s", value);
        } else if (!strncmp(line, "sum ", 4)) {
            snprintf(vector.sum, sizeof vector.sum, "%.500s", value);
        } else if (!strncmp(line, "op ", 3)) {
            snprintf(vector.op, sizeof vector.op, "%.60s", value);
        } else if (!strncmp(line, "tab ", 4)) {
            snprintf(vector.tab, sizeof vector.tab, "%.250s", value);
        } else if (!strncmp(line, "use ", 4)) {
            snprintf(vector.use, sizeof vector.use, "%.250s", value);
        } else if (!strncmp(line, "n ", 2)) {
            vector.n = (unsigned)strtoul(value, NULL, 10);
        } else if (!strcmp(line, "cut")) {
            vector.cut = true;
        } else if (!strcmp(line, "reads")) {
            vector.reads = true;
        } else {
            fail_msg("%s.txt:%u: what is that?", name, number);
        }
    }
    fclose(file);
    assert_true(cases > 20);
}

static void every_vector_comes_out_as_written(void **state)
{
    (void)state;
    const char *const files[] = {"accounts",    "ambiguous", "comments", "generated",
                                 "identifiers", "lists",     "literals", "summary"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_file(files[i]);
}

static void a_secret_in_any_literal_never_comes_out(void **state)
{
    (void)state;
    const char *const statements[] = {"SELECT %s",
                                      "SELECT a FROM t WHERE b=%s AND c = 1",
                                      "SELECT a FROM t WHERE %s = b",
                                      "SELECT a FROM t WHERE b IN (1, %s, 'x')",
                                      "INSERT INTO t VALUES (1, %s), (%s, 2)",
                                      "INSERT INTO t SET a=%s ON DUPLICATE KEY UPDATE b=%s",
                                      "UPDATE t SET a = %s, b = %s",
                                      "CALL p(%s)",
                                      "SET PASSWORD = PASSWORD(%s)",
                                      "CREATE USER a IDENTIFIED BY %s",
                                      "CREATE USER %s@%s",
                                      "CHANGE MASTER TO MASTER_PASSWORD=%s;SELECT 1",
                                      "SELECT a -- x\n, %s",
                                      "SELECT /* ' */ %s",
                                      "SELECT `a`, %s, \"b\"",
                                      "SELECT [a], %s",
                                      "SELECT f(%s)x",
                                      "SELECT -%s",
                                      "SELECT a.b %s",
                                      "SELECT 'a' %s 'b'",
                                      "SELECT @%s, @@%s",
                                      "SET @x:=%s",
                                      "SELECT a LIKE %s ESCAPE '|'",
                                      "SELECT %s;SELECT %s",
                                      "(%s)",
                                      "%s",
                                      ",%s"};
    const char *const literals[] = {
        "'5ecret'",          "\"5ecret\"",       "'a b 5ecret c'",
        "'it''s 5ecret'",    "'it\\'s 5ecret'",  "\"a\"\"5ecret\"",
        "\"a\\\"5ecret\"",   "N'5ecret'",        "_utf8mb4'5ecret'",
        "_binary '5ecret'",  "x'5ecret'",        "b'5ecret'",
        "E'a\\'5ecret'",     "0x5ecret",         "5ecret",
        "-5ecret",           ".5ecret",          "1.5ecret",
        "1e5ecret",          "$$a 5ecret$$",     "$q$a 5ecret$q$",
        "q'[a' 5ecret]'",    "'''a' 5ecret'''",  "'a\\\\' '5ecret'",
        "'a\\\\\\' 5ecret'", "'-- 5ecret'",      "'/* 5ecret'",
        "'\n5ecret\n'",      "'\xff\\' 5ecret'", "'\xbf\\\\' 5ecret'",
        "'[5ecret'",         "'5ecret",          "/* 5ecret */1",
        "/*! 5ecret */",     "DATE '5ecret'",    "'a' 'b 5ecret'",
        "{d '5ecret'}",      "1 -- 5ecret\n",    "\xe2\x80\x98 a 5ecret\xe2\x80\x99",
        "'[' '5ecret'",      "U&'5ecret'",       "'`' '5ecret' '`'"};
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        for (size_t j = 0; j < sizeof literals / sizeof *literals; j++)
            for (size_t k = 0; k < sizeof literals / sizeof *literals; k++) {
                char statement[512];
                size_t length = 0;
                const char *literal = literals[j];
                for (const char *c = statements[i]; *c; c++)
                    if (*c == '%') {
                        length += (size_t)sprintf(statement + length, "%s", literal);
                        literal = literals[k];
                        c++;
                    } else {
                        statement[length++] = *c;
                    }
                statement[length] = '\0';
                struct sql result = summarise(statement);
                if (holds(result.text, SECRET) || holds(result.summary, SECRET))
                    fail_msg("\"%s\" came out as \"%.*s\"", statement, (int)result.text.length,
                             result.text.at);
                char again[512];
                struct sql second;
                memcpy(again, result.text.at, result.text.length);
                struct slice first = {again, result.text.length};
                sql_summarise(first, buffer, sizeof buffer, &second);
                if (!slice_equal(second.text, first))
                    fail_msg("\"%s\", then \"%.*s\", then \"%.*s\"", statement, (int)first.length,
                             first.at, (int)second.text.length, second.text.at);
                if (!strstr(statements[i] + strcspn(statements[i], "%") + 1, "%"))
                    break; /* one literal only */
            }
}

static void nothing_comes_of_nothing(void **state)
{
    (void)state;
    struct sql result;
    sql_summarise(SLICE_NONE, NULL, 0, &result);
    assert_int_equal(result.text.length, 0);
    assert_int_equal(result.statements, 0);
    assert_null(result.operation.at);
    assert_null(result.collection.at);
    assert_false(result.truncated);
    sql_summarise(SLICE_LITERAL("SELECT 1"), NULL, 0, &result);
    assert_true(result.truncated);
    assert_int_equal(result.statements, 1);
}

static void a_statement_of_megabytes_is_read_in_part_and_says_so(void **state)
{
    (void)state;
    size_t size = (size_t)8 << 20;
    char *statement = malloc(size);
    assert_non_null(statement);
    const char begin[] = "INSERT INTO orders (a, b) VALUES ";
    memcpy(statement, begin, sizeof begin - 1);
    for (size_t i = sizeof begin - 1; i < size; i++)
        statement[i] = "(1,'5ecret'),"[(i - sizeof begin + 1) % 13];
    struct sql result;
    sql_summarise((struct slice){statement, size}, buffer, 4096, &result);
    assert_slice(result.text, "INSERT INTO orders (a, b) VALUES (?,?)", "text", "bulk insert");
    assert_slice(result.collection, "orders", "collection", "bulk insert");
    assert_true(result.truncated);

    memset(statement + sizeof begin, 'x', size - sizeof begin); /* one literal */
    statement[sizeof begin - 1] = '\'';
    sql_summarise((struct slice){statement, size}, buffer, 4096, &result);
    assert_slice(result.text, "INSERT INTO orders (a, b) VALUES ?", "text", "long literal");
    assert_true(result.truncated);
    free(statement);
}

static void a_statement_without_end_of_parentheses_is_no_trouble(void **state)
{
    (void)state;
    static char statement[SQL_READ_BYTES];
    const char *const patterns[] = {
        "(",  ")",    "(SELECT a FROM ", "[",          "]",  "`", "- ", "+", "/*",
        "a.", "IN((", "VALUES(",         "WITH a AS(", "a,", ";", "$",  "@", "'a' "};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        for (size_t at = 0; at < sizeof statement; at++)
            statement[at] = patterns[i][at % strlen(patterns[i])];
        struct sql result;
        sql_summarise(at_the_edge(statement, sizeof statement), buffer, sizeof buffer, &result);
        assert_true(result.summary.length <= SQL_SUMMARY_BYTES);
    }
}

static void the_summary_is_cut_between_tokens(void **state)
{
    (void)state;
    char statement[4096] = "SELECT * FROM t";
    for (int i = 0; i < 100; i++)
        sprintf(statement + strlen(statement), ", table_%d", i);
    struct sql result = summarise(statement);
    assert_true(result.summary.length <= SQL_SUMMARY_BYTES);
    assert_true(result.summary.length > SQL_SUMMARY_BYTES - 10);
    assert_true(slice_ends(result.summary, SLICE_LITERAL(" table_27")));
    assert_null(result.collection.at);
}

static void a_table_that_does_not_fit_is_no_single_table(void **state)
{
    (void)state;
    char small[64]; /* 16 bytes of summary */
    struct sql result;
    sql_summarise(SLICE_LITERAL("SELECT * FROM orders, order_items"), small, sizeof small, &result);
    assert_slice(result.summary, "SELECT orders", "summary", "small buffer");
    assert_null(result.collection.at);
}

static void the_words_lie_under_their_letters(void **state)
{
    (void)state;
    for (int i = SQL_NO_WORD + 1; i < SQL_WORD_END; i++) {
        struct slice text = sql_word_text((enum sql_word)i);
        assert_int_equal(sql_word_find(text), i);
        char lower[16];
        for (size_t k = 0; k < text.length; k++)
            lower[k] = slice_lower(text.at[k]);
        assert_int_equal(sql_word_find((struct slice){lower, text.length}), i);
        assert_int_equal(sql_word_find((struct slice){lower, text.length - 1}) == (enum sql_word)i,
                         false);
    }
    assert_int_equal(sql_word_find(SLICE_LITERAL("LOW\x7fPRIORITY")), SQL_NO_WORD);
    assert_int_equal(sql_word_find(SLICE_LITERAL("{}")), SQL_NO_WORD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_comes_out_as_written),
        cmocka_unit_test(a_secret_in_any_literal_never_comes_out),
        cmocka_unit_test(nothing_comes_of_nothing),
        cmocka_unit_test(a_statement_of_megabytes_is_read_in_part_and_says_so),
        cmocka_unit_test(a_statement_without_end_of_parentheses_is_no_trouble),
        cmocka_unit_test(the_summary_is_cut_between_tokens),
        cmocka_unit_test(a_table_that_does_not_fit_is_no_single_table),
        cmocka_unit_test(the_words_lie_under_their_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
