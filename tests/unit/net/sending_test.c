// SPDX-License-Identifier: Apache-2.0
/* A process that ends above a call that sends: what the kernel says of it, with real sockets. */
#include "tests/unit/seam.h"

#include <sys/mman.h>

#include "agent/base/stack.h"

static const char get[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
static const char before[] = "HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nyes";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";

struct pair {
    int server;
    int client;
};

static struct pair connect_pair(int family)
{
    int ends[2];
    if (family == AF_UNIX) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        return (struct pair){ends[0], ends[1]};
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    struct pair pair = {.client = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(connect(pair.client, (struct sockaddr *)&address, length), 0);
    pair.server = accept(listener, NULL, NULL);
    close(listener);
    return pair;
}

/* With a request that waits for its answer, behind one that has it. */
static struct pair begin_connection(int family)
{
    struct pair pair = connect_pair(family);
    accept_connection(pair.server);
    receive(pair.server, get);
    answer(pair.server, before);
    assert_int_equal(write(pair.server, before, sizeof before - 1), sizeof before - 1);
    assert_non_null(next_span());
    receive(pair.server, get);
    return pair;
}

static void end_connection(const struct pair *pair)
{
    observe_closing(pair->server);
    close(pair->server);
    close(pair->client);
    while (next_span())
        ;
}

/* As in a handler. */
__attribute__((noinline)) static void end_process(void)
{
    connection_process_ends((uintptr_t)__builtin_frame_address(0), stack_end());
}

/* The kernel takes the first `taken` bytes of what the hook said it would send. */
static void send_and_end(int fd, enum sending_what what, const void *from, size_t count,
                         const char *bytes, size_t taken)
{
    struct sending sending = observe_sending(fd);
    sending_note(&sending, what, from, count);
    if (taken)
        assert_int_equal(write(fd, bytes, taken), taken);
    end_process();
}

static bool is_incomplete(const struct span_record *span)
{
    return integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE) == -1 &&
           counters_get(&counters.spans_incomplete) == 1;
}

static void assert_answered(void)
{
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE), 200);
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE), 2);
    assert_null(span_find_string(span, ATTRIBUTE_ERROR_TYPE).at);
    assert_int_equal(counters_get(&counters.spans_incomplete), 0);
    assert_null(next_span());
}

static void what_was_taken_whole_was_sent(void **state)
{
    (void)state;
    struct iovec parts[] = {{(void *)ok, 10}, {NULL, 0}, {(void *)(ok + 10), sizeof ok - 11}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
    const struct {
        enum sending_what what;
        const void *from;
        size_t count;
    } calls[] = {{SENDING_BYTES, ok, sizeof ok - 1},
                 {SENDING_PARTS, parts, 3},
                 {SENDING_MESSAGE, &message, 0}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct pair pair = begin_connection(AF_INET);
        send_and_end(pair.server, calls[i].what, calls[i].from, calls[i].count, ok, sizeof ok - 1);
        assert_answered();
        end_connection(&pair);
    }
}

static void so_was_what_the_other_end_has_acknowledged(void **state)
{
    (void)state;
    char bytes[256];
    struct pair pair = begin_connection(AF_INET);
    struct sending sending = observe_sending(pair.server);
    sending_note(&sending, SENDING_BYTES, ok, sizeof ok - 1);
    assert_int_equal(write(pair.server, ok, sizeof ok - 1), sizeof ok - 1);
    assert_true(read(pair.client, bytes, sizeof bytes) > 0);
    usleep(50000);
    end_process();
    assert_answered();
    end_connection(&pair);
}

static void a_file_s_bytes_are_counted(void **state)
{
    (void)state;
    struct pair pair = begin_connection(AF_INET);
    answer(pair.server, head);
    assert_int_equal(write(pair.server, head, sizeof head - 1), sizeof head - 1);
    send_and_end(pair.server, SENDING_UNSEEN, NULL, 100, "ok", 2);
    assert_answered();
    end_connection(&pair);
}

/* It has no end then, which is said where the process is gone. */
static void what_was_not_taken_whole_was_not(void **state)
{
    (void)state;
    for (size_t taken = 0; taken < sizeof ok - 1; taken += 10) {
        struct pair pair = begin_connection(AF_INET);
        send_and_end(pair.server, SENDING_BYTES, ok, sizeof ok - 1, ok, taken);
        assert_null(next_span());
        end_connection(&pair);
    }
}

static void where_the_kernel_does_not_say_it_is_lost_to_view(void **state)
{
    (void)state;
    struct pair pair = begin_connection(AF_UNIX);
    send_and_end(pair.server, SENDING_BYTES, ok, sizeof ok - 1, ok, sizeof ok - 1);
    assert_true(is_incomplete(next_span()));
    end_connection(&pair);
}

static void so_it_is_where_bytes_went_unseen(void **state)
{
    (void)state;
    struct pair pair = begin_connection(AF_INET);
    assert_int_equal(write(pair.server, get, sizeof get - 1), sizeof get - 1);
    send_and_end(pair.server, SENDING_BYTES, ok, sizeof ok - 1, ok, sizeof ok - 1);
    assert_true(is_incomplete(next_span()));
    end_connection(&pair);
}

static void addresses_that_can_t_be_read_are_not(void **state)
{
    (void)state;
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct iovec part = {page, 10};
    struct msghdr message = {.msg_iov = (struct iovec *)(void *)page, .msg_iovlen = 1};
    const struct {
        enum sending_what what;
        const void *from;
        size_t count;
    } calls[] = {{SENDING_BYTES, page, 10},        {SENDING_BYTES, page, SIZE_MAX},
                 {SENDING_PARTS, page, 1},         {SENDING_PARTS, &part, 1},
                 {SENDING_PARTS, &part, SIZE_MAX}, {SENDING_MESSAGE, page, 0},
                 {SENDING_MESSAGE, &message, 0},   {SENDING_UNKNOWN, NULL, 0}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        memset(&counters, 0, sizeof counters);
        struct pair pair = begin_connection(AF_INET);
        send_and_end(pair.server, calls[i].what, calls[i].from, calls[i].count, ok, 10);
        assert_true(is_incomplete(next_span()));
        end_connection(&pair);
    }
    munmap(page, 4096);
}

__attribute__((noinline)) static void leave_a_send(int fd)
{
    struct sending sending = observe_sending(fd);
    sending_note(&sending, SENDING_BYTES, ok, sizeof ok - 1);
    assert_int_equal(write(fd, ok, sizeof ok - 1), sizeof ok - 1);
}

static void a_call_that_was_left_is_not_looked_at(void **state)
{
    (void)state;
    struct pair pair = begin_connection(AF_INET);
    leave_a_send(pair.server);
    connection_process_ends((uintptr_t)__builtin_frame_address(0), stack_end());
    connection_process_ends(0, 0);
    assert_null(next_span());
    end_connection(&pair);
}

static void a_call_that_came_back_is_not_looked_at(void **state)
{
    (void)state;
    struct pair pair = begin_connection(AF_INET);
    struct sending sending = observe_sending(pair.server);
    sending_note(&sending, SENDING_BYTES, ok, sizeof ok - 1);
    assert_int_equal(write(pair.server, ok, sizeof ok - 1), sizeof ok - 1);
    observe_sent(&sending, ok, sizeof ok - 1, 0);
    end_process();
    assert_answered();
    end_connection(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_taken_whole_was_sent),
        TEST(so_was_what_the_other_end_has_acknowledged),
        TEST(a_file_s_bytes_are_counted),
        TEST(what_was_not_taken_whole_was_not),
        TEST(where_the_kernel_does_not_say_it_is_lost_to_view),
        TEST(so_it_is_where_bytes_went_unseen),
        TEST(addresses_that_can_t_be_read_are_not),
        TEST(a_call_that_was_left_is_not_looked_at),
        TEST(a_call_that_came_back_is_not_looked_at),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
