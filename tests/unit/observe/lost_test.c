// SPDX-License-Identifier: Apache-2.0
/* Connections lost to view: what their spans say then, and whose work a thread does afterwards. */
#include "tests/unit/seam.h"

static const char get[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static bool incomplete(const struct span_record *span)
{
    for (const struct span_entry *entry = span_next_entry(span, NULL); entry;
         entry = span_next_entry(span, entry))
        if (entry->kind == SPAN_ENTRY_BOOLEAN && entry->number == ATTRIBUTE_OTELAGENT_INCOMPLETE)
            return span_entry_integer(entry) == 1;
    return false;
}

/* The next span is one whose end was not seen, with that status code (-1: none) and no error. */
static void assert_incomplete(int status)
{
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_true(incomplete(span));
    assert_text(span_find_string(span, ATTRIBUTE_HTTP_REQUEST_METHOD), "GET");
    assert_text(span_find_string(span, ATTRIBUTE_URL_PATH), "/a");
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE), status);
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE), -1);
    assert_int_equal(span->status, SPAN_STATUS_UNSET);
    assert_null(span_find_string(span, ATTRIBUTE_ERROR_TYPE).at);
    assert_true(span->end_ns >= span->start_ns);
}

static void assert_complete(int status)
{
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_false(incomplete(span));
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE), status);
}

/* Counted once each, and closing adds nothing. */
static void assert_lost(uint64_t spans)
{
    assert_null(next_span());
    assert_int_equal(counters_get(&counters.connections_opaque), 1);
    assert_int_equal(counters_get(&counters.spans_incomplete), spans);
    observe_closing(FD);
    assert_null(next_span());
}

/* ---- senders that meet, and senders that do not come back ---- */

static void *begin_to_send(void *sending)
{
    *(struct sending *)sending = observe_sending(FD);
    return NULL;
}

static void *send_when_told(void *gates)
{
    int *gate = gates;
    char byte = 0;
    struct sending sending = observe_sending(FD);
    if (write(gate[0], &byte, 1) == 1 && read(gate[0], &byte, 1) == 1)
        observe_sent(&sending, ok, sizeof ok - 1, 0);
    return sending.connection;
}

/* Another thread is inside a send of the whole answer when that is done here. */
static void during_a_send(void (*act)(void))
{
    int gate[2];
    char byte;
    pthread_t thread;
    void *sent_on;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, gate), 0);
    assert_int_equal(pthread_create(&thread, NULL, send_when_told, gate), 0);
    assert_int_equal(read(gate[1], &byte, 1), 1);
    act();
    assert_int_equal(write(gate[1], &byte, 1), 1);
    assert_int_equal(pthread_join(thread, &sent_on), 0);
    assert_non_null(sent_on);
    close(gate[0]);
    close(gate[1]);
}

static void collide(void)
{
    assert_null(observe_sending(FD).connection);
    assert_null(next_span()); /* the first is still at it */
}

static void threads_that_collide_in_sending_leave_an_incomplete_span(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    during_a_send(collide);
    assert_incomplete(-1);
    assert_lost(1);
}

static void close_beside(void)
{
    observe_closing(FD);
    assert_null(next_span());
}

static void who_closes_waits_for_a_thread_that_sends(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    during_a_send(close_beside);
    assert_complete(200);
    assert_null(next_span());
}

static void a_thread_that_jumped_out_of_a_send_does_not_send_unseen(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    assert_non_null(observe_sending(FD).connection);
    answer(FD, ok);
    assert_incomplete(-1);
    assert_false(has_context());
    assert_lost(1);
}

static void a_send_that_a_handler_sends_above_comes_back_to_nothing(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    struct sending below = observe_sending(FD);
    assert_null(observe_sending(FD).connection);
    assert_incomplete(-1);
    observe_sent(&below, ok, sizeof ok - 1, 0);
    assert_lost(1);
}

/* The number and the slot are another connection's by then. */
static void a_send_that_comes_back_too_late_leaves_the_next_connection_alone(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    struct sending late = observe_sending(FD);
    observe_closing(FD);
    assert_incomplete(-1);
    accept_connection(FD);
    assert_ptr_equal(connection_of(FD), late.connection);
    receive(FD, get);
    observe_sent(&late, ok, sizeof ok - 1, 0);
    struct sending sending = observe_sending(FD);
    observe_sent(&late, ok, sizeof ok - 1, 0);
    assert_null(next_span());
    observe_sent(&sending, ok, sizeof ok - 1, 0);
    assert_complete(200);
    assert_lost(1);
}

static void a_thread_that_ended_in_a_send_leaves_an_incomplete_span(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    pthread_t thread;
    struct sending cancelled;
    assert_int_equal(pthread_create(&thread, NULL, begin_to_send, &cancelled), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_non_null(cancelled.connection);
    assert_null(next_span());
    observe_closing(FD);
    /* Joined, it may not be gone yet: later closes look again. */
    for (int i = 0; i < 100000 && !ring_pending(queue.region.ring); i++) {
        accept_connection(FD + 1);
        observe_closing(FD + 1);
    }
    assert_incomplete(-1);
    assert_null(next_span());
}

/* A client's bytes are not read, so none of them can be missed. */
static void a_client_that_jumped_out_of_a_send_is_no_loss(void **state)
{
    (void)state;
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(80)};
    observe_connected(FD, (struct sockaddr *)&server, sizeof server, 0);
    assert_non_null(observe_sending(FD).connection);
    observe_closing(FD);
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
}

/* Of the slots, there are 4,096 for requests and 262,144 for connections. */
static void connections_that_were_jumped_away_from_are_given_back(void **state)
{
    (void)state;
    for (int i = 0; i < 300000; i++) {
        accept_connection(FD);
        if (i < 5000)
            receive(FD, get);
        assert_non_null(observe_sending(FD).connection);
        observe_closing(FD);
        if (i < 5000)
            assert_incomplete(-1);
    }
    assert_int_equal(counters_get(&counters.dropped_exchanges), 0);
    accept_connection(FD);
    receive(FD, get);
    answer(FD, ok);
    assert_complete(200);
}

static void threads_that_collide_in_reading_leave_an_incomplete_span(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    struct connection *connection = connection_of(FD);
    assert_true(connection_claim(connection, SIDE_IN, FD));
    receive(FD, get);
    assert_false(has_context());
    connection_unclaim(connection, SIDE_IN);
    assert_incomplete(-1);
    assert_lost(1);
}

static void a_response_that_was_begun_keeps_its_status(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    receive(FD, get);
    answer(FD, "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nhalf");
    assert_non_null(observe_sending(FD).connection);
    assert_null(observe_sending(FD).connection);
    assert_incomplete(404);
    assert_incomplete(-1);
    assert_lost(2);
}

static void a_server_error_stays_one(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    answer(FD, "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\nthis is no chunk\r\n");
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_true(incomplete(span));
    assert_int_equal(span->status, SPAN_STATUS_ERROR);
    assert_text(span_find_string(span, ATTRIBUTE_ERROR_TYPE), "503");
    assert_lost(1);
}

static void a_response_that_is_none_leaves_an_incomplete_span(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    answer(FD, "<html>as in 1991</html>");
    assert_incomplete(-1);
    assert_lost(1);
}

static void a_response_head_that_was_not_seen_leaves_an_incomplete_span(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    struct sending sending = observe_sending(FD);
    observe_sent_unseen(&sending, 1000);
    assert_incomplete(-1);
    assert_lost(1);
}

static void a_response_head_over_the_limit_leaves_an_incomplete_span(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    answer(FD, "HTTP/1.1 200 OK\r\nX: ");
    char filler[1001];
    memset(filler, 'a', 1000);
    filler[1000] = '\0';
    for (int i = 0; i < 70; i++)
        answer(FD, filler);
    assert_int_equal(counters_get(&counters.heads_too_long), 1);
    assert_incomplete(-1);
    assert_lost(1);
}

static void the_size_of_half_a_chunked_body_is_not_told(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    answer(FD, "no");
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_true(incomplete(span));
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_REQUEST_BODY_SIZE), -1);
    assert_lost(1);
}

static void requests_over_the_pipeline_leave_the_others_whole(void **state)
{
    (void)state;
    accept_connection(FD);
    char all[(PIPELINE_LENGTH + 3) * sizeof get] = "";
    for (int i = 0; i < PIPELINE_LENGTH + 3; i++)
        memcpy(all + (size_t)i * (sizeof get - 1), get, sizeof get);
    receive(FD, all);
    assert_int_equal(counters_get(&counters.dropped_exchanges), 1);
    for (int i = 0; i < PIPELINE_LENGTH; i++) {
        assert_false(has_context());
        answer(FD, ok);
        assert_complete(200);
    }
    answer(FD, ok);
    assert_lost(0);
}

static void the_answer_before_requests_that_are_none_is_seen(void **state)
{
    static const char *const nonsense[] = {
        "no request at all\r\n\r\n",
        "GET /b HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    };
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        start_empty(state);
        accept_connection(FD);
        receive(FD, get);
        receive(FD, nonsense[i]);
        receive(FD, get);
        assert_false(has_context());
        answer(FD, ok);
        assert_complete(200);
        answer(FD, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        if (i > 0)
            assert_complete(400);
        answer(FD, ok);
        assert_lost(0);
    }
}

static void a_close_before_those_answers_is_the_applications(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    receive(FD, "no request at all\r\n\r\n");
    observe_closing(FD);
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_text(span_find_string(span, ATTRIBUTE_ERROR_TYPE), "connection_aborted");
    assert_lost(0);
}

static const struct {
    const char *request;
    const char *accepted;
    const char *refused;
} tunnels[] = {
    {"CONNECT b:80 HTTP/1.1\r\nHost: b\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
     "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"},
    {"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", ok},
};
#define TUNNELS (sizeof tunnels / sizeof *tunnels)

/* However much of it was read before the answer that makes it the tunnel's, and whether along with
 * the request or after it (RFC 9110, 7.8 and 9.3.6). */
static void what_looks_like_a_request_in_a_tunnel_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * TUNNELS * sizeof get; i++) {
        const char *request = tunnels[i % TUNNELS].request;
        size_t before = i / TUNNELS % sizeof get;
        bool along = i / TUNNELS / sizeof get;
        char first[256] = "";
        snprintf(first, sizeof first, "%s%.*s", request, along ? (int)before : 0, get);
        accept_connection(FD);
        receive(FD, first);
        observe_received(FD, get, along ? 0 : (ssize_t)before, 0);
        struct context context = *context_current();
        answer(FD, tunnels[i % TUNNELS].accepted);
        assert_true(!has_context() || memcmp(&context, context_current(), sizeof context) == 0);
        assert_complete(i % TUNNELS ? 101 : 200);
        receive(FD, get + before);
        assert_false(has_context());
        answer(FD, ok);
        observe_closing(FD);
        assert_null(next_span());
    }
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
    assert_int_equal(counters_get(&counters.spans_incomplete), 0);
}

static void behind_a_tunnel_that_is_refused_requests_go_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < TUNNELS; i++) {
        accept_connection(FD);
        receive(FD, tunnels[i].request);
        receive(FD, get);
        answer(FD, tunnels[i].refused);
        assert_complete(i ? 200 : 403);
        answer(FD, ok);
        assert_complete(200);
        receive(FD, get);
        answer(FD, ok);
        assert_complete(200);
    }
}

/* Connections are used again. */
static void a_tunnel_leaves_nothing_to_the_connection_after_it(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, tunnels[0].request);
    answer(FD, tunnels[0].accepted);
    assert_complete(200);
    accept_connection(FD);
    receive(FD, get);
    answer(FD, "no");
    assert_incomplete(-1);
    assert_lost(1);
}

/* The number is a file's by now, and the request that was open on it is nobody's work. */
static void a_file_on_a_number_that_was_closed_unseen_brings_no_context_back(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    accept_connection(FD + 1);
    receive(FD + 1, get);
    receive(FD, "key = value\n");
    assert_false(has_context());
}

static void reading_what_is_not_looked_at_leaves_the_request_before(void **state)
{
    (void)state;
    accept_connection(FD);
    accept_connection(FD + 1);
    receive(FD + 1, "\x16\x03\x01");
    receive(FD, get);
    assert_true(has_context());
    receive(FD + 1, "ciphertext");
    assert_false(has_context());
}

static void what_another_process_answers_is_not_ours_to_tell(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    connection_forked();
    struct connection *connection = connection_of(FD);
    assert_true(connection_claim(connection, SIDE_OUT, FD));
    assert_null(observe_sending(FD).connection);
    connection_unclaim(connection, SIDE_OUT);
    assert_lost(0);
}

/* A slot that is not given back would be missed after 4,096 of them. */
static void lost_exchanges_are_given_back(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++) {
        accept_connection(FD);
        receive(FD, get);
        answer(FD, "no");
        assert_incomplete(-1);
    }
    assert_int_equal(counters_get(&counters.dropped_exchanges), 0);
    assert_int_equal(counters_get(&counters.spans_incomplete), 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(threads_that_collide_in_sending_leave_an_incomplete_span),
        TEST(who_closes_waits_for_a_thread_that_sends),
        TEST(a_thread_that_jumped_out_of_a_send_does_not_send_unseen),
        TEST(a_send_that_a_handler_sends_above_comes_back_to_nothing),
        TEST(a_send_that_comes_back_too_late_leaves_the_next_connection_alone),
        TEST(a_thread_that_ended_in_a_send_leaves_an_incomplete_span),
        TEST(a_client_that_jumped_out_of_a_send_is_no_loss),
        TEST(connections_that_were_jumped_away_from_are_given_back),
        TEST(threads_that_collide_in_reading_leave_an_incomplete_span),
        TEST(a_response_that_was_begun_keeps_its_status),
        TEST(a_server_error_stays_one),
        TEST(a_response_that_is_none_leaves_an_incomplete_span),
        TEST(a_response_head_that_was_not_seen_leaves_an_incomplete_span),
        TEST(a_response_head_over_the_limit_leaves_an_incomplete_span),
        TEST(the_size_of_half_a_chunked_body_is_not_told),
        TEST(requests_over_the_pipeline_leave_the_others_whole),
        TEST(the_answer_before_requests_that_are_none_is_seen),
        TEST(a_close_before_those_answers_is_the_applications),
        TEST(what_looks_like_a_request_in_a_tunnel_is_none),
        TEST(behind_a_tunnel_that_is_refused_requests_go_on),
        TEST(a_tunnel_leaves_nothing_to_the_connection_after_it),
        TEST(a_file_on_a_number_that_was_closed_unseen_brings_no_context_back),
        TEST(reading_what_is_not_looked_at_leaves_the_request_before),
        TEST(what_another_process_answers_is_not_ours_to_tell),
        TEST(lost_exchanges_are_given_back),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
