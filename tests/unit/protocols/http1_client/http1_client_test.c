// SPDX-License-Identifier: Apache-2.0
/* HTTP/1 as a client: dialogues, whole and in pieces, and what their spans say; whose sockets are
 * libraries'; and whose child a call is. */
#include "tests/unit/seam.h"

#include <fcntl.h>
#include <sys/un.h>

#include "agent/net/library.h"
#include "tests/unit/protocols/http1_client/http1_dialogue.h"

static struct guarded piece_memory;
static struct http1_told told;
static struct http1_told told_in_pieces;

static void connect_to(int fd)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(8080)};
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    observe_connected(fd, (struct sockaddr *)&peer, sizeof peer, 0);
}

/* The only span that has ended. */
static const struct span_record *only_span(void)
{
    static _Alignas(8) unsigned char copy[RING_RECORD_BYTES_MAX];
    const struct span_record *span = next_span();
    assert_non_null(span);
    memcpy(copy, span, span->length);
    assert_null(next_span());
    return (const struct span_record *)(const void *)copy;
}

static void assert_says(const struct span_record *span, enum attribute attribute, const char *text)
{
    struct slice found = span_find_string(span, attribute);
    if (text)
        assert_text(found, text);
    else
        assert_null(found.at);
}

static void assert_status(const struct span_record *span, int64_t status)
{
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE), status);
}

static bool has_event(const struct span_record *span, enum event event)
{
    const struct span_entry *entry = NULL;
    while ((entry = span_next_entry(span, entry)) != NULL)
        if (entry->kind == SPAN_ENTRY_EVENT && entry->number == event)
            return true;
    return false;
}

/* ---- dialogues ---- */

struct turn {
    enum http1_step step;
    const char *text;
};

#define TURNS_MOST 8

struct dialogue {
    const char *name;
    struct turn turns[TURNS_MOST];
    /* A word a span: the method, status, request's and response's bytes; `!` with its error. */
    const char *spans;
};

#define SENT     HTTP1_STEP_SENT
#define RECEIVED HTTP1_STEP_RECEIVED
#define CROSSED  HTTP1_STEP_CROSSED

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a.example\r\n\r\n"
#define OK(n)     "HTTP/1.1 200 OK\r\nContent-Length: " #n "\r\n\r\n"

static const struct dialogue dialogues[] = {
    {"a get", {{SENT, GET("/")}, {RECEIVED, OK(5) "hello"}}, "GET-200-0-5"},
    {"kept",
     {{SENT, GET("/a")}, {RECEIVED, OK(0)}, {SENT, GET("/b")}, {RECEIVED, OK(2) "ab"}},
     "GET-200-0-0 GET-200-0-2"},
    {"a post",
     {{SENT, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"}, {RECEIVED, OK(0)}},
     "POST-200-3-0"},
    {"chunks both ways",
     {{SENT, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"},
      {SENT, "2\r\nde\r\n0\r\n\r\n"},
      {RECEIVED, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"}},
     "POST-200-5-4"},
    {"no content",
     {{SENT, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {RECEIVED, OK(99)},
      {SENT, GET("/")},
      {RECEIVED, "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n"},
      {SENT, GET("/")},
      {RECEIVED, "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n"}},
     "HEAD-200-0-0 GET-204-0-0 GET-304-0-0"},
    {"interim answers",
     {{SENT, "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"},
      {RECEIVED, "HTTP/1.1 100 Continue\r\n\r\n"},
      {SENT, "ab"},
      {RECEIVED, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK(0)}},
     "PUT-200-2-0"},
    {"a pipeline",
     {{SENT, GET("/1") GET("/2")},
      {RECEIVED, OK(1) "aHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nab"}},
     "GET-200-0-1 GET-404-0-2!404"},
    {"until close",
     {{SENT, "GET / HTTP/1.0\r\n\r\n"}, {RECEIVED, "HTTP/1.0 500 No\r\n\r\nabcdef"}},
     "GET-500-0-6!500"},
    {"a tunnel",
     {{SENT, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"},
      {RECEIVED, "HTTP/1.1 200 Yes\r\n\r\n"},
      {SENT, GET("/within")},
      {RECEIVED, OK(0)}},
     "CONNECT-200-0-0 GET-200-0-0"},
    {"a tunnel with another protocol in it",
     {{SENT, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"},
      {RECEIVED, "HTTP/1.1 200 Yes\r\n\r\n"},
      {SENT, "\x16\x03\x01\x02"},
      {RECEIVED, "\x16\x03\x03\x02"},
      {SENT, GET("/within")},
      {RECEIVED, OK(0)}},
     "CONNECT-200-0-0"},
    {"a tunnel whose other end speaks first",
     {{SENT, "CONNECT a.example:25 HTTP/1.1\r\nHost: a.example:25\r\n\r\n"},
      {RECEIVED, "HTTP/1.1 200 Yes\r\n\r\n220 a.example\r\n"},
      {SENT, GET("/within")},
      {RECEIVED, OK(0)}},
     "CONNECT-200-0-0"},
    {"a tunnel that is used before it is one",
     {{SENT, "CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\nGET /wi"},
      {RECEIVED, "HTTP/1.1 200 Yes\r\n\r\n"},
      {SENT, "thin HTTP/1.1\r\nHost: a\r\n\r\n"},
      {RECEIVED, OK(0)}},
     "CONNECT-200-0-0"},
    {"a tunnel that is refused once",
     {{SENT, "CONNECT a.example:443 HTTP/1.1\r\n\r\n"},
      {RECEIVED, "HTTP/1.1 407 Who\r\nContent-Length: 1\r\n\r\nx"},
      {SENT, "CONNECT a.example:443 HTTP/1.1\r\nProxy-Authorization: Basic eDp5\r\n\r\n"},
      {RECEIVED, "HTTP/1.1 200 Yes\r\n\r\n"}},
     "CONNECT-407-0-1!407 CONNECT-200-0-0"},
    {"another protocol from here",
     {{SENT, "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"},
      {RECEIVED, "HTTP/1.1 101 Switching\r\n\r\n\x81\x05hello"},
      {SENT, "\x81\x05hello"}},
     "GET-101-0-0"},
    {"no answer", {{SENT, GET("/")}}, "GET--0-!connection_aborted"},
    {"half an answer",
     {{SENT, GET("/")}, {RECEIVED, OK(9) "hello"}},
     "GET-200-0-5!connection_aborted"},
    {"half a request",
     {{SENT, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"}},
     "POST--9-!connection_aborted"},
    {"an answer before all of the request went",
     {{SENT, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"},
      {RECEIVED, OK(0)},
      {SENT, "defghi" GET("/next")},
      {RECEIVED, OK(1) "x"}},
     "POST-200-9-0 GET-200-0-1"},
    {"answers that another thread reads first",
     {{CROSSED, OK(5) "hello"}, {SENT, GET("/a")}, {CROSSED, OK(0)}, {SENT, GET("/b")}},
     "GET-200-0-5 GET-200-0-0"},
    {"an answer to nothing",
     {{SENT, GET("/a")},
      {RECEIVED, OK(0)},
      {RECEIVED, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"},
      {SENT, GET("/b")}},
     "GET-200-0-0"},
    {"no HTTP", {{SENT, "EHLO a.example\r\n"}, {RECEIVED, "250 hello\r\n"}}, ""},
    {"who is spoken to first", {{RECEIVED, "HTTP/1.1 200 OK\r\n\r\n"}, {SENT, GET("/")}}, ""},
};
#define DIALOGUES (sizeof dialogues / sizeof *dialogues)

static struct slice steps_of(const struct dialogue *dialogue, char *steps)
{
    char *at = steps;
    for (const struct turn *turn = dialogue->turns;
         turn < dialogue->turns + TURNS_MOST && turn->text; turn++) {
        size_t length = strlen(turn->text);
        *at++ = (char)(turn->step | length >> 8);
        *at++ = (char)length;
        memcpy(at, turn->text, length);
        at += length;
    }
    return (struct slice){steps, (size_t)(at - steps)};
}

static void print_number(char *out, int64_t number)
{
    if (number >= 0)
        (void)sprintf(out + strlen(out), "-%lld", (long long)number);
    else
        strcat(out, "-");
}

/* As struct dialogue says, of the spans that have ended. */
static void summarize(char *out)
{
    const struct span_record *span;
    out[0] = 0;
    while ((span = next_span()) != NULL) {
        struct slice name = span_find_name(span);
        struct slice error = span_find_string(span, ATTRIBUTE_ERROR_TYPE);
        int64_t sent = integer(span, ATTRIBUTE_HTTP_REQUEST_BODY_SIZE);
        assert_int_equal(span->kind, SPAN_KIND_CLIENT);
        assert_int_equal(span->status == SPAN_STATUS_ERROR, error.at != NULL);
        (void)sprintf(out + strlen(out), "%s%.*s", out[0] ? " " : "", (int)name.length, name.at);
        print_number(out, integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE));
        print_number(out, sent < 0 ? 0 : sent);
        print_number(out, integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE));
        if (error.at)
            (void)sprintf(out + strlen(out), "!%.*s", (int)error.length, error.at);
    }
}

static void play(const struct dialogue *dialogue)
{
    connect_to(FD);
    for (const struct turn *turn = dialogue->turns;
         turn < dialogue->turns + TURNS_MOST && turn->text; turn++) {
        struct sending sending;
        if (turn->step == RECEIVED) {
            receive(FD, turn->text);
        } else if (turn->step == CROSSED) {
            sending = observe_sending(FD);
            receive(FD, turn->text);
            turn++;
            observe_sent(&sending, turn->text, (ssize_t)strlen(turn->text), 0);
        } else {
            answer(FD, turn->text);
        }
    }
    observe_closing(FD);
}

static void a_dialogue_makes_a_span_for_each_request(void **state)
{
    (void)state;
    char found[1024];
    for (size_t i = 0; i < DIALOGUES; i++) {
        play(&dialogues[i]);
        summarize(found);
        if (strcmp(found, dialogues[i].spans) != 0)
            fail_msg("%s: %s", dialogues[i].name, found);
    }
    assert_int_equal(counters_get(&counters.spans_incomplete), 0);
}

/* What follows can't be told: it is not looked at, and counted. */
static void who_is_refused_before_the_body_may_keep_it(void **state)
{
    static const struct dialogue refused = {
        "refused",
        {{SENT, "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99\r\n\r\n"},
         {RECEIVED, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"},
         {SENT, GET("/next")},
         {RECEIVED, OK(0)}},
        ""};
    char found[1024];
    (void)state;
    play(&refused);
    summarize(found);
    assert_string_equal(found, "PUT-417-99-0!417");
    assert_int_equal(counters_get(&counters.connections_opaque), 1);
}

static void the_size_of_the_pieces_makes_no_difference(void **state)
{
    (void)state;
    char steps[4096];
    for (size_t i = 0; i < DIALOGUES; i++) {
        struct slice all = steps_of(&dialogues[i], steps);
        http1_dialogue_play(all, HTTP1_STEP_MOST, &piece_memory, &told);
        for (size_t piece = 1; piece < 40; piece += 1 + piece / 4) {
            http1_dialogue_play(all, piece, &piece_memory, &told_in_pieces);
            assert_string_equal(told_in_pieces.at, told.at);
        }
    }
}

/* ---- what a span says ---- */

static void a_span_says_who_was_asked_for_what(void **state)
{
    (void)state;
    connect_to(FD);
    answer(FD, "GET /a/b?token=abc&page=2 HTTP/1.1\r\nHost: shop.example:81\r\n\r\n");
    receive(FD, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab");
    const struct span_record *span = only_span();
    assert_text(span_find_name(span), "GET");
    assert_int_equal(span->scope, SPAN_SCOPE_HTTP);
    assert_says(span, ATTRIBUTE_HTTP_REQUEST_METHOD, "GET");
    assert_says(span, ATTRIBUTE_URL_FULL, "http://shop.example:81/a/b?token=REDACTED&page=2");
    assert_says(span, ATTRIBUTE_PEER_SERVER_ADDRESS, "shop.example");
    assert_int_equal(integer(span, ATTRIBUTE_PEER_SERVER_PORT), 81);
    assert_says(span, ATTRIBUTE_NETWORK_PEER_ADDRESS, "127.0.0.1");
    assert_int_equal(integer(span, ATTRIBUTE_NETWORK_PEER_PORT), 8080);
    assert_says(span, ATTRIBUTE_NETWORK_PROTOCOL_VERSION, "1.0");
    assert_true(has_event(span, EVENT_CONNECT_DONE));
    assert_true(has_event(span, EVENT_FIRST_BYTE));
    assert_int_equal(counters_get(&counters.spans_ended), 1);
}

/* The request, its url.full, server.address and server.port; -1: none. */
static const struct {
    const char *head;
    const char *url;
    const char *address;
    int64_t port;
} targets[] = {
    {"GET / HTTP/1.1\r\nHost: a.example", "http://a.example/", "a.example", 80},
    {"GET /x HTTP/1.1\r\nHost: [::1]:81", "http://[::1]:81/x", "::1", 81},
    {"GET /x HTTP/1.0", "http://127.0.0.1:8080/x", "127.0.0.1", 8080},
    {"GET /x HTTP/1.1\r\nHost: a b", "http://127.0.0.1:8080/x", "127.0.0.1", 8080},
    {"GET /x HTTP/1.1\r\nHost:", "http://127.0.0.1:8080/x", "127.0.0.1", 8080},
    {"GET http://u:p@b.example:82/x?sig=1 HTTP/1.1\r\nHost: proxy",
     "http://REDACTED:REDACTED@b.example:82/x?sig=REDACTED", "b.example", 82},
    {"GET ftp://b.example/x HTTP/1.1\r\nHost: b.example", "ftp://b.example/x", "b.example", -1},
    {"OPTIONS * HTTP/1.1\r\nHost: a.example", "http://a.example", "a.example", 80},
    {"CONNECT c.example:443 HTTP/1.1\r\nHost: c.example:443", NULL, "c.example", 443},
    {"GET /ghp_0123456789abcdefghijABCDEFGHIJ012345 HTTP/1.1\r\nHost: a.example",
     "http://a.example/REDACTED", "a.example", 80},
};

static void a_target_may_have_any_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char head[512];
        (void)snprintf(head, sizeof head, "%s\r\n\r\n", targets[i].head);
        connect_to(FD);
        answer(FD, head);
        receive(FD, "HTTP/1.1 204 OK\r\n\r\n");
        const struct span_record *span = only_span();
        assert_says(span, ATTRIBUTE_URL_FULL, targets[i].url);
        assert_says(span, ATTRIBUTE_PEER_SERVER_ADDRESS, targets[i].address);
        assert_int_equal(integer(span, ATTRIBUTE_PEER_SERVER_PORT), targets[i].port);
    }
}

static void a_unix_socket_has_no_port(void **state)
{
    (void)state;
    struct sockaddr_un peer = {.sun_family = AF_UNIX, .sun_path = "/run/docker.sock"};
    observe_connected(FD, (struct sockaddr *)&peer, sizeof peer, 0);
    answer(FD, "GET /info HTTP/1.1\r\nHost: docker\r\n\r\n");
    receive(FD, OK(0));
    const struct span_record *span = only_span();
    assert_says(span, ATTRIBUTE_URL_FULL, "http://docker/info");
    assert_says(span, ATTRIBUTE_PEER_SERVER_ADDRESS, "docker");
    assert_int_equal(integer(span, ATTRIBUTE_PEER_SERVER_PORT), -1);
    assert_says(span, ATTRIBUTE_NETWORK_TRANSPORT, "unix");
}

static void a_method_that_nobody_knows_is_another(void **state)
{
    (void)state;
    connect_to(FD);
    answer(FD, "PURGE / HTTP/1.1\r\nHost: a\r\n\r\n");
    receive(FD, OK(0));
    const struct span_record *span = only_span();
    assert_text(span_find_name(span), "HTTP");
    assert_says(span, ATTRIBUTE_HTTP_REQUEST_METHOD, "_OTHER");
    assert_says(span, ATTRIBUTE_HTTP_REQUEST_METHOD_ORIGINAL, "PURGE");
}

#define METRICS                                                                                    \
    "POST /otlp/v1/metrics HTTP/1.1\r\nHost: c\r\nContent-Type: application/x-protobuf\r\n"        \
    "Content-Length: 3\r\n\r\nabc"

static void a_post_of_telemetry_is_answered_without_a_span(void **state)
{
    (void)state;
    connect_to(FD);
    answer(FD, "GET /1 HTTP/1.1\r\nHost: c\r\n\r\n" METRICS "GET /2 HTTP/1.1\r\nHost: c\r\n\r\n");
    receive(FD, OK(0) "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno");
    receive(FD, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    assert_status(next_span(), 200);
    assert_status(next_span(), 404);
    assert_null(next_span());
    answer(FD, METRICS);
    observe_closing(FD);
    assert_null(next_span());
    assert_int_equal(counters.left_out_telemetry, 2);
}

static void the_longest_head_is_one_span(void **state)
{
    (void)state;
    static char head[200000];
    size_t length = (size_t)sprintf(head, "GET /");
    memset(head + length, 'a', 100000);
    (void)sprintf(head + length + 100000, " HTTP/1.1\r\nHost: a.example\r\n\r\n");
    connect_to(FD);
    answer(FD, head);
    receive(FD, OK(0));
    struct slice url = span_find_string(only_span(), ATTRIBUTE_URL_FULL);
    assert_true(slice_starts(url, SLICE_LITERAL("http://a.example/aaaa")));
}

static void what_can_not_be_understood_is_incomplete(void **state)
{
    (void)state;
    connect_to(FD);
    answer(FD, GET("/"));
    receive(FD, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
    const struct span_record *span = only_span();
    assert_status(span, 200);
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE), -1);
    assert_int_equal(counters_get(&counters.spans_incomplete), 1);
    assert_false(http1_dialogue_is_read());
    answer(FD, GET("/"));
    observe_closing(FD);
    assert_null(next_span());
}

static void more_requests_than_there_is_room_for_are_lost_and_counted(void **state)
{
    (void)state;
    unsigned spans = 0;
    connect_to(FD);
    for (int i = 0; i <= PIPELINE_LENGTH; i++)
        answer(FD, GET("/"));
    observe_closing(FD);
    while (next_span())
        spans++;
    assert_int_equal(spans, PIPELINE_LENGTH);
    assert_int_equal(counters_get(&counters.connections_opaque), 1);
}

static void a_byte_between_a_pair_of_sockets_begins_no_request(void **state)
{
    (void)state;
    int pair[2] = {FD, FD + 1};
    observe_paired(pair, 0);
    answer(FD, "x");
    assert_false(http1_dialogue_is_read());
    observe_paired(pair, 0);
    answer(FD, "G");
    assert_true(http1_dialogue_is_read());
    answer(FD, "ET / HTTP/1.1\r\n\r\n");
    receive(FD, OK(0));
    assert_says(only_span(), ATTRIBUTE_URL_FULL, "http://localhost/");
}

/* ---- how it ends without an answer ---- */

static void wait_for(int fd, int ready)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    observe_polled(&wait, 1, ready);
}

static void read_failed(int fd, int error)
{
    char byte = 0;
    errno = error;
    observe_received(fd, &byte, error ? -1 : 0, 0);
}

static void ends(const char *error_type)
{
    const struct span_record *span = only_span();
    assert_int_equal(span->status, error_type ? SPAN_STATUS_ERROR : SPAN_STATUS_UNSET);
    assert_says(span, ATTRIBUTE_ERROR_TYPE, error_type);
}

static void who_closes_after_a_wait_in_vain_had_no_patience(void **state)
{
    (void)state;
    connect_to(FD);
    answer(FD, GET("/"));
    wait_for(FD, 0);
    observe_closing(FD);
    ends("timeout");

    /* It went on meanwhile. */
    connect_to(FD);
    wait_for(FD, 0);
    answer(FD, GET("/"));
    observe_closing(FD);
    ends("connection_aborted");
    connect_to(FD);
    answer(FD, GET("/"));
    wait_for(FD, 0);
    wait_for(FD, 1);
    receive(FD, OK(9) "abc");
    observe_closing(FD);
    ends("connection_aborted");

    /* A look for what is there already is no wait. */
    connect_to(FD);
    answer(FD, GET("/"));
    observe_waited_for(0, false);
    observe_closing(FD);
    ends("connection_aborted");
    connect_to(FD);
    answer(FD, GET("/"));
    observe_waited_for(0, true);
    observe_waited_for(0, false);
    observe_closing(FD);
    ends("timeout");
}

static void a_read_that_waits_has_no_patience_either(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    connect_to(pair[0]);
    answer(pair[0], GET("/"));
    read_failed(pair[0], EAGAIN);
    observe_closing(pair[0]);
    ends("timeout");

    assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    connect_to(pair[0]);
    answer(pair[0], GET("/"));
    read_failed(pair[0], EAGAIN);
    observe_closing(pair[0]);
    ends("connection_aborted");
    close(pair[0]);
    close(pair[1]);
}

static void *read_reset(void *unused)
{
    read_failed(FD, ECONNRESET);
    read_failed(FD, 0);
    return unused;
}

static void the_server_ends_it(void **state)
{
    (void)state;
    connect_to(FD);
    answer(FD, GET("/"));
    read_failed(FD, ECONNRESET);
    ends("ECONNRESET");
    connect_to(FD);
    answer(FD, GET("/"));
    receive(FD, OK(9) "abc");
    read_failed(FD, 0);
    ends("connection_closed");
    connect_to(FD);
    answer(FD, GET("/"));
    receive(FD, "HTTP/1.0 200 OK\r\n\r\nabc");
    read_failed(FD, 0);
    ends(NULL);
    connect_to(FD);
    answer(FD, GET("/"));
    receive(FD, "HTTP/1.0 200 OK\r\n\r\nabc");
    read_failed(FD, ECONNRESET);
    ends("ECONNRESET");

    /* Another thread may read that before the call that sent the request has returned. */
    connect_to(FD);
    struct sending sending = observe_sending(FD);
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_reset, NULL), 0);
    assert_int_equal(pthread_join(reader, NULL), 0);
    observe_sent(&sending, GET("/"), (ssize_t)strlen(GET("/")), 0);
    ends("ECONNRESET");

    /* It is told once, also where the program only looks (wget). */
    char byte = 0;
    connect_to(FD);
    answer(FD, GET("/"));
    observe_received(FD, &byte, 1, MSG_PEEK);
    errno = ECONNRESET;
    observe_received(FD, &byte, -1, MSG_PEEK);
    ends("ECONNRESET");
    assert_null(next_span());
}

/* ---- whose sockets they are ---- */

static void a_library_s_socket_is_its_own_for_life(void **state)
{
    (void)state;
    struct library_call call;
    library_enter(&call);
    connect_to(FD);
    library_leave(&call);
    answer(FD, GET("/"));
    receive(FD, OK(0));
    assert_null(next_span());

    /* Connected for it by the application. */
    connect_to(FD);
    library_enter(&call);
    answer(FD, GET("/"));
    library_leave(&call);
    receive(FD, OK(0));
    answer(FD, GET("/"));
    receive(FD, OK(0));
    assert_null(next_span());

    connect_to(FD);
    answer(FD, GET("/"));
    receive(FD, OK(0));
    only_span();
}

static void calls_within_calls_leave_once(void **state)
{
    (void)state;
    struct library_call calls[2]; /* the frame of the outer one lies above */
    assert_false(library_is_calling());
    library_enter(&calls[1]);
    library_enter(&calls[0]);
    assert_true(library_is_calling());
    library_leave(&calls[0]);
    assert_true(library_is_calling());
    library_leave(&calls[1]);
    assert_false(library_is_calling());
}

static void a_call_is_a_child_of_what_its_thread_works_for(void **state)
{
    (void)state;
    static unsigned char copy[RING_RECORD_BYTES_MAX];
    accept_connection(FD);
    receive(FD, GET("/page"));
    connect_to(FD + 1);
    answer(FD + 1, GET("/part"));
    receive(FD + 1, OK(0));
    const struct span_record *span = next_span();
    assert_non_null(span);
    memcpy(copy, span, span->length);
    const struct span_record *call = (const struct span_record *)(const void *)copy;
    answer(FD, OK(0));
    const struct span_record *page = next_span();
    assert_non_null(page);
    assert_memory_equal(call->trace_id, page->trace_id, sizeof page->trace_id);
    assert_memory_equal(call->parent_id, page->span_id, sizeof page->span_id);

    /* What it does after its answer is no part of it. */
    answer(FD + 1, GET("/later"));
    receive(FD + 1, OK(0));
    static const unsigned char none[8];
    assert_memory_equal(only_span()->parent_id, none, sizeof none);
}

/* Last, because the child's agent is another one. */
static void a_forked_child_that_reads_an_answer_takes_no_request_along(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, GET("/page"));
    connect_to(FD + 1);
    for (int i = 0; i < PIPELINE_LENGTH; i++) /* one of them has the number of the exchange */
        answer(FD + 1, GET("/part"));
    pid_t child = fork();
    if (child == 0) {
        (void)agent_enter(); /* puts the child in order */
        receive(FD + 1, OK(0));
        _exit(counters_get(&counters.spans_ended) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    for (int i = 0; i < PIPELINE_LENGTH; i++)
        receive(FD + 1, OK(0));
    while (next_span())
        ;
    answer(FD, OK(0));
    assert_int_equal(only_span()->kind, SPAN_KIND_SERVER);
}

static int open_client(void **state)
{
    piece_memory = guarded_make(HTTP1_STEP_MOST);
    return open_gate(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_dialogue_makes_a_span_for_each_request),
        TEST(who_is_refused_before_the_body_may_keep_it),
        TEST(the_size_of_the_pieces_makes_no_difference),
        TEST(a_span_says_who_was_asked_for_what),
        TEST(a_target_may_have_any_form),
        TEST(a_unix_socket_has_no_port),
        TEST(a_method_that_nobody_knows_is_another),
        TEST(a_post_of_telemetry_is_answered_without_a_span),
        TEST(the_longest_head_is_one_span),
        TEST(a_byte_between_a_pair_of_sockets_begins_no_request),
        TEST(what_can_not_be_understood_is_incomplete),
        TEST(more_requests_than_there_is_room_for_are_lost_and_counted),
        TEST(who_closes_after_a_wait_in_vain_had_no_patience),
        TEST(a_read_that_waits_has_no_patience_either),
        TEST(the_server_ends_it),
        TEST(a_library_s_socket_is_its_own_for_life),
        TEST(calls_within_calls_leave_once),
        TEST(a_call_is_a_child_of_what_its_thread_works_for),
        TEST(a_forked_child_that_reads_an_answer_takes_no_request_along),
    };
    return cmocka_run_group_tests(tests, open_client, NULL);
}
