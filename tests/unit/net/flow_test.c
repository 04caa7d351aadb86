// SPDX-License-Identifier: Apache-2.0
/* What every protocol gets from a flow, with one that nobody speaks (toy.h): bytes in any pieces,
 * in both roles; loss, close, fork; and whose bytes they are. */
#include "tests/unit/seam.h"

#include "agent/base/clock.h"
#include "tests/unit/net/toy.h"

static const struct protocol *const rows[] = {&toy};

static int open_toy(void **state)
{
    int opened = open_gate(state);
    flow_set_protocols(rows, 1);
    return opened;
}

static void connect_to(int fd)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(4711)};
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    observe_connected(fd, (struct sockaddr *)&peer, sizeof peer, 0);
}

static void send_part(int fd, const char *text, size_t length)
{
    struct sending sending = observe_sending(fd);
    observe_sent(&sending, text, (ssize_t)length, 0);
}

static struct slice found_name(const struct span_record *span)
{
    assert_non_null(span);
    return span_find_name(span);
}

static bool is_incomplete(const struct span_record *span)
{
    const struct span_entry *entry = NULL;
    while ((entry = span_next_entry(span, entry)) != NULL)
        if (entry->kind == SPAN_ENTRY_BOOLEAN && entry->number == ATTRIBUTE_OTELAGENT_INCOMPLETE)
            return true;
    return false;
}

static const struct flow *flow_at(int fd)
{
    return &connection_of(fd)->flow;
}

/* ---- in any pieces ---- */

/* What goes from the client and what comes back, in turns. */
static const char *const talk[][2] = {
    {"ask one\n", "ok\n"},
    {"ask two 5\nask x", "ok 7\nok 1234"},
    {"ask three\nask four\n", "ok\nerror\n"},
};
#define TURNS 3

static void play(bool serves, size_t most)
{
    for (size_t turn = 0; turn < TURNS; turn++)
        for (int answers = 0; answers < 2; answers++) {
            const char *text = talk[turn][answers];
            size_t length = strlen(text);
            for (size_t at = 0; at < length; at += most) {
                size_t piece = length - at < most ? length - at : most;
                if (serves == (answers == 1))
                    send_part(FD, text + at, piece);
                else
                    observe_received(FD, text + at, (ssize_t)piece, 0);
            }
        }
}

static void a_client_has_a_call_for_each_request_in_any_pieces(void **state)
{
    (void)state;
    static const char *const names[] = {"one", "two", "three", "four"};
    for (size_t most = 1; most < 25; most++) {
        connect_to(FD);
        play(false, most);
        for (size_t i = 0; i < 4; i++) {
            const struct span_record *span = next_span();
            assert_text(found_name(span), names[i]);
            assert_int_equal(span->kind, SPAN_KIND_CLIENT);
            assert_int_equal(span->status, i == 3 ? SPAN_STATUS_ERROR : SPAN_STATUS_UNSET);
            assert_true(span->end_ns >= span->start_ns);
        }
        assert_null(next_span());
        observe_closing(FD);
        assert_null(next_span());
    }
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
}

static void a_server_has_an_exchange_for_each_request_in_any_pieces(void **state)
{
    (void)state;
    static const int sizes[] = {0, 7, 0, 0};
    for (size_t most = 1; most < 25; most++) {
        accept_connection(FD);
        play(true, most);
        for (size_t i = 0; i < 4; i++) {
            const struct span_record *span = next_span();
            assert_non_null(span);
            assert_int_equal(span->kind, SPAN_KIND_SERVER);
            assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE), sizes[i]);
        }
        assert_null(next_span());
        observe_closing(FD);
        assert_null(next_span());
    }
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
}

static void what_begins_in_pieces_begins_with_the_first(void **state)
{
    (void)state;
    connect_to(FD);
    uint64_t before_ns = clock_monotonic_ns();
    answer(FD, "as");
    uint64_t between_ns = clock_monotonic_ns();
    answer(FD, "k late\n");
    receive(FD, "ok\n");
    const struct span_record *span = next_span();
    assert_text(found_name(span), "late");
    assert_true(span->start_ns >= before_ns && span->start_ns <= between_ns);
}

static void bytes_that_nobody_saw_may_be_of_a_body(void **state)
{
    (void)state;
    connect_to(FD);
    answer(FD, "ask put 100\n");
    struct sending sending = observe_sending(FD);
    observe_sent_unseen(&sending, 100);
    receive(FD, "ok\n");
    assert_text(found_name(next_span()), "put");
    sending = observe_sending(FD);
    observe_sent_unseen(&sending, 1);
    assert_int_equal(counters_get(&counters.connections_opaque), 1);
}

static void a_protocol_is_told_when_a_call_that_sent_is_through(void **state)
{
    (void)state;
    connect_to(FD);
    toy_sent = 0;
    struct iovec parts[] = {{(char *)"ask one\nas", 10}, {(char *)"k two\n", 6}};
    struct sending sending = observe_sending(FD);
    observe_sent_vector(&sending, parts, 2, 16);
    assert_int_equal(toy_sent, 1);
    answer(FD, "ask three\n");
    assert_int_equal(toy_sent, 2);
    accept_connection(FD + 1);
    receive(FD + 1, "ask a\n");
    answer(FD + 1, "ok\n");
    assert_int_equal(toy_sent, 2);
}

static void what_is_kept_is_bounded_and_given_back(void **state)
{
    (void)state;
    static char line[FLOW_KEPT_BYTES + 2];
    memset(line, 'x', sizeof line);
    memcpy(line, "ask ", 4);
    for (int serves = 0; serves < 2; serves++) {
        if (serves)
            accept_connection(FD);
        else
            connect_to(FD);
        for (size_t at = 0; at < sizeof line; at += 1000) {
            size_t piece = sizeof line - at < 1000 ? sizeof line - at : 1000;
            if (serves)
                observe_received(FD, line + at, (ssize_t)piece, 0);
            else
                send_part(FD, line + at, piece);
        }
        assert_false(head_is_kept(&flow_at(FD)->side[serves ? SIDE_IN : SIDE_OUT].place));
        observe_closing(FD);
    }
    assert_int_equal(counters_get(&counters.heads_too_long), 2);
    assert_int_equal(counters_get(&counters.connections_opaque), 2);
}

/* ---- whose bytes they are ---- */

static void a_client_that_speaks_anything_else_is_not_read(void **state)
{
    (void)state;
    connect_to(FD);
    answer(FD, "a");
    assert_null(atomic_load(&flow_at(FD)->state));
    assert_false(atomic_load(&flow_at(FD)->unread));
    answer(FD, "nd now for something else\nask one\n");
    receive(FD, "ok\n");
    assert_true(atomic_load(&flow_at(FD)->unread));
    assert_false(head_is_kept(&flow_at(FD)->side[SIDE_OUT].place));
    assert_null(next_span());
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
}

static void the_server_may_speak_first(void **state)
{
    (void)state;
    connect_to(FD);
    receive(FD, "hel");
    receive(FD, "lo\n");
    answer(FD, "ask one\n");
    receive(FD, "ok\n");
    assert_text(found_name(next_span()), "one");
    connect_to(FD);
    receive(FD, "220 mail\n");
    answer(FD, "ask one\n");
    receive(FD, "ok\n");
    assert_null(next_span());
}

static enum sure never_sure(const struct flow *flow, enum side side, struct slice first)
{
    (void)flow;
    (void)side;
    (void)first;
    return SURE_MAYBE;
}

static void who_never_gets_sure_is_not_asked_for_ever(void **state)
{
    (void)state;
    static struct protocol unsure; /* a connection may outlive this */
    unsure = toy;
    unsure.detect = never_sure;
    const struct protocol *const table[] = {&unsure, &toy};
    flow_set_protocols(table, 2);
    connect_to(FD);
    for (int i = 0; i < FLOW_DETECT_BYTES - 1; i++)
        answer(FD, "x");
    assert_false(atomic_load(&flow_at(FD)->unread));
    answer(FD, "x");
    assert_true(atomic_load(&flow_at(FD)->unread));
    flow_set_protocols(rows, 1);
}

static enum sure sure_with_the_line(const struct flow *flow, enum side side, struct slice first)
{
    (void)flow;
    (void)side;
    return slice_find(first, '\n') == first.length ? SURE_MAYBE : SURE_NO;
}

static void who_comes_first_in_the_table_is_waited_for(void **state)
{
    (void)state;
    static struct protocol slow; /* a connection may outlive this */
    slow = toy;
    slow.detect = sure_with_the_line;
    const struct protocol *const table[] = {&slow, &toy, &slow};
    flow_set_protocols(table, 3);
    connect_to(FD);
    answer(FD, "ask on");
    assert_null(flow_spoken(flow_at(FD)));
    answer(FD, "e\n");
    assert_ptr_equal(flow_spoken(flow_at(FD))->protocol, &toy);
    receive(FD, "ok\n");
    assert_text(found_name(next_span()), "one");
    /* Who comes later is not. */
    flow_set_protocols(table + 1, 2);
    connect_to(FD);
    answer(FD, "ask o");
    assert_ptr_equal(flow_spoken(flow_at(FD))->protocol, &toy);
    flow_set_protocols(rows, 1);
}

static enum sure sure_late(const struct flow *flow, enum side side, struct slice first)
{
    (void)flow;
    return side == SIDE_OUT && first.length >= 16 ? SURE_YES : SURE_MAYBE;
}

static void what_was_kept_until_somebody_was_sure_is_all_fed(void **state)
{
    (void)state;
    static struct protocol late; /* a connection may outlive this */
    late = toy;
    late.detect = sure_late;
    const struct protocol *const table[] = {&late};
    flow_set_protocols(table, 1);
    static const char asked[] = "ask a\nask b\nask c\n";
    for (size_t most = 1; most < sizeof asked; most++) {
        connect_to(FD);
        for (size_t at = 0; at < sizeof asked - 1; at += most)
            send_part(FD, asked + at, sizeof asked - 1 - at < most ? sizeof asked - 1 - at : most);
        receive(FD, "ok\nok\nok\n");
        for (int i = 0; i < 3; i++)
            assert_text(found_name(next_span()), (const char *[]){"a", "b", "c"}[i]);
        assert_null(next_span());
    }
    flow_set_protocols(rows, 1);
}

static void a_socket_of_somebody_else_is_learnt_from_who_asks(void **state)
{
    (void)state;
    int pair[] = {FD, FD + 1};
    observe_paired(pair, 0);
    answer(FD, "ask one\n");
    receive(FD + 1, "ask one\n");
    answer(FD + 1, "ok\n");
    receive(FD, "ok\n");
    assert_int_equal(next_span()->kind, SPAN_KIND_SERVER);
    assert_int_equal(next_span()->kind, SPAN_KIND_CLIENT);
    assert_null(next_span());
}

/* ---- loss, close, fork ---- */

static void what_is_lost_says_so_and_whose_the_bytes_are_stays_known(void **state)
{
    (void)state;
    connect_to(FD);
    answer(FD, "ask one\nask two\n");
    receive(FD, "ok\n");
    assert_text(found_name(next_span()), "one");
    receive(FD, "bad\n");
    const struct span_record *span = next_span();
    assert_text(found_name(span), "two");
    assert_true(is_incomplete(span));
    assert_int_equal(counters_get(&counters.connections_opaque), 1);
    assert_false(atomic_load(&connection_of(FD)->opaque));
    answer(FD, "ask three\n");
    receive(FD, "ok\n");
    observe_closing(FD);
    assert_null(next_span());
}

static void what_is_over_is_no_loss(void **state)
{
    (void)state;
    connect_to(FD);
    answer(FD, "ask one\n");
    receive(FD, "ok\n");
    answer(FD, "over\n");
    assert_non_null(next_span());
    assert_true(atomic_load(&flow_at(FD)->unread));
    assert_null(atomic_load(&flow_at(FD)->state));
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
}

static void what_is_open_at_the_close_is_aborted(void **state)
{
    (void)state;
    connect_to(FD);
    answer(FD, "ask one\nask two\n");
    receive(FD, "ok 10\n123");
    observe_closing(FD);
    for (int i = 0; i < 2; i++) {
        const struct span_record *span = next_span();
        assert_text(found_name(span), i ? "two" : "one");
        assert_int_equal(span->status, SPAN_STATUS_ERROR);
        assert_text(span_find_string(span, ATTRIBUTE_ERROR_TYPE), "connection_aborted");
    }
    assert_null(next_span());
}

static void assert_ended(const char *name, const char *error)
{
    const struct span_record *span = next_span();
    assert_text(found_name(span), name);
    assert_int_equal(span->status, SPAN_STATUS_ERROR);
    assert_text(span_find_string(span, ATTRIBUTE_ERROR_TYPE), error);
    assert_false(is_incomplete(span));
}

/* A read that fails. */
static void receive_error(int fd, int error)
{
    errno = error;
    observe_received(fd, "", -1, 0);
    assert_int_equal(errno, error);
}

static void what_is_open_when_the_server_ends_ends_there_and_then(void **state)
{
    (void)state;
    connect_to(FD);
    answer(FD, "ask one\nask two\n");
    receive(FD, "ok 10\n123");
    observe_received(FD, "", 0, 0);
    assert_ended("one", "connection_closed");
    assert_ended("two", "connection_closed");
    assert_null(next_span());
    assert_null(atomic_load(&flow_at(FD)->state));
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
    observe_received(FD, "", 0, 0);
    observe_closing(FD);
    assert_null(next_span());
}

static void how_the_server_went_is_told(void **state)
{
    (void)state;
    static const struct {
        int error;
        const char *type;
    } cases[] = {{ECONNRESET, "ECONNRESET"}, {ETIMEDOUT, "ETIMEDOUT"}, {0, "connection_closed"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct iovec parts[2] = {{"", 0}, {"", 1}};
        connect_to(FD);
        answer(FD, "ask one\n");
        if (cases[i].error)
            receive_error(FD, cases[i].error);
        else
            observe_received_vector(FD, parts, 2, 0);
        assert_ended("one", cases[i].type);
    }
}

static void a_read_that_brings_nothing_need_not_be_the_end(void **state)
{
    (void)state;
    static const int passing[] = {EAGAIN, EINTR, EFAULT, EINVAL, ENOMEM, EBADF};
    struct iovec parts[2] = {{"", 0}, {"", 0}};
    connect_to(FD);
    answer(FD, "ask one\n");
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        receive_error(FD, passing[i]);
    observe_received(FD, NULL, 0, 0); /* of no bytes */
    observe_received(FD, "", 0, MSG_OOB);
    observe_received_vector(FD, parts, 2, 0);
    observe_received_vector(FD, parts, 0, 0);
    assert_null(next_span());
    receive(FD, "ok\n");
    assert_text(found_name(next_span()), "one");
    assert_null(next_span());
}

static void a_server_is_not_at_its_end_with_what_it_reads(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "ask page\n");
    observe_received(FD, "", 0, 0);
    assert_null(next_span());
    answer(FD, "ok\n");
    assert_int_equal(next_span()->status, SPAN_STATUS_UNSET);
}

static void a_client_that_nobody_wants_is_forgotten_where_nothing_was_asked(void **state)
{
    (void)state;
    struct once prepared = preparation;
    connect_to(FD);
    connect_to(FD + 1);
    observe_duplicated(FD + 1, FD + 2);
    memset(&preparation, 0, sizeof preparation);
    answer(FD, "something else\n");
    answer(FD + 1, "something else\n");
    preparation = prepared;
    assert_null(connection_of(FD));
    assert_null(connection_of(FD + 1));
    assert_true(atomic_load(&connection_of(FD + 2)->opaque));
    observe_closing(FD + 2);
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
    connect_to(FD);
    answer(FD, "ask one\n");
    receive(FD, "ok\n");
    assert_text(found_name(next_span()), "one");
}

static void what_was_handed_on_is_not_aborted_but_lost(void **state)
{
    (void)state;
    connect_to(FD);
    answer(FD, "ask one\n");
    atomic_store(&connection_of(FD)->handed_on, true);
    observe_closing(FD);
    const struct span_record *span = next_span();
    assert_int_equal(span->status, SPAN_STATUS_UNSET);
    assert_true(is_incomplete(span));
}

static void more_than_a_flow_has_room_for_are_counted(void **state)
{
    (void)state;
    connect_to(FD);
    for (int i = 0; i < PIPELINE_LENGTH + 3; i++)
        answer(FD, "ask one\n");
    assert_int_equal(counters_get(&counters.dropped_calls), 3);
    observe_closing(FD);
    for (int i = 0; i < PIPELINE_LENGTH; i++)
        assert_non_null(next_span());
    assert_null(next_span());
    assert_int_equal(counters_get(&counters.spans_ended), PIPELINE_LENGTH + 3);
}

static void a_call_is_a_child_of_what_its_thread_works_for(void **state)
{
    (void)state;
    accept_connection(FD + 1);
    receive(FD + 1, "ask page\n");
    connect_to(FD);
    answer(FD, "ask one\n");
    receive(FD, "ok\n");
    struct span_record call = *next_span();
    answer(FD + 1, "ok\n");
    const struct span_record *page = next_span();
    assert_memory_equal(call.trace_id, page->trace_id, sizeof call.trace_id);
    assert_memory_equal(call.parent_id, page->span_id, sizeof call.parent_id);
}

static void calls_that_are_open_at_the_end_are_counted(void **state)
{
    (void)state;
    connect_to(FD);
    answer(FD, "ask one\nask two\n");
    receive(FD, "ok\n");
    assert_non_null(next_span());
    call_count_open();
    assert_int_equal(counters_get(&counters.dropped_abandoned), 1);
}

/* Last, because the child's agent is another one. */
static void a_forked_child_reports_no_call_of_its_parent(void **state)
{
    (void)state;
    connect_to(FD);
    answer(FD, "ask one\n");
    pid_t child = fork();
    if (child == 0) {
        (void)agent_enter(); /* puts the child in order */
        receive(FD, "ok\n");
        observe_closing(FD);
        _exit(counters_get(&counters.spans_ended) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    receive(FD, "ok\n");
    assert_text(found_name(next_span()), "one");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_has_a_call_for_each_request_in_any_pieces),
        TEST(a_server_has_an_exchange_for_each_request_in_any_pieces),
        TEST(what_begins_in_pieces_begins_with_the_first),
        TEST(bytes_that_nobody_saw_may_be_of_a_body),
        TEST(a_protocol_is_told_when_a_call_that_sent_is_through),
        TEST(what_is_kept_is_bounded_and_given_back),
        TEST(a_client_that_speaks_anything_else_is_not_read),
        TEST(the_server_may_speak_first),
        TEST(who_never_gets_sure_is_not_asked_for_ever),
        TEST(who_comes_first_in_the_table_is_waited_for),
        TEST(what_was_kept_until_somebody_was_sure_is_all_fed),
        TEST(a_socket_of_somebody_else_is_learnt_from_who_asks),
        TEST(what_is_lost_says_so_and_whose_the_bytes_are_stays_known),
        TEST(what_is_over_is_no_loss),
        TEST(what_is_open_at_the_close_is_aborted),
        TEST(what_is_open_when_the_server_ends_ends_there_and_then),
        TEST(how_the_server_went_is_told),
        TEST(a_read_that_brings_nothing_need_not_be_the_end),
        TEST(a_server_is_not_at_its_end_with_what_it_reads),
        TEST(a_client_that_nobody_wants_is_forgotten_where_nothing_was_asked),
        TEST(what_was_handed_on_is_not_aborted_but_lost),
        TEST(more_than_a_flow_has_room_for_are_counted),
        TEST(a_call_is_a_child_of_what_its_thread_works_for),
        TEST(calls_that_are_open_at_the_end_are_counted),
        TEST(a_forked_child_reports_no_call_of_its_parent),
    };
    return cmocka_run_group_tests(tests, open_toy, NULL);
}
