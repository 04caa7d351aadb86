// SPDX-License-Identifier: Apache-2.0
/* Connections and exchanges: which bytes make which spans. */
#include "tests/unit/seam.h"

static void a_request_and_its_response_make_a_span(void **state)
{
    (void)state;
    accept_connection(FD);
    errno = 42;
    receive(FD, "GET /products/17?color=red&token=abc HTTP/1.1\r\nHost: shop.example:8080\r\n"
                "User-Agent: curl/8\r\nX-Tenant: blue\r\nAuthorization: Basic c2VjcmV0\r\n\r\n");
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhel");
    assert_null(next_span());
    answer(FD, "lo");
    assert_int_equal(errno, 42);

    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_int_equal(span->kind, SPAN_KIND_SERVER);
    assert_int_equal(span->status, SPAN_STATUS_UNSET);
    assert_text(span_find_name(span), "GET /products/{id}");
    assert_text(span_find_string(span, ATTRIBUTE_URL_PATH), "/products/17");
    assert_text(span_find_string(span, ATTRIBUTE_URL_QUERY), "color=red&token=REDACTED");
    assert_text(span_find_string(span, ATTRIBUTE_HTTP_URL),
                "http://shop.example:8080/products/17?color=red&token=REDACTED");
    assert_text(span_find_string(span, ATTRIBUTE_SERVER_ADDRESS), "shop.example");
    assert_int_equal(integer(span, ATTRIBUTE_SERVER_PORT), 8080);
    assert_text(span_find_string(span, ATTRIBUTE_CLIENT_ADDRESS), "192.168.0.1");
    assert_int_equal(integer(span, ATTRIBUTE_NETWORK_PEER_PORT), 4711);
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE), 200);
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE), 5);
    assert_true(span->end_ns >= span->start_ns && span->start_ns > 0);
    for (const struct span_entry *entry = span_next_entry(span, NULL); entry;
         entry = span_next_entry(span, entry))
        assert_null(memmem(entry->bytes, entry->length, "c2VjcmV0", 8));
    assert_null(next_span());
}

static void bytes_one_by_one_make_the_same_spans(void **state)
{
    (void)state;
    static const char requests[] =
        "POST /shop/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n0\r\n\r\n"
        "\r\nHEAD /shop/b HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char responses[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oops\r\n"
                                    "Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"
                                    "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n";
    accept_connection(FD);
    for (size_t i = 0; i < sizeof requests - 1; i++)
        observe_received(FD, requests + i, 1, 0);
    for (size_t i = 0; i < sizeof responses - 1; i++) {
        struct sending sending = observe_sending(FD);
        observe_sent(&sending, responses + i, 1, 0);
    }
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_text(span_find_name(span), "POST /shop/{name}");
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_REQUEST_BODY_SIZE), 3);
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE), 2);
    assert_int_equal(span->status, SPAN_STATUS_ERROR);
    assert_text(span_find_string(span, ATTRIBUTE_ERROR_TYPE), "500");
    span = next_span();
    assert_non_null(span);
    assert_text(span_find_name(span), "HEAD /shop/{name}");
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE), 0);
    assert_null(next_span());
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    struct context first = *context_current();
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    /* The second is being handled now: no read announces it. */
    assert_memory_not_equal(context_current()->span.span_id, first.span.span_id, 8);
    answer(FD, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    const struct span_record *span = next_span();
    assert_text(span_find_string(span, ATTRIBUTE_URL_PATH), "/a");
    assert_memory_equal(span->span_id, first.span.span_id, 8);
    span = next_span();
    assert_text(span_find_string(span, ATTRIBUTE_URL_PATH), "/b");
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE), 404);
    assert_int_equal(span->status, SPAN_STATUS_UNSET);
}

static void more_requests_than_the_pipeline_holds_are_counted(void **state)
{
    (void)state;
    accept_connection(FD);
    for (int i = 0; i < PIPELINE_LENGTH + 1; i++)
        receive(FD, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(counters_get(&counters.dropped_exchanges), 1);
    assert_int_equal(counters_get(&counters.connections_opaque), 1);
}

static void a_body_sent_from_a_file_is_counted(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        struct sending sending = observe_sending(FD);
        observe_sent_unseen(&sending, 100000);
    }
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE), 1000000);
}

/* As lighttpd does it: sizes of chunks lie in the file, in pieces of any size. */
static void chunks_sent_from_a_file_are_told_apart(void **state)
{
    (void)state;
    static const char first[] = "8\r\nabcdefgh\r\n12c\r\n";
    static const char last[] = "\r\n0\r\n\r\n";
    FILE *file = tmpfile();
    assert_non_null(file);
    fprintf(file, "%s%0300d%s", first, 0, last);
    fflush(file);
    const off_t size = (off_t)(sizeof first - 1 + 300 + sizeof last - 1);
    for (off_t piece = 1; piece <= size; piece++) {
        accept_connection(FD);
        receive(FD, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
        answer(FD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (off_t at = 0; at < size;) {
            off_t end = at + piece < size ? at + piece : size;
            struct sending sending = observe_sending(FD);
            lseek(fileno(file), end, SEEK_SET);
            observe_sent_file(&sending, fileno(file), piece % 2 ? &end : NULL, end - at);
            at = end;
        }
        const struct span_record *span = next_span();
        assert_non_null(span);
        assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE), 308);
    }
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
    fclose(file);
}

static void a_file_that_can_not_be_read_loses_the_connection(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    answer(FD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    struct sending sending = observe_sending(FD);
    const off_t end = 100;
    errno = 42;
    observe_sent_file(&sending, -1, &end, 100);
    assert_int_equal(errno, 42);
    assert_int_equal(counters_get(&counters.connections_opaque), 1);
}

static void a_body_until_close_ends_with_the_connection(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /x HTTP/1.0\r\n\r\n");
    answer(FD, "HTTP/1.0 200 OK\r\n\r\nsome text");
    assert_null(next_span());
    observe_closing(FD);
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE), 9);
    assert_null(span_find_string(span, ATTRIBUTE_ERROR_TYPE).at);
}

static void a_body_until_close_ends_when_the_shutdown_begins(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /x HTTP/1.0\r\n\r\n");
    answer(FD, "HTTP/1.0 200 OK\r\n\r\nsome text");
    observe_shut_down(FD, SHUT_RD, 0, observe_shutting_down(FD));
    observe_shut_down(FD, SHUT_WR, -1, observe_shutting_down(FD));
    assert_null(next_span());
    uint64_t begun_ns = observe_shutting_down(FD);
    observe_shut_down(FD, SHUT_WR, 0, begun_ns);
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_true(span->end_ns == begun_ns && begun_ns >= span->start_ns);
    observe_closing(FD);
    assert_null(next_span());
}

static void behind_a_body_until_close_no_request_is_handled(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /x HTTP/1.0\r\n\r\nGET /y HTTP/1.0\r\n\r\n");
    answer(FD, "HTTP/1.0 200 OK\r\n\r\nsome text");
    assert_true(has_context());
    observe_shut_down(FD, SHUT_WR, 0, observe_shutting_down(FD));
    assert_false(has_context());
    observe_closing(FD);
    assert_false(has_context());
}

static void a_close_without_an_answer_is_an_aborted_connection(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    observe_closing(FD);
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_text(span_find_string(span, ATTRIBUTE_ERROR_TYPE), "connection_aborted");
    assert_int_equal(span->status, SPAN_STATUS_ERROR);
}

static void a_number_that_is_accepted_again_ends_what_was_open(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /old HTTP/1.1\r\nHost: a\r\n\r\n");
    accept_connection(FD); /* closed unseen in between */
    assert_non_null(next_span());
    receive(FD, "GET /new HTTP/1.1\r\nHost: a\r\n\r\n");
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_text(span_find_string(next_span(), ATTRIBUTE_URL_PATH), "/new");
}

static void a_duplicate_keeps_the_connection_open(void **state)
{
    (void)state;
    accept_connection(FD);
    observe_duplicated(FD, FD + 1);
    receive(FD, "GET /d HTTP/1.1\r\nHost: a\r\n\r\n");
    observe_closing(FD);
    assert_null(next_span());
    answer(FD + 1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_non_null(next_span());
    observe_closing(FD + 1);
    assert_null(next_span());
}

static void peeked_bytes_do_not_count(void **state)
{
    (void)state;
    accept_connection(FD);
    observe_received(FD, "GET", 3, MSG_PEEK);
    receive(FD, "GET /p HTTP/1.1\r\nHost: a\r\n\r\n");
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_non_null(next_span());
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
}

static void what_is_not_http_is_left_alone(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "\x16\x03\x01\x02");
    assert_int_equal(counters_get(&counters.connections_opaque), 1);
    receive(FD, "GET /p HTTP/1.1\r\nHost: a\r\n\r\n");
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_null(next_span());
}

static void a_refusal_of_half_a_head_is_no_loss(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /t HTTP/1.1\r\nHost:");
    answer(FD, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
    accept_connection(FD);
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(counters_get(&counters.connections_opaque), 1);
    assert_null(next_span());
}

static void an_upgrade_ends_the_span(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    answer(FD, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello");
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE), 101);
    receive(FD, "\x81\x85 anything");
    assert_null(next_span());
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
}

static void a_password_in_the_host_field_stays_inside(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: me:s3cret@shop\r\n\r\n");
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_null(memmem(span, span->length, "s3cret", 6));
}

static void *read_on_another_thread(void *unused)
{
    (void)unused;
    receive(FD, "\r\n");
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    return NULL;
}

static void a_connection_may_move_between_threads(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /t HTTP/1.1\r\nHost: a\r\n");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_on_another_thread, NULL), 0);
    pthread_join(thread, NULL);
    assert_non_null(next_span());
}

static void a_child_answers_what_its_parent_read(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /t HTTP/1.1\r\nHost: a\r\n\r\n");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        _exit(next_span() != NULL && !next_span() ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    connection_forked(); /* as the parent's fork handler says */
    observe_closing(FD);
    assert_null(next_span());
}

static void a_child_that_closes_what_its_parent_read_ends_nothing(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /t HTTP/1.1\r\nHost: a\r\n\r\n");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        observe_closing(FD);
        _exit(counters_get(&counters.spans_ended) ? 1 : 0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static void waits(void)
{
    observe_waited(3);
}

static void polls(void)
{
    observe_polled(NULL, 0, 0);
}

static void selects(void)
{
    observe_selected(observe_selecting(0, NULL), 0, NULL, 0);
}

static void accepts(void)
{
    struct accepting accepting;
    observe_accepting(&accepting, NULL, NULL);
    observe_accepted(&accepting, 3, -1);
}

static void reads_the_end(void)
{
    observe_received(FD, NULL, 0, 0);
}

static void reads_more(void)
{
    receive(FD, "GET /u HTTP/1.1");
}

/* Started a script, say: nothing was handed over. */
static void a_parent_that_goes_on_keeps_what_was_open(void **state)
{
    (void)state;
    static void (*const goes_on[])(void) = {waits,   polls,         selects,
                                            accepts, reads_the_end, reads_more};
    for (size_t i = 0; i < sizeof goes_on / sizeof *goes_on; i++) {
        accept_connection(FD);
        receive(FD, "GET /t HTTP/1.1\r\nHost: a\r\n\r\n");
        connection_forked();
        goes_on[i]();
        observe_closing(FD);
        const struct span_record *span = next_span();
        assert_non_null(span);
        assert_text(span_find_string(span, ATTRIBUTE_ERROR_TYPE), "connection_aborted");
    }
}

static void a_parent_keeps_what_it_did_not_work_for(void **state)
{
    (void)state;
    accept_connection(FD + 1);
    receive(FD + 1, "GET /t HTTP/1.1\r\nHost: a\r\n\r\n");
    accept_connection(FD);
    receive(FD, "GET /u HTTP/1.1\r\nHost: a\r\n\r\n");
    connection_forked();
    observe_closing(FD + 1);
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_text(span_find_string(span, ATTRIBUTE_URL_PATH), "/t");
    observe_closing(FD);
    assert_null(next_span());
}

/* Connections are used again, and what this thread worked for was on the one before. */
static void a_parent_keeps_what_came_after_its_work(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /t HTTP/1.1\r\nHost: a\r\n\r\n");
    struct context context = *context_current();
    accept_connection(FD);
    receive(FD, "GET /u HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_non_null(next_span());
    context_set(&context); /* the other request was read by another thread */
    connection_forked();
    observe_closing(FD);
    assert_text(span_find_string(next_span(), ATTRIBUTE_URL_PATH), "/u");
}

static void *fork_on_another_thread(void *unused)
{
    connection_forked();
    return unused;
}

static void a_fork_of_another_thread_hands_nothing_over(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /t HTTP/1.1\r\nHost: a\r\n\r\n");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fork_on_another_thread, NULL), 0);
    pthread_join(thread, NULL);
    observe_closing(FD);
    assert_non_null(next_span());
}

static void no_span_ends_before_it_began(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    struct sending slow = observe_sending(FD);
    receive(FD, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n"); /* by another thread, say */
    observe_sent(&slow, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38, 0);
    observe_closing(FD);
    for (int i = 0; i < 2; i++) {
        const struct span_record *span = next_span();
        assert_non_null(span);
        assert_true(span->end_ns >= span->start_ns);
    }
}

static void a_full_queue_drops_and_counts(void **state)
{
    (void)state;
    accept_connection(FD);
    int sent = 0;
    for (; sent < 5000; sent++) {
        receive(FD, "GET /t HTTP/1.1\r\nHost: a\r\n\r\n");
        answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    int kept = 0;
    while (next_span())
        kept++;
    assert_true(kept >= 1000 && kept <= 2048);
    assert_int_equal(counters_get(&counters.spans_ended), sent);
    assert_int_equal(counters_get(&counters.dropped_queue_full), sent - kept);
}

static void a_head_over_the_limit_is_counted(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /t HTTP/1.1\r\nHost: a\r\nX: ");
    char filler[1000];
    memset(filler, 'a', sizeof filler);
    for (int i = 0; i < 70; i++)
        observe_received(FD, filler, sizeof filler, 0);
    assert_int_equal(counters_get(&counters.heads_too_long), 1);
    assert_int_equal(counters_get(&counters.connections_opaque), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_and_its_response_make_a_span),
        TEST(bytes_one_by_one_make_the_same_spans),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(more_requests_than_the_pipeline_holds_are_counted),
        TEST(a_body_sent_from_a_file_is_counted),
        TEST(chunks_sent_from_a_file_are_told_apart),
        TEST(a_file_that_can_not_be_read_loses_the_connection),
        TEST(a_body_until_close_ends_with_the_connection),
        TEST(a_body_until_close_ends_when_the_shutdown_begins),
        TEST(behind_a_body_until_close_no_request_is_handled),
        TEST(a_close_without_an_answer_is_an_aborted_connection),
        TEST(a_number_that_is_accepted_again_ends_what_was_open),
        TEST(a_duplicate_keeps_the_connection_open),
        TEST(peeked_bytes_do_not_count),
        TEST(what_is_not_http_is_left_alone),
        TEST(a_refusal_of_half_a_head_is_no_loss),
        TEST(an_upgrade_ends_the_span),
        TEST(a_password_in_the_host_field_stays_inside),
        TEST(a_connection_may_move_between_threads),
        TEST(a_child_answers_what_its_parent_read),
        TEST(a_child_that_closes_what_its_parent_read_ends_nothing),
        TEST(a_parent_that_goes_on_keeps_what_was_open),
        TEST(a_parent_keeps_what_it_did_not_work_for),
        TEST(a_parent_keeps_what_came_after_its_work),
        TEST(a_fork_of_another_thread_hands_nothing_over),
        TEST(no_span_ends_before_it_began),
        TEST(a_full_queue_drops_and_counts),
        TEST(a_head_over_the_limit_is_counted),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
