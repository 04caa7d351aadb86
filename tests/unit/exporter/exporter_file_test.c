// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/log.h"
#include "exporter/file.h"
#include "tests/unit/exporter/exporter_sample.h"

static struct file file;
static struct otlp otlp;
static struct config config;
static struct otlp_body body;
static char path[64];
static char content[65536];
static _Alignas(8) unsigned char memory[8192];

static int set_up(void **state)
{
    (void)state;
    log_set_level(LOG_NONE);
    config = sample_config();
    snprintf(path, sizeof path, "/tmp/otelagent-file-test-%d", (int)getpid());
    unlink(path);
    file_init(&file, "/tmp/otelagent-file-test-%p");
    return otlp_init(&otlp, &config) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    file_close(&file);
    arena_unmap(&file.arena);
    arena_unmap(&otlp.arena);
    unlink(path);
    return 0;
}

static void make_body(const struct span_record *record)
{
    otlp_clear(&otlp);
    assert_true(otlp_add(&otlp, record, record->length, 1700000000000000000));
    otlp_finish(&otlp, SLICE_LITERAL("\x0a\x0c\x0a\x03pid\x12\x05\x18\xff\xff\xff\x0f"), &body);
}

static const char *read_content(void)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t length = read(fd, content, sizeof content - 1);
    assert_true(length >= 0);
    content[length] = '\0';
    close(fd);
    return content;
}

static void a_span_is_a_line_of_json(void **state)
{
    (void)state;
    struct span_context self = sample_context(0x0a, 0xb2);
    struct span_context parent = sample_context(0x0a, 0xc3);
    struct span span;
    config.semconv = 0;
    span_begin(&span, memory, sizeof memory, SPAN_SCOPE_CURL, SPAN_KIND_CLIENT, &self, &parent, 7);
    span_name(&span, SLICE_LITERAL("GET \"\\\n\x1f\x7f\xff\xc3\xa4"));
    span_integer(&span, ATTRIBUTE_SERVER_PORT, -5);
    span_header(&span, true, SLICE_LITERAL("X-A"), SLICE_LITERAL("b"));
    span_error(&span, SLICE_LITERAL("no"));
    span_link(&span, &parent);
    span_event(&span, EVENT_EXCEPTION, 8);
    span_string(&span, ATTRIBUTE_EXCEPTION_TYPE, SLICE_LITERAL(""));
    span_end(&span, 9);
    make_body(span.record);
    assert_true(file_write(&file, &body));
    assert_string_equal(
        read_content(),
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"pid\",\"value\":{"
        "\"intValue\":\"33554431\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"otelagent.curl\","
        "\"version\":\"" OTELAGENT_VERSION "\"},\"spans\":[{"
        "\"traceId\":\"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a\",\"spanId\":\"b2b2b2b2b2b2b2b2\","
        "\"parentSpanId\":\"c3c3c3c3c3c3c3c3\",\"flags\":259,"
        "\"name\":\"GET \\\"\\\\\\u000a\\u001f\\u007f\xef\xbf\xbd\xc3\xa4\",\"kind\":3,"
        "\"startTimeUnixNano\":\"1700000000000000007\",\"endTimeUnixNano\":\"1700000000000000009\","
        "\"attributes\":[{\"key\":\"server.port\",\"value\":{\"intValue\":\"-5\"}},"
        "{\"key\":\"http.request.header.x-a\",\"value\":{\"arrayValue\":{\"values\":[{"
        "\"stringValue\":\"b\"}]}}},{\"key\":\"error\",\"value\":{\"boolValue\":true}}],"
        "\"events\":[{\"timeUnixNano\":\"1700000000000000008\",\"name\":\"exception\","
        "\"attributes\":[{\"key\":\"exception.type\",\"value\":{\"stringValue\":\"\"}}]}],"
        "\"links\":[{\"traceId\":\"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a\",\"spanId\":"
        "\"c3c3c3c3c3c3c3c3\"}],\"status\":{\"message\":\"no\",\"code\":2}}],"
        "\"schemaUrl\":\"https://opentelemetry.io/schemas/1.30.0\"}],"
        "\"schemaUrl\":\"https://opentelemetry.io/schemas/1.30.0\"}]}\n");
}

static void the_file_is_its_owners_alone_and_grows(void **state)
{
    (void)state;
    struct stat status;
    make_body(sample_server_span(memory, sizeof memory));
    assert_true(file_write(&file, &body));
    assert_int_equal(stat(path, &status), 0);
    off_t once = status.st_size;
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_true(file_write(&file, &body));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 2 * once);
}

static void a_descriptor_that_was_taken_away_is_left_alone(void **state)
{
    (void)state;
    int pipes[2];
    char byte;
    make_body(sample_server_span(memory, sizeof memory));
    assert_true(file_write(&file, &body));
    assert_int_equal(pipe(pipes), 0);
    int number = file.own.fd;
    assert_int_equal(dup2(pipes[1], number), number);
    assert_true(file_write(&file, &body));
    assert_int_equal(fcntl(pipes[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(read(pipes[0], &byte, 1), -1);
    assert_int_equal(write(number, "x", 1), 1);
    close(number);
    close(pipes[0]);
    close(pipes[1]);
}

static void a_symbolic_link_is_not_followed(void **state)
{
    (void)state;
    assert_int_equal(symlink("/tmp/otelagent-file-test-victim", path), 0);
    make_body(sample_server_span(memory, sizeof memory));
    assert_false(file_write(&file, &body));
    assert_int_equal(access("/tmp/otelagent-file-test-victim", F_OK), -1);
}

static void a_full_device_loses_the_batch_and_nothing_else(void **state)
{
    (void)state;
    make_body(sample_server_span(memory, sizeof memory));
    file_init(&file, "/dev/full");
    assert_false(file_write(&file, &body));
    assert_false(file_write(&file, &body));
    assert_int_equal(file.lost_since, 2);
}

static void half_a_line_is_taken_back(void **state)
{
    (void)state;
    struct rlimit before, limit;
    struct stat status;
    make_body(sample_server_span(memory, sizeof memory));
    assert_true(file_write(&file, &body));
    assert_int_equal(stat(path, &status), 0);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = (rlim_t)status.st_size + 100;
    signal(SIGXFSZ, SIG_IGN); /* blocked on the exporter's thread */
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_false(file_write(&file, &body));
    setrlimit(RLIMIT_FSIZE, &before);
    off_t whole = status.st_size;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, whole);
    assert_true(file_write(&file, &body));
    assert_int_equal(file.lost_since, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_span_is_a_line_of_json),
        TEST(the_file_is_its_owners_alone_and_grows),
        TEST(a_descriptor_that_was_taken_away_is_left_alone),
        TEST(a_symbolic_link_is_not_followed),
        TEST(a_full_device_loses_the_batch_and_nothing_else),
        TEST(half_a_line_is_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
