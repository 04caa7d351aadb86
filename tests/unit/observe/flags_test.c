// SPDX-License-Identifier: Apache-2.0
/* Which bytes of a call are the stream's next ones, and which are not: MSG_* flags, and calls that
 * move bytes without showing them. */
#include "tests/unit/seam.h"

static const char get[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";

/* The request that was begun is answered with 200 and so many bytes, all of it seen. */
static void assert_answered(int64_t bytes)
{
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE), 200);
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE), bytes);
    assert_int_equal(counters_get(&counters.spans_incomplete), 0);
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
}

static void answer_with(const char *text, int flags)
{
    struct sending sending = observe_sending(FD);
    observe_sent(&sending, text, (ssize_t)strlen(text), flags);
}

static void what_is_not_the_next_of_the_stream_is_not_read(void **state)
{
    static const int flags[] = {MSG_PEEK, MSG_OOB, MSG_ERRQUEUE, MSG_PEEK | MSG_TRUNC,
                                MSG_PEEK | MSG_WAITALL};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        start_empty(state);
        accept_connection(FD);
        observe_received(FD, "GET / no", 8, flags[i]);
        struct iovec part = {(void *)"\x16\x03", 2};
        struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}, .msg_len = 2};
        observe_received_message(FD, &message.msg_hdr, 2, flags[i]);
        observe_received_messages(FD, &message, 1, flags[i]);
        receive(FD, get);
        answer_with(ok, 0);
        answer_with("body", 0);
        assert_answered(4);
    }
}

/* The buffer of such a call is not filled, and may be none at all. */
static void truncated_bytes_count_and_are_not_looked_at(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n");
    observe_received(FD, NULL, 10, MSG_TRUNC);
    struct msghdr message = {.msg_iov = NULL, .msg_iovlen = 1};
    observe_received_message(FD, &message, 10, MSG_TRUNC);
    observe_received_unseen(FD, 10); /* splice() */
    receive(FD, get);
    answer_with("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0);
    assert_answered(0);
    answer_with("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0);
    assert_answered(0);
    observe_received(FD, NULL, 10, MSG_TRUNC); /* a head, and nobody saw it */
    assert_int_equal(counters_get(&counters.connections_opaque), 1);
}

static void an_urgent_byte_is_not_part_of_an_answer(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    answer_with("!", MSG_OOB);
    answer_with(ok, 0);
    answer_with("bo!", MSG_OOB); /* the last one only */
    struct iovec part = {(void *)"d!", 2};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}, .msg_len = 2};
    struct sending sending = observe_sending(FD);
    observe_sent_messages(&sending, &message, 1, MSG_OOB);
    sending = observe_sending(FD);
    observe_sent_message(&sending, FD, &message.msg_hdr, 1, MSG_OOB);
    assert_null(next_span());
    answer_with("y", 0);
    assert_answered(4);
}

static void flags_about_how_to_send_change_nothing(void **state)
{
    static const int flags[] = {MSG_ZEROCOPY, MSG_MORE, MSG_DONTWAIT | MSG_NOSIGNAL, MSG_FASTOPEN};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        start_empty(state);
        accept_connection(FD);
        receive(FD, get);
        answer_with(ok, flags[i]);
        struct iovec part = {(void *)"body", 4};
        const struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        struct sending sending = observe_sending(FD);
        observe_sent_message(&sending, FD, &message, 4, flags[i]);
        assert_answered(4);
    }
}

static void messages_that_were_not_all_sent_count_as_far_as_they_were(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    struct iovec parts[] = {{(void *)ok, sizeof ok - 1}, {(void *)"bo", 2}, {(void *)"dy", 2}};
    struct mmsghdr messages[] = {
        {.msg_hdr = {.msg_iov = parts, .msg_iovlen = 2}, .msg_len = sizeof ok - 1 + 1},
        {.msg_hdr = {.msg_iov = parts + 2, .msg_iovlen = 1}, .msg_len = 2},
    };
    struct sending sending = observe_sending(FD);
    observe_sent_messages(&sending, messages, 1, 0);
    answer_with("o", 0);
    sending = observe_sending(FD);
    observe_sent_messages(&sending, messages + 1, -1, 0);
    answer_with("dy", 0);
    assert_answered(4);
}

/* A bad address is the kernel's to report. */
static void a_message_that_was_refused_is_not_looked_at(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    const struct msghdr *nowhere = (const struct msghdr *)8; // NOLINT(performance-no-int-to-ptr)
    struct sending sending = observe_sending(FD);
    errno = EFAULT;
    observe_sent_message(&sending, FD, nowhere, -1, 0);
    assert_int_equal(errno, EFAULT);
    answer_with(ok, 0);
    answer_with("body", 0);
    assert_answered(4);
}

static void sending_may_connect(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    const struct sockaddr_in peer = {.sin_family = AF_INET};
    const struct sockaddr *address = (const struct sockaddr *)&peer;
    observe_sent_to(FD + 1, address, sizeof peer, 5, MSG_DONTWAIT);
    assert_null(connection_of(FD + 1));
    errno = ECONNREFUSED;
    observe_sent_to(FD + 1, address, sizeof peer, -1, MSG_FASTOPEN);
    assert_null(connection_of(FD + 1));
    errno = EINPROGRESS;
    observe_sent_to(FD + 1, address, sizeof peer, -1, MSG_FASTOPEN);
    assert_int_equal(errno, EINPROGRESS);
    assert_non_null(connection_of(FD + 1));
    connection_release(FD + 1);

    observe_sent_to(FD + 1, address, sizeof peer, 5, MSG_FASTOPEN);
    assert_int_equal(connection_role(connection_of(FD + 1)), CONNECTION_CLIENT);
    assert_int_equal(connection_owner(connection_of(FD + 1)).exchange, context_current()->exchange);
    context_clear();
    answer(FD + 1, "the second write is another's");
    assert_int_equal(connection_owner(connection_of(FD + 1)).exchange, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_the_next_of_the_stream_is_not_read),
        TEST(truncated_bytes_count_and_are_not_looked_at),
        TEST(an_urgent_byte_is_not_part_of_an_answer),
        TEST(flags_about_how_to_send_change_nothing),
        TEST(messages_that_were_not_all_sent_count_as_far_as_they_were),
        TEST(a_message_that_was_refused_is_not_looked_at),
        TEST(sending_may_connect),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
