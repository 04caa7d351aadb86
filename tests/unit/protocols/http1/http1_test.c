// SPDX-License-Identifier: Apache-2.0
/* The vectors of tests/vectors/http1, each read whole, byte by byte and in two pieces cut at
 * every position, always up to a PROT_NONE page; then what vectors cannot say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/protocols/http1/http1_oracle.h"
#include "tests/unit/protocols/http1/http1_stream.h"

#define BYTES_MAX 8192
#define CASES_MAX 512

#define LETTERS_32  "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF"
#define LETTERS_128 LETTERS_32 LETTERS_32 LETTERS_32 LETTERS_32

struct vector {
    char file[32];
    char sentence[160];
    char bytes[BYTES_MAX];
    size_t length;
    bool responses;
    char methods[16];
    char expected[4096];
};

static struct vector *vectors;
static size_t vector_count;
static struct guarded memory;

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \r \n \t \s (space) \0 \\ \xHH; anything else fails the load. */
static void append_bytes(struct vector *vector, const char *text)
{
    static const char from[] = "rnts0\\";
    static const char to[] = "\r\n\t \0\\";
    for (; *text != '\0'; text++) {
        char c = *text;
        if (c == '\\' && *++text == 'x') {
            assert_true(hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0);
            c = (char)(hex_digit(text[1]) << 4 | hex_digit(text[2]));
            text += 2;
        } else if (c == '\\') {
            const char *escape = *text != '\0' ? strchr(from, *text) : NULL;
            assert_non_null(escape);
            c = to[escape - from];
        }
        assert_true(vector->length < BYTES_MAX);
        vector->bytes[vector->length++] = c;
    }
}

/* "@ response HEAD GET" */
static void read_direction(struct vector *vector, const char *text)
{
    vector->responses = strncmp(text, "response", 8) == 0;
    assert_true(vector->responses || strcmp(text, "request") == 0);
    size_t n = 0;
    while ((text = strchr(text, ' ')) != NULL && n + 1 < sizeof vector->methods)
        vector->methods[n++] = *++text;
}

static void load_file(const char *name)
{
    char path[512];
    char line[2048];
    struct vector *vector = NULL;
    (void)snprintf(path, sizeof path, "%s/http1/%s.txt", VECTORS, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0' || line[0] == '#')
            continue;
        if (strncmp(line, "== ", 3) == 0) {
            assert_true(vector_count < CASES_MAX);
            vector = &vectors[vector_count++];
            (void)snprintf(vector->file, sizeof vector->file, "%s", name);
            (void)snprintf(vector->sentence, sizeof vector->sentence, "%.150s", line + 3);
            continue;
        }
        assert_non_null(vector);
        assert_true(line[1] == ' ');
        size_t used = strlen(vector->expected);
        if (line[0] == '<')
            append_bytes(vector, line + 2);
        else if (line[0] == '@')
            read_direction(vector, line + 2);
        else if (line[0] == '>')
            (void)snprintf(vector->expected + used, sizeof vector->expected - used, "%s\n",
                           line + 2);
        else
            fail_msg("%s: what is this line? %s", path, line);
    }
    (void)fclose(file);
}

static int load_vectors(void **state)
{
    static const char *const files[] = {"request-lines", "status-lines", "fields",   "framing",
                                        "chunked",       "streams",      "smuggling"};
    (void)state;
    memory = guarded_make(BYTES_MAX);
    vectors = calloc(CASES_MAX, sizeof *vectors);
    assert_non_null(vectors);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        load_file(files[i]);
    return 0;
}

static int free_vectors(void **state)
{
    (void)state;
    free(vectors);
    return 0;
}

/* 0, or 1 and a complaint. */
static int read_differs(const struct vector *vector, struct http1_pieces pieces)
{
    static struct http1_text text;
    struct http1_stream stream = {
        {vector->bytes, vector->length}, vector->responses, vector->methods};
    http1_stream_read(&stream, pieces, &memory, &text);
    if (text.broken == NULL && strcmp(text.at, vector->expected) == 0)
        return 0;
    print_error("%s: %s (pieces of %zu, then %zu)\n-- expected\n%s-- read\n%s", vector->file,
                vector->sentence, pieces.first, pieces.rest, vector->expected, text.at);
    if (text.broken != NULL)
        print_error("-- broken: %s\n", text.broken);
    return 1;
}

static void vectors_read_whole_are_as_expected(void **state)
{
    int wrong = 0;
    (void)state;
    for (size_t i = 0; i < vector_count; i++)
        wrong += read_differs(&vectors[i], (struct http1_pieces){BYTES_MAX, 0});
    assert_int_equal(wrong, 0);
}

static void vectors_read_byte_by_byte_are_as_expected(void **state)
{
    int wrong = 0;
    (void)state;
    for (size_t i = 0; i < vector_count; i++)
        wrong += read_differs(&vectors[i], (struct http1_pieces){1, 1});
    assert_int_equal(wrong, 0);
}

static void vectors_cut_anywhere_are_as_expected(void **state)
{
    int wrong = 0;
    (void)state;
    for (size_t i = 0; i < vector_count; i++)
        for (size_t cut = 1; cut < vectors[i].length && wrong == 0; cut++)
            wrong += read_differs(&vectors[i], (struct http1_pieces){cut, 0});
    assert_int_equal(wrong, 0);
}

/* Of all that a vector begins with, and of what begins anywhere in it. */
static void vectors_are_as_a_plain_reader_reads_them(void **state)
{
    static const uint64_t most = HTTP1_WANT_ALL;
    const uint64_t wanted[] = {most, HTTP1_WANT_FRAMING, HTTP1_WANT_CARRIER | HTTP1_WANT_DOUBTS};
    (void)state;
    for (size_t i = 0; i < vector_count; i++)
        for (size_t cut = 0; cut <= vectors[i].length; cut++)
            for (unsigned way = 0; way < 12; way++) {
                bool tail = way & 1;
                struct slice whole = {vectors[i].bytes, vectors[i].length};
                struct slice part =
                    tail ? slice_after(whole, cut) : (struct slice){vectors[i].bytes, cut};
                const char *differs =
                    oracle_differs(guarded_copy(&memory, part), way & 2, wanted[way / 4]);
                if (differs)
                    fail_msg("%s: %s: %s (cut at %zu, way %u)", vectors[i].file,
                             vectors[i].sentence, differs, cut, way);
            }
}

static void there_are_at_least_120_vectors_and_none_twice(void **state)
{
    (void)state;
    print_message("%zu vectors\n", vector_count);
    assert_true(vector_count >= 120);
    for (size_t i = 0; i < vector_count; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(vectors[i].sentence, vectors[j].sentence);
}

static struct slice at_guard(const char *text)
{
    return guarded_copy(&memory, slice_of(text));
}

static void requests_are_detected_by_their_whole_first_line(void **state)
{
    static const struct {
        const char *bytes;
        enum parse answer;
    } cases[] = {
        {"", PARSE_MORE},
        {"\r", PARSE_MORE},
        {"\r\n\n", PARSE_MORE},
        {"G", PARSE_MORE},
        {"GET /", PARSE_MORE},
        {"GET / HTTP/1.1\r", PARSE_MORE},
        {"GET / HTTP/1.1\r\n", PARSE_OK},
        {"\r\nGET / HTTP/1.0\nx", PARSE_OK},
        {"PROPFIND /dav HTTP/1.1\r\n", PARSE_OK},
        {"CONNECT a:1 HTTP/1.1\r\n", PARSE_OK},
        {"\x16\x03\x01\x02", PARSE_BAD},
        {"SSH-2.0-OpenSSH_9.2 x\r\n", PARSE_BAD},
        {"EHLO example.org\r\n", PARSE_BAD},
        {"*1\r\n$4\r\nPING\r\n", PARSE_BAD},
        {"SET key value\r\n", PARSE_BAD},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", PARSE_BAD},
        {"OPTIONS * RTSP/1.0\r\n", PARSE_BAD},
        {"REGISTER sip:a SIP/2.0\r\n", PARSE_BAD},
        {"HTTP/1.1 200 OK\r\n", PARSE_BAD},
        {LETTERS_128, PARSE_MORE},
        {LETTERS_128 "A", PARSE_BAD},
        {LETTERS_128 " / HTTP/1.1\r\n", PARSE_OK},
        {LETTERS_128 "A / HTTP/1.1\r\n", PARSE_BAD},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(http1_detect_request(at_guard(cases[i].bytes)), cases[i].answer);
    assert_int_equal(http1_detect_request(SLICE_NONE), PARSE_MORE);
}

static void responses_are_detected_by_their_version(void **state)
{
    (void)state;
    assert_int_equal(http1_detect_response(SLICE_NONE), PARSE_MORE);
    assert_int_equal(http1_detect_response(at_guard("HTTP/1")), PARSE_MORE);
    assert_int_equal(http1_detect_response(at_guard("HTTP/1.")), PARSE_OK);
    assert_int_equal(http1_detect_response(at_guard("HTTP/2")), PARSE_BAD);
    assert_int_equal(http1_detect_response(at_guard("HTTPS")), PARSE_BAD);
    assert_int_equal(http1_detect_response(at_guard("ICY 200 OK")), PARSE_BAD);
}

static void absent_bytes_ask_for_more(void **state)
{
    struct http1_request request;
    struct http1_response response;
    size_t scanned = 0;
    size_t length;
    (void)state;
    assert_int_equal(http1_parse_request(SLICE_NONE, HTTP1_WANT_ALL, &request), PARSE_MORE);
    assert_int_equal(http1_parse_response(SLICE_NONE, HTTP1_WANT_ALL, &response), PARSE_MORE);
    assert_int_equal(http1_find_head(SLICE_NONE, &scanned, &length), PARSE_MORE);
}

static void every_field_of_the_table_is_recognised_in_any_case(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HTTP1_FIELD_COUNT; i++) {
        char head[128];
        struct http1_request request;
        int n =
            snprintf(head, sizeof head, "GET / HTTP/1.1\r\n%s: v\r\n\r\n", http1_field_names[i].at);
        for (int upper = 0; upper < 2; upper++) {
            for (int c = 16; upper && c < n && head[c] != ':'; c++)
                if (head[c] >= 'a' && head[c] <= 'z')
                    head[c] = (char)(head[c] - 32);
            assert_int_equal(http1_parse_request(at_guard(head), HTTP1_WANT_ALL, &request),
                             PARSE_OK);
            assert_true(slice_equal(http1_field(&request.fields, i), SLICE_LITERAL("v")));
        }
    }
}

/* Bit 0x20 alone would take CR for '-' and '@' for '`'. */
static void names_that_differ_in_one_byte_are_not_recognised(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HTTP1_FIELD_COUNT; i++)
        for (size_t byte = 0; byte < http1_field_names[i].length; byte++)
            for (int other = 0; other < 256; other++) {
                char head[128] = "GET / HTTP/1.1\r\n";
                char *lines = head + strlen(head);
                struct http1_request request;
                int n = snprintf(lines, 100, "%s: v\r\n\r\n", http1_field_names[i].at);
                if (other == ':' || other == '\n' || slice_lower((char)other) == lines[byte])
                    continue;
                if ((other == ' ' || other == '\t') && byte + 1 == http1_field_names[i].length)
                    continue;
                lines[byte] = (char)other;
                struct slice bytes =
                    guarded_copy(&memory, (struct slice){head, (size_t)(lines - head + n)});
                if (http1_parse_request(bytes, HTTP1_WANT_ALL, &request) != PARSE_OK)
                    fail_msg("%s with byte %d at %zu", http1_field_names[i].at, other, byte);
                if (http1_has_field(&request.fields, i))
                    fail_msg("%s with byte %d at %zu", http1_field_names[i].at, other, byte);
            }
}

static void the_lines_of_a_repeated_field_can_be_walked(void **state)
{
    struct http1_request request;
    struct slice value;
    (void)state;
    assert_int_equal(http1_parse_request(at_guard("GET / HTTP/1.1\r\ntracestate: a=1\r\nHost: h\r\n"
                                                  "TraceState:b=2\r\ntracestate:\r\n\r\n"),
                                         HTTP1_WANT_ALL, &request),
                     PARSE_OK);
    assert_int_equal(request.fields.repeated, 1U << HTTP1_FIELD_TRACESTATE);
    struct slice lines = request.fields.lines;
    assert_true(http1_next_value(&lines, HTTP1_FIELD_TRACESTATE, &value));
    assert_true(slice_equal(value, SLICE_LITERAL("a=1")));
    assert_true(http1_next_value(&lines, HTTP1_FIELD_TRACESTATE, &value));
    assert_true(slice_equal(value, SLICE_LITERAL("b=2")));
    assert_true(http1_next_value(&lines, HTTP1_FIELD_TRACESTATE, &value));
    assert_true(value.at != NULL && value.length == 0);
    assert_false(http1_next_value(&lines, HTTP1_FIELD_TRACESTATE, &value));
}

static void a_token_is_found_in_any_line_of_a_list(void **state)
{
    struct http1_request request;
    (void)state;
    assert_int_equal(http1_parse_request(at_guard("GET / HTTP/1.1\r\nConnection: keep-alive ,\r\n"
                                                  "Connection: x,\r\n\tUPGRADE\r\n"
                                                  "Expect: 100-Continue\r\n\r\n"),
                                         HTTP1_WANT_ALL, &request),
                     PARSE_OK);
    const struct http1_fields *fields = &request.fields;
    assert_true(http1_lists(fields, HTTP1_FIELD_CONNECTION, SLICE_LITERAL("keep-alive")));
    assert_true(http1_lists(fields, HTTP1_FIELD_CONNECTION, SLICE_LITERAL("upgrade")));
    assert_false(http1_lists(fields, HTTP1_FIELD_CONNECTION, SLICE_LITERAL("close")));
    assert_false(http1_lists(fields, HTTP1_FIELD_CONNECTION, SLICE_LITERAL("keep")));
    assert_true(http1_lists(fields, HTTP1_FIELD_EXPECT, SLICE_LITERAL("100-continue")));
    assert_false(http1_lists(fields, HTTP1_FIELD_UPGRADE, SLICE_LITERAL("websocket")));
}

/* The scan goes on where it stopped: what lies before may even have changed. */
static void find_head_looks_at_each_byte_once(void **state)
{
    char head[] = "GET / HTTP/1.1\r\nA: b\r\n\r\n";
    size_t scanned = 0;
    size_t length = 0;
    (void)state;
    assert_int_equal(http1_find_head((struct slice){head, 20}, &scanned, &length), PARSE_MORE);
    assert_int_equal(scanned, 20);
    memset(head, '\n', 16);
    assert_int_equal(http1_find_head(slice_of(head), &scanned, &length), PARSE_OK);
    assert_int_equal(length, sizeof head - 1);
    assert_int_equal(scanned, length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_read_whole_are_as_expected),
        cmocka_unit_test(vectors_read_byte_by_byte_are_as_expected),
        cmocka_unit_test(vectors_cut_anywhere_are_as_expected),
        cmocka_unit_test(vectors_are_as_a_plain_reader_reads_them),
        cmocka_unit_test(there_are_at_least_120_vectors_and_none_twice),
        cmocka_unit_test(requests_are_detected_by_their_whole_first_line),
        cmocka_unit_test(responses_are_detected_by_their_version),
        cmocka_unit_test(absent_bytes_ask_for_more),
        cmocka_unit_test(every_field_of_the_table_is_recognised_in_any_case),
        cmocka_unit_test(names_that_differ_in_one_byte_are_not_recognised),
        cmocka_unit_test(the_lines_of_a_repeated_field_can_be_walked),
        cmocka_unit_test(a_token_is_found_in_any_line_of_a_list),
        cmocka_unit_test(find_head_looks_at_each_byte_once),
    };
    return cmocka_run_group_tests(tests, load_vectors, free_vectors);
}
