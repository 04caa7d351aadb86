// SPDX-License-Identifier: Apache-2.0
/* The collector's answer, whole and in pieces; that all cuts agree is the fuzzer's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/transport/answer.h"

#define OK      "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

static void expect(struct slice found, const char *wanted)
{
    if (!slice_equal(found, slice_of(wanted)))
        fail_msg("%.*s instead of %s", (int)found.length, found.at, wanted);
}

static void an_answer_is_read_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *body, *retry_after;
        int status;
        bool reusable;
    } cases[] = {
        {OK "Content-Length: 3\r\n\r\nabc", "abc", NULL, 200, true},
        {CHUNKED "1\r\na\r\n2;x=y\r\nbc\r\n0\r\nT: u\r\n\r\n", "abc", NULL, 200, true},
        {"HTTP/1.1 102 P\r\nRetry-After: 9\r\n\r\nHTTP/1.1 503 B\nRetry-After: 2 \nContent-Length:"
         " 0\n\n",
         "", "2", 503, true},
        {"HTTP/1.0 204 No\r\n\r\n", "", NULL, 204, false},
        {"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 101 S\r\nContent-Length: 9\r\n\r\n", "", NULL, 101, false},
        {OK "Connection: close\r\nContent-Length: 1\r\n\r\na", "a", NULL, 200, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t length = strlen(cases[i].bytes);
        for (size_t piece = 1; piece <= length; piece++) {
            char *bytes = strdup(cases[i].bytes);
            struct answer answer = {0};
            enum answer_result result = ANSWER_MORE;
            for (size_t at = 0; at < length; at = at + piece < length ? at + piece : length) {
                assert_int_equal(result, ANSWER_MORE);
                size_t end = at + piece < length ? at + piece : length;
                result = answer_parse(bytes, end, false, &answer);
            }
            assert_int_equal(result, ANSWER_DONE);
            assert_int_equal(answer.status, cases[i].status);
            assert_int_equal(answer.reusable, cases[i].reusable);
            assert_int_equal(answer.consumed, length);
            expect(answer.body, cases[i].body);
            if (cases[i].retry_after)
                expect(answer.retry_after, cases[i].retry_after);
            else
                assert_null(answer.retry_after.at);
            free(bytes);
        }
    }
}

/* Where each piece were looked at with all before it, this would take an hour. */
static void an_answer_costs_what_it_is_long(void **state)
{
    (void)state;
    static const struct {
        const char *first, *piece;
        enum answer_result result;
    } cases[] = {
        {CHUNKED, "1\r\nx\r\n", ANSWER_MORE},
        {OK "\r\n", "x", ANSWER_MORE},
        {OK "Content-Length: 99999999\r\n\r\n", "x", ANSWER_MORE},
        {CHUNKED "fffffff\r\n", "x", ANSWER_MORE},
        {OK, "x: y\r\n", ANSWER_LONG},
        {OK "x: ", "y", ANSWER_LONG},
        {"", "HTTP/1.1 100 C\r\n\r\n", ANSWER_LONG},
        {CHUNKED "1;", "x", ANSWER_LONG},
        {CHUNKED "0\r\n", "x: y\r\n", ANSWER_LONG},
    };
    static char bytes[4 << 20];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t first = strlen(cases[i].first);
        size_t piece = strlen(cases[i].piece);
        memcpy(bytes, cases[i].first, first);
        for (size_t at = first; at < sizeof bytes; at++)
            bytes[at] = cases[i].piece[(at - first) % piece];
        struct answer answer = {0};
        enum answer_result result = ANSWER_MORE;
        size_t length = 0;
        while (result == ANSWER_MORE && length < sizeof bytes)
            result = answer_parse(bytes, ++length, false, &answer);
        if (result != cases[i].result || (result == ANSWER_LONG && length > 70000))
            fail_msg("case %zu: %d after %zu bytes", i, (int)result, length);
    }
}

static void a_head_of_64_kib_is_read_and_no_longer_one(void **state)
{
    (void)state;
    static char bytes[80000];
    for (int more = 0; more < 2; more++)
        for (int interim = 0; interim < 2; interim++) {
            const char *first = interim ? "HTTP/1.1 100 C\r\n\r\n" OK "x: " : OK "x: ";
            size_t whole = ANSWER_HEAD_BYTES_MOST + (size_t)more;
            memset(bytes, 'y', sizeof bytes);
            memcpy(bytes, first, strlen(first));
            memcpy(bytes + whole - 4, "\r\n\r\n", 4);
            struct answer answer = {0};
            enum answer_result result = answer_parse(bytes, whole, false, &answer);
            assert_int_equal(result, more ? ANSWER_LONG : ANSWER_MORE);
            assert_int_equal(answer.status, more ? 0 : 200);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_read_in_pieces_of_any_size),
        cmocka_unit_test(an_answer_costs_what_it_is_long),
        cmocka_unit_test(a_head_of_64_kib_is_read_and_no_longer_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
