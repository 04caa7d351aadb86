// SPDX-License-Identifier: Apache-2.0
/* Posting to a collector, over real sockets to a scripted one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "agent/base/log.h"
#include "exporter/transport/collector.h"
#include "tests/unit/exporter/exporter_sample.h"
#include "tests/unit/exporter/exporter_server.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static struct config config;
static struct collector collector;
static struct server server;
static _Atomic uint64_t stop_ns;
static int64_t paused_ms;
static int pauses;
static char text[] = "[first][second]";
static struct otlp_body body;

/* Time does not pass in these tests: waits between attempts are only noted. */
static void note_pause(int64_t wait_ms)
{
    paused_ms += wait_ms;
    pauses++;
}

static int set_up(void **state)
{
    (void)state;
    log_set_level(getenv("TEST_LOG") ? LOG_DEBUG : LOG_NONE);
    config = sample_config();
    config.export_timeout_ms = 30000;
    config.otlp_timeout_ms = 10000;
    collector = (struct collector){0};
    stop_ns = 0;
    paused_ms = 0;
    pauses = 0;
    body = (struct otlp_body){.pieces = {{text, 7}, {text + 7, 8}}, .count = 2, .bytes = 15};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (collector.transport)
        collector_close(&collector);
    arena_unmap(&collector.http.buffer);
    arena_unmap(&collector.gzip.arena);
    arena_unmap(&collector.answer);
    return 0;
}

static void open_collector(const char *url)
{
    collector_init(&collector, &config, url, &stop_ns, note_pause);
    collector_prepare(&collector);
}

static void start(const struct step *steps, int count)
{
    server_start(&server, steps, count, NULL);
    open_collector(server_url(&server));
}

static struct collector_verdict export_batch(void)
{
    server_look(&server); /* the last request has been looked at, if it was */
    struct collector_verdict verdict = collector_export(&collector, &body, 10);
    server_look(&server);
    return verdict;
}

static void a_post_carries_the_batch_and_the_configured_fields(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_ANSWER, OK, 0}};
    config.otlp_headers = "api-key=a%20b,X-Tenant = blue ,bad name=x,evil=a%0d%0aInjected: 1";
    start(steps, 1);
    struct collector_verdict verdict = export_batch();
    assert_true(verdict.accepted);
    assert_int_equal(verdict.rejected, 0);
    assert_int_equal(server.body_bytes, 15);
    assert_memory_equal(server.body, text, 15);
    assert_int_equal(strncmp(server.head, "POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1:", 42), 0);
    assert_non_null(strstr(server.head, "\r\nContent-Type: application/x-protobuf\r\n"));
    assert_non_null(strstr(server.head, "\r\nUser-Agent: otelagent/"));
    assert_non_null(strstr(server.head, "\r\napi-key: a b\r\n"));
    assert_non_null(strstr(server.head, "\r\nX-Tenant: blue\r\n"));
    assert_null(strstr(server.head, "bad name"));
    assert_null(strstr(server.head, "Injected"));
    assert_null(strstr(server.head, "Content-Encoding"));
    server_stop(&server);
}

static void an_address_that_nobody_looked_up_is_found_when_needed(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_ANSWER, OK, 0}};
    server_start(&server, steps, 1, NULL);
    collector_init(&collector, &config, server_url(&server), &stop_ns, note_pause);
    assert_true(export_batch().accepted);
    server_stop(&server);
}

static void a_connection_is_used_again(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {STEP_ANSWER, OK, 0},
        {STEP_DRIP,
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "3;x=y\r\n\x0a\x02\x08\r\n1\r\n\x04\r\n0\r\nTrailer: t\r\n\r\n",
         0},
        {STEP_ANSWER, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 0},
        {STEP_ANSWER, OK, 0},
    };
    start(steps, 4);
    assert_int_equal(export_batch().rejected, 0);
    assert_int_equal(export_batch().rejected, 4); /* the chunks joined: a partial success */
    assert_true(export_batch().accepted);
    assert_true(export_batch().accepted);
    assert_int_equal(server.connections, 1);
    assert_int_equal(server.requests, 4);
    server_stop(&server);
}

static void a_connection_lives_a_minute_and_not_beyond_a_refusal(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {STEP_ANSWER, OK, 0}, {STEP_ANSWER, OK, 0},
        {STEP_ANSWER, OK, 0}, {STEP_ANSWER, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", 0},
        {STEP_ANSWER, OK, 0}, {STEP_ANSWER, OK, 0},
    };
    static const int connections[] = {1, 1, 2, 2, 3, 3};
    start(steps, 6);
    for (int i = 0; i < 6; i++) {
        if (i == 2)
            collector.http.renewal.renewed_ns -= RENEWAL_NS;
        assert_int_equal(export_batch().accepted, i != 3);
        assert_int_equal(server.connections, connections[i]);
    }
    server_stop(&server);
}

static void a_kept_connection_that_was_closed_is_replaced_at_once(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {STEP_CLOSE_AFTER, OK, 0},
        {STEP_CLOSE_AFTER, "HTTP/1.0 200 OK\r\n\r\n", 0},
        {STEP_ANSWER, OK, 0},
    };
    config.export_retry = false;
    start(steps, 3);
    for (int i = 0; i < 3; i++)
        assert_true(export_batch().accepted);
    assert_int_equal(server.connections, 3);
    assert_int_equal(server.requests, 3); /* nothing was sent twice */
    server_stop(&server);
}

static void only_some_failures_are_tried_again(void **state)
{
    (void)state;
    static const struct {
        struct step step;
        int requests;
        bool accepted;
    } cases[] = {
        {{STEP_ANSWER, "HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", 0}, 2, true},
        {{STEP_ANSWER, "HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n", 0}, 2, true},
        {{STEP_ANSWER, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 0}, 2, true},
        {{STEP_ANSWER, "HTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n", 0}, 2, true},
        {{STEP_RESET, NULL, 0}, 2, true},
        {{STEP_CLOSE_AFTER, "HTTP/1.1 200 OK\r\nContent-Le", 0}, 2, true},
        {{STEP_ANSWER, "HTTP/1.1 400 Bad\r\nContent-Length: 3\r\n\r\nno!", 0}, 1, false},
        {{STEP_ANSWER, "HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n", 0}, 1, false},
        {{STEP_ANSWER, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 0}, 1, false},
        {{STEP_ANSWER, "HTTP/1.1 302 Moved\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 0},
         1,
         false},
        {{STEP_ANSWER, "SSH-2.0-OpenSSH_9\r\n", 0}, 1, false},
        {{STEP_ANSWER, "\0\0\x12\4\0\0\0\0\0", 9}, 1, false},
        {{STEP_ANSWER, "HTTP/1.1 2x0 OK\r\n\r\n", 0}, 1, false},
        {{STEP_ANSWER, "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", 0}, 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct step steps[] = {cases[i].step, {STEP_ANSWER, OK, 0}};
        start(steps, 2);
        struct collector_verdict verdict = export_batch();
        if (verdict.accepted != cases[i].accepted || server.requests != cases[i].requests)
            fail_msg("case %zu: accepted %d, requests %d", i, verdict.accepted, server.requests);
        assert_int_equal(pauses, cases[i].requests - 1);
        server_stop(&server);
        tear_down(NULL);
        set_up(NULL);
    }
}

static void a_status_holds_whatever_its_body_does(void **state)
{
    (void)state;
    static const struct {
        struct step step;
        int requests;
        bool accepted;
    } cases[] = {
        {{STEP_ANSWER, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0}, 1, true},
        {{STEP_ANSWER, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx", 0}, 1, true},
        {{STEP_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 0}, 1, true},
        {{STEP_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", 0},
         1,
         true},
        {{STEP_CLOSE_AFTER, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", 0}, 1, true},
        {{STEP_FLOOD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000000\r\n", 0},
         1,
         true},
        {{STEP_CLOSE_AFTER, "HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\nab", 0}, 1, false},
        {{STEP_FLOOD, "HTTP/1.1 500 Oops\r\nContent-Length: 99999999\r\n\r\n", 0}, 1, false},
        {{STEP_FLOOD, "HTTP/1.1 503 Busy\r\nContent-Length: 99999999\r\n\r\n", 0}, 2, true},
        {{STEP_ANSWER, "HTTP/1.1 503 Busy\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 0},
         2,
         true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct step steps[] = {cases[i].step, {STEP_ANSWER, OK, 0}};
        start(steps, 2);
        struct collector_verdict verdict = export_batch();
        if (verdict.accepted != cases[i].accepted || server.requests != cases[i].requests)
            fail_msg("case %zu: accepted %d, requests %d", i, verdict.accepted, server.requests);
        assert_true(export_batch().accepted); /* nothing of it is taken for the next answer */
        server_stop(&server);
        tear_down(NULL);
        set_up(NULL);
    }
}

static void a_body_that_drips_beyond_its_time_costs_that_and_no_more(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {STEP_UNREAD, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", 0},
        {STEP_UNREAD, "HTTP/1.1 200 OK\r\nContent-Le", 0},
        {STEP_FLOOD, "HTTP/1.1 102 Processing\r\n\r\n", 0},
    };
    static const bool accepted[] = {true, false, false};
    config.otlp_timeout_ms = 600; /* the head has to come in that, on a busy machine, too */
    config.export_timeout_ms = 900;
    for (int i = 0; i < 3; i++) {
        start(steps + i, 1);
        assert_int_equal(export_batch().accepted, accepted[i]);
        server_stop(&server);
        tear_down(NULL);
    }
}

/* More than any socket buffers. */
static void send_large_batch(void)
{
    static char large[16 << 20];
    body = (struct otlp_body){.pieces = {{large, sizeof large}}, .count = 1, .bytes = sizeof large};
}

static void an_answer_to_half_a_batch_counts(void **state)
{
    (void)state;
    static const struct {
        struct step step;
        int requests;
        bool accepted;
    } cases[] = {
        {{STEP_UNREAD, "HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n", 0}, 1, false},
        {{STEP_UNREAD, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 0}, 2, true},
        {{STEP_UNREAD, "SSH-2.0-OpenSSH_9\r\n", 0}, 1, false},
        {{STEP_RESET_UNREAD, NULL, 0}, 2, true},
        {{STEP_ANSWER, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
          0},
         1,
         true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct step steps[] = {cases[i].step, {STEP_ANSWER, OK, 0}};
        send_large_batch();
        start(steps, 2);
        struct collector_verdict verdict = export_batch();
        if (verdict.accepted != cases[i].accepted || server.requests != cases[i].requests)
            fail_msg("case %zu: accepted %d, requests %d", i, verdict.accepted, server.requests);
        assert_true(export_batch().accepted); /* the next batch does not follow half of this one */
        server_stop(&server);
        tear_down(NULL);
        set_up(NULL);
    }
}

static void a_batch_that_is_not_taken_costs_its_time_and_no_more(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_UNREAD, "", 0},
                                        {STEP_UNREAD, "HTTP/1.1 100 Continue\r\n\r\n", 0}};
    config.otlp_timeout_ms = 60;
    config.export_timeout_ms = 90;
    for (int i = 0; i < 2; i++) {
        send_large_batch();
        start(steps + i, 1);
        assert_false(export_batch().accepted);
        server_stop(&server);
        tear_down(NULL);
    }
}

static void without_retry_there_is_one_attempt(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {STEP_ANSWER, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 0}};
    config.export_retry = false;
    start(steps, 1);
    assert_false(export_batch().accepted);
    assert_int_equal(server.requests, 1);
    server_stop(&server);
}

static void the_servers_wish_to_wait_is_followed(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {STEP_ANSWER, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", 0},
        {STEP_ANSWER, OK, 0}};
    start(steps, 2);
    assert_true(export_batch().accepted);
    assert_int_equal(paused_ms, 7000);
    server_stop(&server);
}

static void a_wait_beyond_the_export_timeout_drops_at_once(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {STEP_ANSWER, "HTTP/1.1 429 Busy\r\nRetry-After: 31\r\nContent-Length: 0\r\n\r\n", 0}};
    start(steps, 1);
    assert_false(export_batch().accepted);
    assert_int_equal(server.requests, 1);
    assert_int_equal(pauses, 0);
    server_stop(&server);
}

static void a_silent_collector_costs_no_more_than_the_timeouts(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_HANG, NULL, 0}};
    config.otlp_timeout_ms = 60;
    config.export_timeout_ms = 90;
    start(steps, 1);
    assert_false(export_batch().accepted);
    server_stop(&server);
}

static void the_end_of_the_process_cuts_a_post_short(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_HANG, NULL, 0}};
    config.otlp_timeout_ms = 3600000;
    config.export_timeout_ms = 3600000;
    start(steps, 1);
    stop_ns = clock_monotonic_ns() + 50000000; /* else this test would time out */
    assert_false(export_batch().accepted);
    server_stop(&server);
}

static void nobody_listening_is_a_connection_failure(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_ANSWER, OK, 0}};
    start(steps, 1);
    server_stop(&server);
    config.export_timeout_ms = 1;
    assert_false(export_batch().accepted);
}

static void refused_spans_are_reported_and_never_more_than_there_are(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {STEP_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n\x0a\x06\x08\x03\x12\x02no", 0},
        {STEP_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x0a\x02\x08\x63", 0},
        {STEP_ANSWER,
         "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n\x0a\x0b\x08"
         "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
         0},
        {STEP_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0},
        {STEP_CLOSE_AFTER, "HTTP/1.1 200 OK\r\n\r\n\x0a\x02\x08\x02", 0},
    };
    static const uint64_t rejected[] = {3, 10, 0, 0, 2};
    start(steps, 5);
    for (int i = 0; i < 5; i++) {
        struct collector_verdict verdict = export_batch();
        assert_true(verdict.accepted);
        assert_int_equal(verdict.rejected, rejected[i]);
    }
    server_stop(&server);
}

static void a_socket_that_was_taken_away_is_left_alone(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_ANSWER, OK, 0}};
    int pipes[2];
    char byte;
    start(steps, 1);
    assert_true(export_batch().accepted);
    assert_int_equal(pipe(pipes), 0);
    int number = collector.http.socket.fd;
    assert_int_equal(dup2(pipes[1], number), number); /* the application's file now */
    assert_true(export_batch().accepted);
    assert_int_equal(server.requests, 2);

    assert_int_equal(write(number, "x", 1), 1); /* still open, and nothing of ours went into it */
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(number);
    close(pipes[0]);
    close(pipes[1]);
    tear_down(NULL);
    server_stop(&server);
}

static void a_unix_socket_carries_posts_too(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_ANSWER, OK, 0}};
    char path[64];
    char url[96];
    snprintf(path, sizeof path, "/tmp/otelagent-test-%d.sock", (int)getpid());
    snprintf(url, sizeof url, "unix://%s", path);
    server_start(&server, steps, 1, path);
    open_collector(url);
    assert_true(export_batch().accepted);
    assert_int_equal(strncmp(server.head, "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n", 43),
                     0);
    server_stop(&server);
    unlink(path);
}

static void gzip_packs_the_same_bytes(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_ANSWER, OK, 0}};
    static char many[300000];
    static unsigned char out[sizeof many + 64];
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = (char)(i * i >> 7);
    body = (struct otlp_body){
        .pieces = {{text, 15}, {many, sizeof many}}, .count = 2, .bytes = 15 + sizeof many};
    config.otlp_compression = COMPRESSION_GZIP;
    start(steps, 1);
    for (int round = 0; round < 3; round++) {
        assert_true(export_batch().accepted);
        assert_non_null(strstr(server.head, "\r\nContent-Encoding: gzip\r\n"));
        z_stream stream = {.next_in = (unsigned char *)server.body,
                           .avail_in = (unsigned)server.body_bytes,
                           .next_out = out,
                           .avail_out = sizeof out};
        assert_int_equal(inflateInit2(&stream, 31), Z_OK);
        assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
        assert_int_equal(stream.total_out, body.bytes);
        assert_memory_equal(out, text, 15);
        assert_memory_equal(out + 15, many, sizeof many);
        inflateEnd(&stream);
    }
    server_stop(&server);
}

/* Towards another host, as far as the module is concerned: one of its addresses is. */
static void a_batch_is_packed_on_its_way_to_another_host_only(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_ANSWER, OK, 0}};
    static const struct {
        const char *address; /* of the collector, too; NULL: only 127.0.0.1 */
        enum config_compression compression;
        bool packed;
    } cases[] = {
        {NULL, COMPRESSION_AUTO, false},        {"127.9.9.9", COMPRESSION_AUTO, false},
        {"192.0.2.1", COMPRESSION_AUTO, true},  {NULL, COMPRESSION_GZIP, true},
        {"192.0.2.1", COMPRESSION_NONE, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        config.otlp_compression = cases[i].compression;
        start(steps, 1);
        struct endpoint other = collector.endpoint;
        struct addresses more = {0};
        snprintf(other.host, sizeof other.host, "%s", cases[i].address ? cases[i].address : "");
        if (cases[i].address) {
            assert_true(address_literal(&other, &more));
            collector.http.addresses.list[collector.http.addresses.count++] = more.list[0];
        }
        assert_true(export_batch().accepted);
        assert_int_equal(strstr(server.head, "Content-Encoding: gzip") != NULL, cases[i].packed);
        server_stop(&server);
        tear_down(NULL);
        set_up(NULL);
    }
}

static void an_address_nobody_can_post_to_drops_without_trying(void **state)
{
    (void)state;
    static const char *const urls[] = {"https://collector.example:4318/v1/traces",
                                       "",
                                       "http://",
                                       "http://host:99999/",
                                       "unix:relative",
                                       "http://a b/"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        open_collector(urls[i]);
        assert_false(export_batch().accepted);
        assert_int_equal(pauses, 0);
    }
}

static void an_address_becomes_host_and_target(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host, *target, *socket, *shown;
        uint16_t port;
        const char *user;
    } cases[] = {
        {"http://c:4318/v1/traces", "c", "/v1/traces", "", "http://c:4318/v1/traces", 4318, ""},
        {"https://a:b@p@c?key=x", "c", "/?key=x", "", "https://c:443/", 443, "a:b@p"},
        {"http://c#x", "c", "/", "", "http://c:80/", 80, ""},
        {"http://[::1]/a?b#c", "::1", "/a?b", "", "http://[::1]:80/a", 80, ""},
        {"unix:///run/o.sock/v1/traces", "localhost", "/v1/traces", "/run/o.sock",
         "unix:///run/o.sock", 80, ""},
        {"unix:///v1/traces", "localhost", "/v1/traces", "/v1/traces", "unix:///v1/traces", 80, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct endpoint endpoint;
        assert_true(endpoint_parse(&endpoint, cases[i].url));
        assert_string_equal(endpoint.host, cases[i].host);
        assert_string_equal(endpoint.target, cases[i].target);
        assert_string_equal(endpoint.socket, cases[i].socket);
        assert_string_equal(endpoint.shown, cases[i].shown);
        assert_int_equal(endpoint.port, cases[i].port);
        assert_true(slice_equal(endpoint.user, slice_of(cases[i].user)));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_post_carries_the_batch_and_the_configured_fields),
        TEST(an_address_that_nobody_looked_up_is_found_when_needed),
        TEST(a_connection_is_used_again),
        TEST(a_connection_lives_a_minute_and_not_beyond_a_refusal),
        TEST(a_kept_connection_that_was_closed_is_replaced_at_once),
        TEST(only_some_failures_are_tried_again),
        TEST(a_status_holds_whatever_its_body_does),
        TEST(a_body_that_drips_beyond_its_time_costs_that_and_no_more),
        TEST(an_answer_to_half_a_batch_counts),
        TEST(a_batch_that_is_not_taken_costs_its_time_and_no_more),
        TEST(without_retry_there_is_one_attempt),
        TEST(the_servers_wish_to_wait_is_followed),
        TEST(a_wait_beyond_the_export_timeout_drops_at_once),
        TEST(a_silent_collector_costs_no_more_than_the_timeouts),
        TEST(the_end_of_the_process_cuts_a_post_short),
        TEST(nobody_listening_is_a_connection_failure),
        TEST(refused_spans_are_reported_and_never_more_than_there_are),
        TEST(a_socket_that_was_taken_away_is_left_alone),
        TEST(a_unix_socket_carries_posts_too),
        TEST(gzip_packs_the_same_bytes),
        TEST(a_batch_is_packed_on_its_way_to_another_host_only),
        TEST(an_address_becomes_host_and_target),
        TEST(an_address_nobody_can_post_to_drops_without_trying),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
