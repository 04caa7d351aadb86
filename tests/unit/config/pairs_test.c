// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/pairs.h"

/* The whole text as one line: `key=value;`, `#N;` for a malformed pair N, `+N;` for one that is too
 * long. The text ends right before a page that can't be read. */
static void all_pairs(const char *text, size_t buffer_bytes, char out[500])
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t length = strlen(text) + 1;
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED && length <= page);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    char *copy = memcpy(pages + page - length, text, length);

    char buffer[200];
    struct pairs pairs = pairs_of(copy);
    struct pairs_pair pair;
    enum pairs_result result;
    size_t used = 0;
    out[0] = '\0';
    while ((result = pairs_next(&pairs, buffer, buffer_bytes, &pair)) != PAIRS_END) {
        if (result == PAIRS_PAIR) {
            assert_int_equal(strlen(pair.key), pair.key_length);
            assert_int_equal(strlen(pair.value), pair.value_length);
            used += (size_t)sprintf(out + used, "%s=%s;", pair.key, pair.value);
        } else {
            used += (size_t)sprintf(out + used, "%c%u;", result == PAIRS_TOO_LONG ? '+' : '#',
                                    pairs.index);
        }
    }
    munmap(pages, 2 * page);
}

static void pairs_are_trimmed_and_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *pairs;
    } cases[] = {
        {"", ""},
        {",, ,", ""},
        {"a=1", "a=1;"},
        {" a = 1 , b=2,", "a=1;b=2;"},
        {"a=", "a=;"},
        {"a==", "a==;"},
        {"authorization=Basic dXNlcjpwYXNz==", "authorization=Basic dXNlcjpwYXNz==;"},
        {"a=x%20y%2Cz%3d", "a=x y,z=;"},
        {"a%3Db=1", "a=b=1;"},
        {"a=%C3%a9", "a=\xc3\xa9;"},
        {"a=1+1", "a=1+1;"},
        {"a=%20", "a= ;"},
        {"a", "#1;"},
        {"=1", "#1;"},
        {"a=1,b,c=3,=,d=4", "a=1;#2;c=3;#4;d=4;"},
        {",,x,a=1", "#1;a=1;"},
        {"a=100%", "#1;"},
        {"a=%2", "#1;"},
        {"a=%g0,b=%0g", "#1;#2;"},
        {"a=x%0d%0ay: z", "#1;"},
        {"a=%00", "#1;"},
        {"a%7f=1", "#1;"},
        {"a=1\n,b=2\x01", "a=1;#2;"},
        {"a=tab%09tab", "a=tab\ttab;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[500];
        all_pairs(cases[i].text, 200, out);
        assert_string_equal(out, cases[i].pairs);
    }
}

static void a_pair_that_does_not_fit_is_left_out_and_the_next_is_read(void **state)
{
    (void)state;
    char out[500];
    all_pairs("key=value,k=%20v,longkey=", 6, out);
    assert_string_equal(out, "+1;k= v;+3;");
    for (size_t bytes = 0; bytes < 6; bytes++) {
        all_pairs("ab=cd", bytes, out);
        assert_string_equal(out, "+1;");
    }
    all_pairs("ab=cd", 6, out);
    assert_string_equal(out, "ab=cd;");
}

static void a_check_needs_no_buffer(void **state)
{
    (void)state;
    struct pairs pairs = pairs_of("a=1,b,c=%20");
    assert_int_equal(pairs_next(&pairs, NULL, 0, NULL), PAIRS_PAIR);
    assert_int_equal(pairs_next(&pairs, NULL, 0, NULL), PAIRS_MALFORMED);
    assert_int_equal(pairs.index, 2);
    assert_int_equal(pairs_next(&pairs, NULL, 0, NULL), PAIRS_PAIR);
    assert_int_equal(pairs_next(&pairs, NULL, 0, NULL), PAIRS_END);
}

static void the_last_of_a_repeated_key_is_found(void **state)
{
    (void)state;
    char buffer[40];
    assert_string_equal(pairs_find("a=1,b=2", "b", buffer, sizeof buffer), "2");
    assert_string_equal(pairs_find("a=1,b=2,a=%33", "a", buffer, sizeof buffer), "3");
    assert_string_equal(pairs_find("a=long,x,a=", "a", buffer, sizeof buffer), "");
    assert_string_equal(pairs_find("a=1,a", "a", buffer, sizeof buffer), "1");
    assert_null(pairs_find("a=1", "A", buffer, sizeof buffer));
    assert_null(pairs_find("", "a", buffer, sizeof buffer));
    assert_null(pairs_find("a=1", "a", buffer, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_trimmed_and_decoded),
        cmocka_unit_test(a_pair_that_does_not_fit_is_left_out_and_the_next_is_read),
        cmocka_unit_test(a_check_needs_no_buffer),
        cmocka_unit_test(the_last_of_a_repeated_key_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
