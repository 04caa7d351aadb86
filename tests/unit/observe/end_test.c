// SPDX-License-Identifier: Apache-2.0
/* When a span ends: as the last bytes of its response are handed to the kernel. */
#include "tests/unit/seam.h"

#include "agent/base/clock.h"

#define SHORT_BYTES 1000
#define LONG_BYTES  1000000
#define WAIT_US     3000

static const char body[LONG_BYTES];

static void send_bytes(struct sending *sending, ssize_t bytes)
{
    observe_sent(sending, body, bytes, 0);
}

static void send_file(struct sending *sending, ssize_t bytes)
{
    observe_sent_unseen(sending, bytes);
}

/* Where a response ends whose body is sent by one call that takes some time and leaves bytes that
 * the peer has not read. */
enum end { AT_THE_BEGINNING, AT_THE_RETURN };

static enum end end_of(void (*sent)(struct sending *, ssize_t), ssize_t bytes, bool unread)
{
    char head[64];
    int pair[2];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zd\r\n\r\n", bytes);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    accept_connection(pair[0]);
    receive(pair[0], "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    answer(pair[0], head);
    struct sending sending = observe_sending(pair[0]);
    uint64_t inside_ns = clock_monotonic_ns();
    assert_true(!unread || write(pair[0], body, sizeof body) > 0);
    usleep(WAIT_US);
    sent(&sending, bytes);
    observe_closing(pair[0]);
    close(pair[0]);
    close(pair[1]);
    const struct span_record *span = next_span();
    assert_non_null(span);
    return span->end_ns > inside_ns ? AT_THE_RETURN : AT_THE_BEGINNING;
}

static void a_short_send_ends_it_where_it_began(void **state)
{
    (void)state;
    assert_int_equal(end_of(send_bytes, SHORT_BYTES, true), AT_THE_BEGINNING);
    assert_int_equal(end_of(send_file, SHORT_BYTES, true), AT_THE_BEGINNING);
}

static void a_long_send_that_waited_ends_it_where_it_returned(void **state)
{
    (void)state;
    assert_int_equal(end_of(send_bytes, LONG_BYTES, true), AT_THE_RETURN);
    assert_int_equal(end_of(send_file, LONG_BYTES, true), AT_THE_RETURN);
}

/* The thread lost its turn, no more. */
static void a_long_send_that_was_read_to_its_end_ends_it_where_it_began(void **state)
{
    (void)state;
    assert_int_equal(end_of(send_bytes, LONG_BYTES, false), AT_THE_BEGINNING);
    assert_int_equal(end_of(send_file, LONG_BYTES, false), AT_THE_BEGINNING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_short_send_ends_it_where_it_began),
        TEST(a_long_send_that_waited_ends_it_where_it_returned),
        TEST(a_long_send_that_was_read_to_its_end_ends_it_where_it_began),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
