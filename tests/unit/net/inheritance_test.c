// SPDX-License-Identifier: Apache-2.0
/* Sockets from elsewhere, real ones: what they are taken for, and which bytes are whose. */
#include "tests/unit/seam.h"

#include "agent/net/inheritance.h"

static const char get[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static int client, server, listener; /* a TCP connection of 127.0.0.1 and who accepted it */
static uint16_t client_port;

static int join(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    client = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0 ||
        connect(client, (struct sockaddr *)&address, length) != 0)
        return -1;
    server = accept(listener, NULL, NULL);
    getsockname(client, (struct sockaddr *)&address, &length);
    client_port = ntohs(address.sin_port);
    return start_empty(state);
}

static int part(void **state)
{
    (void)state;
    const int fds[] = {client, server, listener};
    for (size_t i = 0; i < 3; i++) {
        connection_release(fds[i]);
        close(fds[i]);
    }
    return 0;
}

static enum connection_role role(int fd)
{
    assert_non_null(connection_of(fd));
    return connection_role(connection_of(fd));
}

/* By name: not every C library has only these members. */
static struct cmsghdr rights_of(socklen_t bytes)
{
    return (struct cmsghdr){.cmsg_len = bytes, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
}

/* recvmsg() with these descriptors passed along. */
static void hand_over(const int *fds, size_t count, int flags)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = "";
    struct msghdr message = {.msg_control = control,
                             .msg_controllen = (socklen_t)CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    *rights = rights_of((socklen_t)CMSG_LEN(count * sizeof(int)));
    memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
    observe_received_message(5, &message, 0, flags);
}

static void a_connection_may_come_with_a_message(void **state)
{
    (void)state;
    const int fds[] = {listener, server};
    hand_over(fds, 2, 0);
    assert_int_equal(role(listener), CONNECTION_LISTENER);
    assert_int_equal(role(server), CONNECTION_UNKNOWN);
    receive(server, get);
    assert_int_equal(role(server), CONNECTION_SERVER);
    answer(server, ok);
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_text(span_find_string(span, ATTRIBUTE_NETWORK_PEER_ADDRESS), "127.0.0.1");
    assert_int_equal(integer(span, ATTRIBUTE_NETWORK_PEER_PORT), client_port);
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
}

static void descriptors_that_are_peeked_at_are_made_too(void **state)
{
    (void)state;
    accept_connection(server);
    receive(server, "half a");
    hand_over(&server, 1, MSG_PEEK);
    assert_int_equal(role(server), CONNECTION_UNKNOWN);
}

static void a_message_that_says_more_than_it_holds_is_not_believed(void **state)
{
    (void)state;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = "";
    struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    *rights = rights_of(1000);
    memcpy(CMSG_DATA(rights), &server, sizeof server);
    observe_received_message(5, &message, 0, 0);
    assert_null(connection_of(server));
}

static void what_is_no_connection_is_forgotten(void **state)
{
    (void)state;
    int unconnected = socket(AF_INET, SOCK_STREAM, 0), datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    const int fds[] = {unconnected, datagrams, STDERR_FILENO, 100000};
    for (size_t i = 0; i < 4; i++) {
        accept_connection(fds[i]); /* what the number was before */
        errno = 42;
        hand_over(&fds[i], 1, 0);
        assert_int_equal(errno, 42);
        assert_null(connection_of(fds[i]));
    }
    close(unconnected);
    close(datagrams);
}

static void who_sends_the_request_is_the_client(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    inheritance_take(client);
    answer(client, "POST / HTTP/1.1\r\n\r\n");
    assert_int_equal(role(client), CONNECTION_CLIENT);
    assert_int_equal(connection_owner(connection_of(client)).exchange, context_current()->exchange);
    receive(client, ok);
    assert_true(has_context());
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
}

static void a_connection_that_comes_in_the_middle_of_a_message_is_not_looked_at(void **state)
{
    (void)state;
    static const char *const received[] = {"Host: a\r\n\r\n", ok, "\x16\x03\x01", "x",
                                           "EHLO me\r\n"};
    for (size_t i = 0; i < sizeof received / sizeof *received; i++) {
        start_empty(state);
        inheritance_take(server);
        receive(server, received[i]);
        receive(server, get);
        answer(server, ok);
        assert_null(next_span());
        assert_int_equal(counters_get(&counters.connections_opaque), 1);
    }
    start_empty(state);
    inheritance_take(server);
    answer(server, ok); /* to a request that another process read */
    receive(server, get);
    answer(server, ok);
    assert_null(next_span());
    assert_int_equal(counters_get(&counters.connections_opaque), 1);
}

static void a_request_may_come_in_pieces_to_an_inherited_socket(void **state)
{
    (void)state;
    inheritance_take(server);
    for (size_t i = 0; i < sizeof get - 1; i++)
        observe_received(server, get + i, 1, 0);
    answer(server, ok);
    assert_non_null(next_span());
}

static void a_pair_of_sockets_is_looked_at_for_its_first_bytes(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    observe_paired(pair, 0);
    answer(pair[0], get);
    receive(pair[1], get);
    assert_int_equal(role(pair[0]), CONNECTION_CLIENT);
    assert_int_equal(role(pair[1]), CONNECTION_SERVER);
    answer(pair[1], ok);
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_null(span_find_string(span, ATTRIBUTE_CLIENT_ADDRESS).at);

    observe_paired(pair, 0); /* a loop's wake-up: nobody said it would be HTTP */
    answer(pair[0], "x");
    receive(pair[1], "x");
    receive(pair[1], get);
    assert_int_equal(role(pair[1]), CONNECTION_UNKNOWN);
    assert_int_equal(counters_get(&counters.connections_opaque), 0);
    observe_paired(pair, -1);
    connection_release(pair[0]);
    connection_release(pair[1]);
    close(pair[0]);
    close(pair[1]);
}

/* A pool's wake-up must not take the context away from who waits for its own request's answer. */
static void a_wake_up_changes_no_context(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    struct context request = *context_current();
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    observe_paired(pair, 0);
    answer(pair[0], "x");
    receive(pair[1], "x");
    receive(pair[1], "x");
    assert_memory_equal(context_current(), &request, sizeof request);
    connection_release(pair[0]);
    connection_release(pair[1]);
    close(pair[0]);
    close(pair[1]);
}

static void who_accepts_listens(void **state)
{
    (void)state;
    accept_connection(FD);
    assert_int_equal(role(LISTENER_FD), CONNECTION_LISTENER);
    receive(FD, get);
    const struct pollfd wait = {.fd = LISTENER_FD};
    observe_polled(&wait, 1, 1);
    assert_false(span_context_present(&context_current()->span));
}

/* sendmsg() of the descriptor to another process. */
static void send_away(int fd, int result)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = "";
    struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    *rights = rights_of(CMSG_LEN(sizeof fd));
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    struct sending sending = observe_sending(5);
    observe_sent_message(&sending, 5, &message, result, 0);
}

static void a_request_handed_on_is_not_aborted_by_our_close(void **state)
{
    (void)state;
    accept_connection(server);
    receive(server, get);
    send_away(server, 1);
    assert_null(next_span());
    observe_closing(server);
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_int_equal(span->status, SPAN_STATUS_UNSET);
    assert_int_equal(counters_get(&counters.spans_incomplete), 1);

    accept_connection(server);
    receive(server, get);
    send_away(server, -1); /* nobody took it */
    observe_closing(server);
    span = next_span();
    assert_non_null(span);
    assert_text(span_find_string(span, ATTRIBUTE_ERROR_TYPE), "connection_aborted");
}

static void a_request_handed_on_is_not_told_by_a_child_that_closes_it(void **state)
{
    (void)state;
    accept_connection(server);
    receive(server, get);
    send_away(server, 1);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        observe_closing(server);
        _exit(counters_get(&counters.spans_ended) ? 1 : 0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    observe_closing(server);
    assert_non_null(next_span());
}

static void standard_streams_that_are_one_connection_are_taken_as_one(void **state)
{
    (void)state;
    int saved[3];
    for (int fd = 0; fd < 3; fd++)
        saved[fd] = dup(fd);
    dup2(server, 0);
    dup2(server, 1);
    inheritance_at_start(0);
    struct connection *in = connection_of(0), *out = connection_of(1), *error = connection_of(2);
    receive(0, get);
    answer(1, ok);
    for (int fd = 0; fd < 3; fd++) {
        connection_release(fd);
        dup2(saved[fd], fd);
        close(saved[fd]);
    }
    assert_non_null(in);
    assert_ptr_equal(in, out);
    assert_null(error);
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_int_equal(integer(span, ATTRIBUTE_NETWORK_PEER_PORT), client_port);
}

static void a_unix_socket_as_standard_input_is_no_client(void **state)
{
    (void)state;
    int saved = dup(0), pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    dup2(pair[0], 0);
    inheritance_at_start(0);
    struct connection *in = connection_of(0);
    dup2(saved, 0);
    close(saved);
    close(pair[0]);
    close(pair[1]);
    assert_null(in);
}

static void peers_are_named_in_their_plainest_form(void **state)
{
    (void)state;
    static const struct {
        const char *address, *name;
    } peers[] = {
        {"::1", "::1"},
        {"2001:db8::7", "2001:db8::7"},
        {"::ffff:192.0.2.7", "192.0.2.7"}, /* IPv4 through an IPv6 socket */
    };
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        struct sockaddr_in6 peer = {.sin6_family = AF_INET6, .sin6_port = htons(4711)};
        assert_int_equal(inet_pton(AF_INET6, peers[i].address, &peer.sin6_addr), 1);
        socklen_t length = sizeof peer;
        struct accepting accepting;
        observe_accepting(&accepting, (struct sockaddr *)&peer, &length);
        observe_accepted(&accepting, LISTENER_FD, FD);
        receive(FD, get);
        answer(FD, ok);
        const struct span_record *span = next_span();
        assert_non_null(span);
        assert_text(span_find_string(span, ATTRIBUTE_CLIENT_ADDRESS), peers[i].name);
        assert_text(span_find_string(span, ATTRIBUTE_NETWORK_PEER_ADDRESS), peers[i].name);
        assert_int_equal(integer(span, ATTRIBUTE_NETWORK_PEER_PORT), 4711);
    }
}

#define SOCKETS_TEST(name) cmocka_unit_test_setup_teardown(name, join, part)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SOCKETS_TEST(a_connection_may_come_with_a_message),
        SOCKETS_TEST(descriptors_that_are_peeked_at_are_made_too),
        SOCKETS_TEST(a_message_that_says_more_than_it_holds_is_not_believed),
        SOCKETS_TEST(what_is_no_connection_is_forgotten),
        SOCKETS_TEST(who_sends_the_request_is_the_client),
        SOCKETS_TEST(a_connection_that_comes_in_the_middle_of_a_message_is_not_looked_at),
        SOCKETS_TEST(a_request_may_come_in_pieces_to_an_inherited_socket),
        SOCKETS_TEST(a_pair_of_sockets_is_looked_at_for_its_first_bytes),
        SOCKETS_TEST(a_wake_up_changes_no_context),
        SOCKETS_TEST(who_accepts_listens),
        SOCKETS_TEST(a_request_handed_on_is_not_aborted_by_our_close),
        SOCKETS_TEST(a_request_handed_on_is_not_told_by_a_child_that_closes_it),
        SOCKETS_TEST(standard_streams_that_are_one_connection_are_taken_as_one),
        SOCKETS_TEST(a_unix_socket_as_standard_input_is_no_client),
        TEST(peers_are_named_in_their_plainest_form),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
