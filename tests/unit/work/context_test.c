// SPDX-License-Identifier: Apache-2.0
/* Whose work a thread does: contexts by thread, by connection, and when there is none. */
#include <semaphore.h>
#include <sys/epoll.h>

#include "agent/work/exchange_carried.h"
#include "agent/work/propagate.h"
#include "tests/unit/seam.h"

#define LOOP_FD (FD + 5)

static void an_incoming_traceparent_is_the_parent(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET / HTTP/1.1\r\nHost: a\r\n"
                "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
                "tracestate: a=1\r\ntracestate: b=2\r\nbaggage: user=7\r\n\r\n");
    char carried[CARRIED_BAGGAGE_BYTES];
    assert_int_equal(exchange_copy_tracestate(context_current(), carried), 7);
    assert_memory_equal(carried, "a=1,b=2", 7);
    assert_int_equal(exchange_copy_baggage(context_current(), carried), 6);
    answer(FD, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_int_equal(exchange_copy_tracestate(context_current(), carried), 0);

    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_int_equal(span->trace_id[0], 0x0a);
    assert_int_equal(span->parent_id[0], 0xb7);
    assert_int_equal(span->parent_remote, 1);
}

static void eight_lines_of_a_list_are_joined_and_more_are_none(void **state)
{
    (void)state;
    for (int lines = 7; lines <= 9; lines++) {
        char request[1024] = "GET / HTTP/1.1\r\nHost: a\r\n";
        char carried[CARRIED_BAGGAGE_BYTES];
        for (int i = 0; i < lines; i++)
            strcat(request, "baggage: a=1\r\n");
        strcat(request, "\r\n");
        accept_connection(FD);
        receive(FD, request);
        assert_int_equal(exchange_copy_baggage(context_current(), carried),
                         lines == 9 ? 0 : lines * 4 - 1);
    }
}

static void bad_baggage_costs_neither_traceparent_nor_tracestate(void **state)
{
    (void)state;
    char carried[CARRIED_BAGGAGE_BYTES];
    accept_connection(FD);
    receive(FD, "GET / HTTP/1.1\r\nHost: a\r\nbaggage: a=1\r\n"
                "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
                "tracestate: a=1\r\nbaggage: () { :;}; echo vulnerable\r\n\r\n");
    assert_int_equal(context_current()->span.trace_id[0], 0x0a);
    assert_int_equal(exchange_copy_tracestate(context_current(), carried), 3);
    assert_int_equal(exchange_copy_baggage(context_current(), carried), 0);
    answer(FD, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_int_equal(next_span()->parent_id[0], 0xb7);
}

static void bad_tracestate_costs_neither_traceparent_nor_baggage(void **state)
{
    (void)state;
    char carried[CARRIED_BAGGAGE_BYTES];
    accept_connection(FD);
    receive(FD, "GET / HTTP/1.1\r\nHost: a\r\ntracestate: () { :;}; echo vulnerable\r\n"
                "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
                "baggage: a=1\r\n\r\n");
    assert_int_equal(context_current()->span.trace_id[0], 0x0a);
    assert_int_equal(exchange_copy_tracestate(context_current(), carried), 0);
    assert_int_equal(exchange_copy_baggage(context_current(), carried), 3);
}

/* How many bytes are carried of each list of a request: of a tracestate of two members and that
 * many bytes (259 at least), and of that many bytes of baggage. */
static void carry(size_t tracestate_bytes, const char *traceparent, size_t baggage_bytes,
                  size_t carried[2])
{
    static char request[8192], text[8192];
    memset(text, 'x', sizeof text);
    memcpy(text, "a=", 2);
    snprintf(request, sizeof request,
             "GET / HTTP/1.1\r\nHost: a\r\nbaggage: %.*s\r\ntracestate: %.*s,b=%.*s\r\n%s\r\n",
             (int)baggage_bytes, text, 255, text, (int)tracestate_bytes - 258, text + 2,
             traceparent);
    accept_connection(FD);
    receive(FD, request);
    carried[0] = exchange_copy_tracestate(context_current(), text);
    carried[1] = exchange_copy_baggage(context_current(), text);
}

static void tracestate_and_baggage_are_four_kilobytes_together(void **state)
{
    (void)state;
    static const char parent[] =
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    size_t carried[2];
    for (size_t tracestate = 260; tracestate <= 512; tracestate += 63) {
        carry(tracestate, parent, 4096 - tracestate, carried);
        assert_int_equal(carried[0], tracestate);
        assert_int_equal(carried[1], 4096 - tracestate);
        carry(tracestate, parent, 4097 - tracestate, carried);
        assert_int_equal(carried[0], tracestate);
        assert_int_equal(carried[1], 0);
    }
    /* What is left out of a tracestate that is too long is the baggage's. */
    carry(513, parent, 4096 - 255, carried);
    assert_int_equal(carried[0], 255);
    assert_int_equal(carried[1], 4096 - 255);
    /* A tracestate that does not go out takes none. */
    carry(512, "", 4096, carried);
    assert_int_equal(carried[0], 0);
    assert_int_equal(carried[1], 4096);
    carry(512, "", 4097, carried);
    assert_int_equal(carried[1], 0);
}

static void an_unsampled_parent_leaves_no_span_but_a_context(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET / HTTP/1.1\r\nHost: a\r\n"
                "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n\r\n");
    assert_int_equal(context_current()->span.trace_id[0], 0x0a);
    assert_int_equal(context_current()->span.flags & TRACE_FLAG_SAMPLED, 0);
    answer(FD, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_null(next_span());
}

static void work_of_a_request_is_its_child_until_it_is_answered(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    struct span_context self, parent;
    work_call();
    assert_true(context_begin_span(&self, &parent));
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
    assert_true(has_context());
    answer(FD, "k");
    const struct span_record *span = next_span();
    assert_memory_equal(parent.span_id, span->span_id, 8);
    assert_memory_equal(self.trace_id, span->trace_id, 16);
    assert_false(has_context()); /* may be a job of the thread's own */
    receive(FD, "GET /half");
    assert_false(has_context());
}

static void bytes_of_a_client_connection_bring_nobody_back(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    struct sockaddr_in peer = {.sin_family = AF_INET};
    observe_connected(FD + 1, (struct sockaddr *)&peer, sizeof peer, 0);
    answer(FD + 1, "x");
    receive(FD + 1, "y");
    assert_true(has_context());
    context_clear();
    receive(FD + 1, "y");
    assert_false(has_context());
}

/* An epoll descriptor that waits for a listener or an accepted connection. */
static void make_loop(int epfd)
{
    observe_listened(LISTENER_FD, 0);
    observe_registered(epfd, EPOLL_CTL_ADD, LISTENER_FD);
}

static void a_loop_goes_on_with_what_a_client_connection_belongs_to(void **state)
{
    (void)state;
    make_loop(LOOP_FD);
    observe_waited(LOOP_FD);
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    struct sockaddr_in peer = {.sin_family = AF_INET};
    observe_connected(FD + 2, (struct sockaddr *)&peer, sizeof peer, 0);
    receive(FD + 2, "y"); /* its own */
    assert_true(has_context());
    context_clear();
    observe_connected(FD + 2, (struct sockaddr *)&peer, sizeof peer, 0);
    receive(FD, "GET /half"); /* and is gone */
    answer(FD, "HTTP/1.1 204 No Content\r\n\r\n");
    receive(FD, " HTTP/1.1\r\n\r\n");
    receive(FD + 2, "y"); /* somebody else's */
    assert_false(has_context());
}

static void the_loop_s_own_wait_ends_what_it_worked_for(void **state)
{
    (void)state;
    make_loop(LOOP_FD);
    observe_registered(LOOP_FD + 1, EPOLL_CTL_ADD, FD + 3); /* a handler's private loop */
    observe_waited(LOOP_FD);
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    observe_waited(LOOP_FD + 1);
    assert_true(has_context());
    observe_waited(LOOP_FD);
    assert_false(has_context());
}

static void a_loop_is_known_by_the_connections_that_it_waits_for(void **state)
{
    (void)state;
    accept_connection(FD);
    observe_registered(LOOP_FD, EPOLL_CTL_ADD, FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    observe_waited(LOOP_FD);
    assert_false(has_context());
    observe_created(LOOP_FD); /* the number is another's */
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    observe_waited(LOOP_FD);
    assert_null(connection_of(LOOP_FD));
}

static void who_takes_the_next_connection_has_left_its_request(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    accept_connection(FD + 1);
    assert_false(has_context());
}

static void a_poll_that_holds_a_listener_is_the_loop_s(void **state)
{
    (void)state;
    observe_listened(FD + 1, 0);
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    struct sockaddr_in peer = {.sin_family = AF_INET};
    observe_connected(FD + 2, (struct sockaddr *)&peer, sizeof peer, 0);
    struct pollfd waits[2] = {{.fd = FD}, {.fd = FD + 2}};
    observe_polled(waits, 2, 0); /* a handler waits for its own client, and an upstream */
    assert_true(has_context());
    waits[1].fd = FD + 1;
    errno = EFAULT;
    observe_polled(waits, 2, -1);
    assert_true(has_context());
    errno = EINTR; /* what the loop does about a signal is its own */
    observe_polled(waits, 2, -1);
    assert_int_equal(errno, EINTR);
    assert_false(has_context());
}

static void a_poll_that_holds_another_connection_is_the_loop_s(void **state)
{
    (void)state;
    accept_connection(FD + 1);
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    struct pollfd waits[2] = {{.fd = FD}, {.fd = FD + 1}};
    observe_polled(waits, 1, 1);
    assert_true(has_context());
    observe_polled(waits, 2, 1);
    assert_false(has_context());
}

/* It times out. */
static void select_none(int count, fd_set *reads)
{
    enum wait wait = observe_selecting(count, reads);
    fd_set left;
    FD_ZERO(&left);
    observe_selected(wait, count, reads ? &left : NULL, 0);
}

static void a_select_is_looked_at_before_it_forgets(void **state)
{
    (void)state;
    observe_listened(FD + 1, 0);
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    struct sockaddr_in peer = {.sin_family = AF_INET};
    observe_connected(FD + 2, (struct sockaddr *)&peer, sizeof peer, 0);
    fd_set reads;
    FD_ZERO(&reads);
    select_none(0, NULL); /* a nap */
    FD_SET(FD, &reads);
    FD_SET(FD + 2, &reads);
    select_none(FD + 3, &reads);
    assert_true(has_context());
    enum wait wait = observe_selecting(FD + 3, (fd_set *)4096); /* the kernel's to report */
    errno = EFAULT;
    observe_selected(wait, FD + 3, (fd_set *)4096, -1);
    assert_true(has_context());
    FD_SET(FD + 1, &reads);
    select_none(FD + 1, &reads); /* not waited for */
    assert_true(has_context());
    select_none(FD + 3, &reads);
    assert_false(has_context());
}

static void a_request_that_was_closed_is_worked_for_by_nobody(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(has_context());
    observe_closing(FD);
    assert_false(has_context());
}

static const char get_a[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
static const char get_b[] = "GET /b HTTP/1.1\r\nHost: a\r\n\r\n";
static const char both[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
                           "GET /b HTTP/1.1\r\nHost: a\r\n\r\n";
static const char nothing[] = "HTTP/1.1 204 No Content\r\n\r\n";

/* The thread works for the request whose span comes out next, which has that path. */
static void assert_worked_for(const struct context *context, const char *path)
{
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_text(span_find_string(span, ATTRIBUTE_URL_PATH), path);
    assert_memory_equal(context->span.span_id, span->span_id, 8);
}

static sem_t begun;
static sem_t read_on;

static void *answer_while_the_next_is_read(void *kept_context)
{
    static const struct context nobody;
    struct sending sending = observe_sending(FD);
    sem_post(&begun);
    sem_wait(&read_on);
    observe_sent(&sending, nothing, sizeof nothing - 1, 0);
    *(bool *)kept_context = memcmp(context_current(), &nobody, sizeof nobody) == 0;
    return NULL;
}

static void what_is_read_while_another_thread_answers_is_not_taken_for_that(void **state)
{
    (void)state;
    pthread_t thread;
    bool other_has_none = false;
    sem_init(&begun, 0, 0);
    sem_init(&read_on, 0, 0);
    accept_connection(FD);
    receive(FD, get_a);
    assert_int_equal(pthread_create(&thread, NULL, answer_while_the_next_is_read, &other_has_none),
                     0);
    sem_wait(&begun);
    receive(FD, get_b);
    assert_false(has_context());
    sem_post(&read_on);
    pthread_join(thread, NULL);
    assert_true(other_has_none); /* nor does it work for what this one read */
    assert_false(has_context());
    answer(FD, nothing);
    assert_text(span_find_string(next_span(), ATTRIBUTE_URL_PATH), "/a");
    assert_text(span_find_string(next_span(), ATTRIBUTE_URL_PATH), "/b");
}

static void *read_a(void *context)
{
    receive(FD, get_a);
    sem_post(&begun);
    sem_wait(&read_on);
    answer(FD, nothing);
    *(struct context *)context = *context_current();
    return NULL;
}

static void who_answers_does_not_go_on_with_what_another_thread_has_read(void **state)
{
    (void)state;
    pthread_t thread;
    struct context answerer;
    sem_init(&begun, 0, 0);
    sem_init(&read_on, 0, 0);
    accept_connection(FD);
    assert_int_equal(pthread_create(&thread, NULL, read_a, &answerer), 0);
    sem_wait(&begun);
    receive(FD, get_b);
    assert_false(has_context());
    sem_post(&read_on);
    pthread_join(thread, NULL);
    assert_false(span_context_present(&answerer.span));
}

static void a_request_read_while_an_older_one_waits_is_taken_for_neither(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get_a);
    receive(FD, "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nno");
    assert_false(has_context());
    receive(FD, "t");
    assert_false(has_context());
    answer(FD, nothing);
    receive(FD, "e"); /* the only one now */
    struct context context = *context_current();
    assert_text(span_find_string(next_span(), ATTRIBUTE_URL_PATH), "/a");
    answer(FD, nothing);
    assert_worked_for(&context, "/b");
}

/* Of `both`, read by this thread. */
static void assert_handled_in_order(void)
{
    struct context context = *context_current();
    answer(FD, nothing);
    assert_worked_for(&context, "/a");
    context = *context_current();
    answer(FD, nothing);
    assert_worked_for(&context, "/b");
}

static void requests_read_together_are_handled_in_order_where_a_thread_blocks(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, both);
    assert_handled_in_order();
}

/* As parts of one readv(), too. */
static void parts_of_one_read_are_read_together(void **state)
{
    (void)state;
    for (size_t first = 1; first < sizeof both - 1; first++) {
        struct iovec parts[2] = {{(void *)both, first},
                                 {(void *)(both + first), sizeof both - 1 - first}};
        accept_connection(FD);
        observe_received_vector(FD, parts, 2, sizeof both - 1);
        assert_handled_in_order();
    }
}

static void an_event_loop_may_handle_requests_read_together_in_any_order(void **state)
{
    (void)state;
    make_loop(LOOP_FD);
    observe_waited(LOOP_FD);
    accept_connection(FD);
    receive(FD, both);
    assert_false(has_context());
    answer(FD, nothing);
    assert_false(has_context());
    answer(FD, nothing);
}

/* It has answered one after a call, before it waited. */
static void a_loop_that_handles_them_in_order_is_at_the_first(void **state)
{
    (void)state;
    make_loop(LOOP_FD);
    observe_waited(LOOP_FD);
    accept_connection(FD);
    receive(FD, get_a);
    answer(FD, nothing); /* without a call: any loop can do that */
    assert_false(evidence_handles_in_order());
    receive(FD, get_a);
    assert_true(has_context());
    answer(FD, nothing);
    while (next_span())
        ;
    receive(FD, both);
    assert_true(has_context());
    assert_handled_in_order();
    receive(FD, get_a);
    observe_waited(LOOP_FD); /* left for later */
    answer(FD, nothing);
    receive(FD, both);
    assert_false(has_context());
}

static void a_body_read_on_brings_its_request_back(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nno");
    context_clear();
    receive(FD, "te");
    struct context context = *context_current();
    answer(FD, nothing);
    assert_worked_for(&context, "/a");
}

static void the_beginning_of_a_head_says_nothing_new(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get_a);
    receive(FD, "GET /half");
    assert_true(has_context());
    receive(FD, " HTTP/1.1\r\n");
    assert_true(has_context());
}

static void who_answers_another_request_works_for_several(void **state)
{
    (void)state;
    make_loop(LOOP_FD);
    observe_waited(LOOP_FD);
    accept_connection(FD);
    accept_connection(FD + 1);
    receive(FD, get_a);
    receive(FD + 1, get_b);
    answer(FD, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n");
    assert_int_equal(context_current()->connection,
                     atomic_load(&connection_of(FD + 1)->flow.channel.serial));
    answer(FD, "Content-Length: 2\r\n\r\n");
    assert_false(has_context());
    answer(FD + 1, nothing);
    receive(FD + 1, get_b);
    assert_int_equal(context_current()->connection,
                     atomic_load(&connection_of(FD + 1)->flow.channel.serial));
    answer(FD, "ok");
    assert_false(has_context());
}

static void expect_one_line(void *count, struct slice name, struct slice value)
{
    assert_int_equal(strcspn(name.at, "\r\n"), strlen(name.at)); /* a literal */
    for (size_t i = 0; i < value.length; i++)
        assert_true(value.at[i] != '\r' && value.at[i] != '\n' && value.at[i] != '\0');
    ++*(int *)count;
}

static void what_is_passed_on_is_one_line(void **state)
{
    (void)state;
    static const char *const fields[] = {
        "tracestate: a=1\rX-Injected: 1\r\nbaggage: b=1\rX-Injected: 1\r\n",
        "tracestate: a=1\r\n X-Injected: 1\r\nbaggage: b=1\r\n\tX-Injected: 1\r\n",
        "tracestate: a=1\nX-Injected: 1\r\nbaggage: b=1\n X-Injected: 1\r\n",
        "tracestate: a=%0d%0aX-Injected: 1\r\nbaggage: b=%0d%0aX-Injected: 1\r\n",
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char request[512];
        int lines = 0;
        struct span_context self, parent;
        snprintf(request, sizeof request,
                 "GET / HTTP/1.1\r\nHost: a\r\n"
                 "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n%s\r\n",
                 fields[i]);
        accept_connection(FD);
        receive(FD, request);
        work_call();
        context_begin_span(&self, &parent);
        char room[PROPAGATE_BYTES];
        propagate(&self, room, expect_one_line, &lines);
        assert_true(lines >= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_incoming_traceparent_is_the_parent),
        TEST(eight_lines_of_a_list_are_joined_and_more_are_none),
        TEST(bad_baggage_costs_neither_traceparent_nor_tracestate),
        TEST(bad_tracestate_costs_neither_traceparent_nor_baggage),
        TEST(tracestate_and_baggage_are_four_kilobytes_together),
        TEST(an_unsampled_parent_leaves_no_span_but_a_context),
        TEST(work_of_a_request_is_its_child_until_it_is_answered),
        TEST(bytes_of_a_client_connection_bring_nobody_back),
        TEST(a_loop_goes_on_with_what_a_client_connection_belongs_to),
        TEST(the_loop_s_own_wait_ends_what_it_worked_for),
        TEST(a_loop_is_known_by_the_connections_that_it_waits_for),
        TEST(who_takes_the_next_connection_has_left_its_request),
        TEST(a_poll_that_holds_a_listener_is_the_loop_s),
        TEST(a_poll_that_holds_another_connection_is_the_loop_s),
        TEST(a_select_is_looked_at_before_it_forgets),
        TEST(a_request_that_was_closed_is_worked_for_by_nobody),
        TEST(what_is_read_while_another_thread_answers_is_not_taken_for_that),
        TEST(who_answers_does_not_go_on_with_what_another_thread_has_read),
        TEST(a_request_read_while_an_older_one_waits_is_taken_for_neither),
        TEST(requests_read_together_are_handled_in_order_where_a_thread_blocks),
        TEST(parts_of_one_read_are_read_together),
        TEST(an_event_loop_may_handle_requests_read_together_in_any_order),
        TEST(a_loop_that_handles_them_in_order_is_at_the_first),
        TEST(a_body_read_on_brings_its_request_back),
        TEST(the_beginning_of_a_head_says_nothing_new),
        TEST(who_answers_another_request_works_for_several),
        TEST(what_is_passed_on_is_one_line),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
