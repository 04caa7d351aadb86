// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "exporter/console.h"
#include "tests/unit/exporter/exporter_sample.h"

#define MS UINT64_C(1000000)

static struct console console;
static struct config config;
static int pipes[2];
static char shown[65536];

static bool say(const char *text, size_t length)
{
    return write(pipes[1], text, length) == (ssize_t)length;
}

static bool say_to_nobody(const char *text, size_t length)
{
    (void)text;
    (void)length;
    return false;
}

static int set_up(void **state)
{
    (void)state;
    config = sample_config();
    config.console_color = WHEN_NEVER;
    if (pipe(pipes) != 0)
        return -1;
    console_init(&console, &config);
    console.say = say;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(pipes[0]);
    close(pipes[1]);
    arena_unmap(&console.arena);
    return 0;
}

/* What has been written since the last call. */
static const char *read_shown(void)
{
    size_t length = 0;
    if (write(pipes[1], "", 1) != 1) /* an end to read to */
        return "";
    do {
        ssize_t got = read(pipes[0], shown + length, sizeof shown - length);
        length += got > 0 ? (size_t)got : 0;
    } while (shown[length - 1]);
    return shown;
}

static _Alignas(8) unsigned char memory[4096];

static struct span begin(uint8_t id, uint8_t parent, const char *name, uint64_t start, uint64_t end)
{
    struct span_context self = sample_context(0xa1, id);
    struct span_context above = sample_context(0xa1, parent);
    struct span span;
    above.remote = parent == 0xff;
    span_begin(&span, memory, sizeof memory, SPAN_SCOPE_HTTP,
               parent == 0 || above.remote ? SPAN_KIND_SERVER : SPAN_KIND_CLIENT, &self,
               parent ? &above : NULL, start);
    span_name(&span, slice_of(name));
    span_end(&span, end);
    return span;
}

static void add(struct span span)
{
    console_add(&console, span.record);
}

static void a_trace_is_a_tree(void **state)
{
    (void)state;
    struct span span = begin(4, 3, "GET", 12 * MS, 13 * MS);
    span_string(&span, ATTRIBUTE_URL_FULL, SLICE_LITERAL("http://img.example/"));
    add(span);
    span = begin(5, 2, "UPDATE products", 15 * MS, 18 * MS);
    span_error(&span, SLICE_NONE);
    span_string(&span, ATTRIBUTE_DB_NAMESPACE, SLICE_LITERAL("shop"));
    span_string(&span, ATTRIBUTE_ERROR_TYPE, SLICE_LITERAL("40001"));
    span_string(&span, ATTRIBUTE_ERROR_MESSAGE, SLICE_LITERAL("Deadlock\nfound"));
    add(span);
    span = begin(3, 2, "S3.PutObject", 11 * MS, 14 * MS);
    span_integer(&span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, 200);
    span_string(&span, ATTRIBUTE_AWS_S3_BUCKET, SLICE_LITERAL("images"));
    span_string(&span, ATTRIBUTE_AWS_S3_KEY, SLICE_LITERAL("17.png"));
    add(span);
    span = begin(2, 0xff, "POST /products/{id}/image", 10 * MS, 20 * MS);
    span_integer(&span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, 201);
    span_string(&span, ATTRIBUTE_URL_PATH, SLICE_LITERAL("/products/17/image"));
    add(span);
    console_flush(&console, 0);
    assert_string_equal(
        read_shown(),
        "trace a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\n"
        "SERVER POST /products/{id}/image                   10.00 ms  +0.00  201  "
        "/products/17/image\n"
        "\u251c\u2500 CLIENT S3.PutObject                              3.00 ms  +1.00  200  "
        "s3://images/17.png\n"
        "\u2502  \u2514\u2500 CLIENT GET                                    1.00 ms  +2.00  "
        "http://img.example/\n"
        "\u2514\u2500 \u2717 CLIENT UPDATE products                         3.00 ms  +5.00  db "
        "shop "
        " "
        "40001  Deadlock?found\n");
    assert_int_equal(console.count, 0);
}

static void spans_wait_for_the_one_that_began_here(void **state)
{
    (void)state;
    add(begin(3, 2, "SELECT a", 10 * MS, 11 * MS));
    console_flush(&console, 20 * MS);
    assert_string_equal(read_shown(), "");
    console_flush(&console, 11 * MS + console.patience_ns);
    assert_string_equal(read_shown(), "trace a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\n"
                                      "(parent elsewhere)\n"
                                      "   CLIENT SELECT a                                  "
                                      "1.00 ms  +0.00\n");
}

static void parents_in_a_circle_are_each_shown_once(void **state)
{
    (void)state;
    add(begin(3, 2, "first", 10 * MS, 11 * MS));
    add(begin(2, 3, "second", 11 * MS, 12 * MS));
    add(begin(7, 7, "own parent", 12 * MS, 13 * MS));
    console_flush(&console, UINT64_MAX);
    const char *text = read_shown();
    assert_non_null(strstr(text, "   CLIENT first"));
    assert_non_null(strstr(text, "\u2514\u2500 CLIENT second"));
    assert_non_null(strstr(text, "   CLIENT own parent"));
    assert_null(strstr(strstr(text, "first") + 1, "first"));
}

static void a_long_chain_loses_nothing(void **state)
{
    (void)state;
    for (int i = 1; i < 200; i++)
        add(begin((uint8_t)i, (uint8_t)(i - 1), "x", (uint64_t)i * MS, 300 * MS));
    console_flush(&console, UINT64_MAX);
    int lines = 0;
    for (const char *at = read_shown(); (at = strstr(at, " ms")); at++)
        lines++;
    assert_int_equal(lines, 199);
}

static void more_spans_than_there_is_room_for_are_shown_early(void **state)
{
    (void)state;
    for (int i = 0; i < CONSOLE_SPANS_MOST; i++)
        add(begin(3, 2, "x", 1, 2));
    assert_int_equal(console.count, CONSOLE_SPANS_MOST);
    console.say = say_to_nobody; /* the write fails, and that is all */
    add(begin(3, 2, "x", 1, 2));
    assert_int_equal(console.count, 1);
}

static void a_terminal_gets_colours_and_nothing_else(void **state)
{
    (void)state;
    config.console_color = WHEN_ALWAYS;
    console_init(&console, &config);
    console.say = say;
    add(begin(2, 0, "GET \033[2J\xc2\x9b\xff/\xc3\xa4", 0, MS));
    console_flush(&console, 0);
    const char *text = read_shown();
    assert_non_null(strstr(text, "\033[1mGET ?[2J??\xef\xbf\xbd/\xc3\xa4\033[0m"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_trace_is_a_tree),
        TEST(spans_wait_for_the_one_that_began_here),
        TEST(parents_in_a_circle_are_each_shown_once),
        TEST(a_long_chain_loses_nothing),
        TEST(more_spans_than_there_is_room_for_are_shown_early),
        TEST(a_terminal_gets_colours_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
