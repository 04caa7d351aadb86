// SPDX-License-Identifier: Apache-2.0
/* sockets.c - an HTTP server that comes by its connections in every way there is.
 *
 *     sockets MODE [ARGUMENT]
 *
 * Prints its port and answers each request with 200 and the path. MODE: how a connection that was
 * accepted reaches those who serve it.
 *
 *   fork        each by a child
 *   exec        each by this program as `stdio`, on descriptors 0, 1 and 2, as inetd does it
 *   stdio       one, on descriptors 0 and 1
 *   duplicates  read and written through copies of every kind
 *   pass        by another process, several in a message, taken by recvmsg() and recvmmsg() in turn
 *   later       the same after one request was served here
 *   middle      the same after a request's head was read here
 *   pair N      none is accepted: so many requests to oneself through a socketpair
 *   stale FILE  here; then closed by syscall(), and FILE is opened, read and written under the
 *               same number */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOGETHER 2 /* connections in a message, where so many wait */

static char head[65536];
static const char *argument, *program;
static int channel[2]; /* to the process that serves, and its end of it */

static void fail(const char *what)
{
    perror(what);
    _exit(1);
}

/* --- HTTP --- */

static bool read_head(int fd)
{
    size_t held = 0;
    while (held < sizeof head - 1) {
        ssize_t got = read(fd, head + held, 1);
        if (got <= 0)
            return false;
        held += (size_t)got;
        head[held] = '\0';
        if (held >= 4 && strcmp(head + held - 4, "\r\n\r\n") == 0)
            break;
    }
    return true;
}

static void drop_body(int fd)
{
    const char *length = strcasestr(head, "\r\ncontent-length:");
    size_t left = length ? strtoul(length + 17, NULL, 10) : 0;
    char piece[4096];
    while (left > 0) {
        ssize_t got = read(fd, piece, left < sizeof piece ? left : sizeof piece);
        if (got <= 0)
            return;
        left -= (size_t)got;
    }
}

/* False where the client wants no further answer. */
static bool answer(int fd)
{
    char path[256] = "", text[512];
    sscanf(head, "%*s %255s", path);
    bool last = strcasestr(head, "\r\nconnection: close") != NULL;
    int length = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n%s",
                          strlen(path), last ? "Connection: close\r\n" : "",
                          strncmp(head, "HEAD ", 5) == 0 ? "" : path);
    return write(fd, text, (size_t)length) == length && !last;
}

static void serve(int in, int out)
{
    while (read_head(in)) {
        drop_body(in);
        if (!answer(out))
            return;
    }
}

/* --- Ways to serve a connection --- */

static void by_child(int fd)
{
    pid_t child = fork();
    if (child == 0) {
        serve(fd, fd);
        _exit(0);
    }
    close(fd);
}

static void by_program(int fd)
{
    if (fork() == 0) {
        for (int stream = 0; stream < 3; stream++)
            dup2(fd, stream);
        close(fd);
        execl(program, program, "stdio", (char *)NULL);
        _exit(1);
    }
    close(fd);
}

static void by_duplicates(int fd)
{
    int copies[] = {dup(fd), dup2(fd, 200), dup3(fd, 201, O_CLOEXEC), fcntl(fd, F_DUPFD, 300),
                    fcntl(fd, F_DUPFD_CLOEXEC, 300)};
    close(fd);
    for (size_t i = 0; i < 5; i++) {
        if (read_head(copies[i])) {
            drop_body(copies[(i + 1) % 5]);
            if (answer(copies[(i + 2) % 5]))
                continue;
        }
        break;
    }
    serve(copies[4], copies[0]);
    for (size_t i = 0; i < 5; i++)
        close(copies[i]);
}

static void send_away(const int *fds, size_t count)
{
    char byte = 'c';
    struct iovec part = {&byte, 1};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(TOGETHER * sizeof(int))] = "";
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    *rights = (struct cmsghdr){CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
    if (sendmsg(channel[0], &message, 0) != 1)
        fail("sendmsg");
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

static void by_another(int fd)
{
    static int waiting[TOGETHER];
    static size_t count;
    waiting[count++] = fd;
    if (count == TOGETHER) {
        send_away(waiting, count);
        count = 0;
    }
}

static void by_another_later(int fd)
{
    if (read_head(fd)) {
        drop_body(fd);
        if (answer(fd)) {
            send_away(&fd, 1);
            return;
        }
    }
    close(fd);
}

static void by_another_in_the_middle(int fd)
{
    if (read_head(fd))
        send_away(&fd, 1);
    else
        close(fd);
}

/* What comes through the channel, by both calls in turn. */
static size_t take(int fds[TOGETHER])
{
    static unsigned calls;
    char byte;
    struct iovec part = {&byte, 1};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(TOGETHER * sizeof(int))];
    struct mmsghdr messages = {.msg_hdr = {.msg_iov = &part,
                                           .msg_iovlen = 1,
                                           .msg_control = control,
                                           .msg_controllen = sizeof control}};
    bool taken = calls++ % 2 ? recvmmsg(channel[1], &messages, 1, MSG_WAITFORONE, NULL) == 1 &&
                                   messages.msg_len == 1
                             : recvmsg(channel[1], &messages.msg_hdr, MSG_CMSG_CLOEXEC) == 1;
    if (!taken)
        return 0;
    struct cmsghdr *rights = CMSG_FIRSTHDR(&messages.msg_hdr);
    memcpy(fds, CMSG_DATA(rights), rights->cmsg_len - CMSG_LEN(0));
    return (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
}

/* The other process: a child for each connection, so that none waits for another. */
static void serve_others(bool in_the_middle)
{
    int fds[TOGETHER];
    size_t count;
    close(channel[0]);
    while ((count = take(fds)) > 0)
        for (size_t i = 0; i < count; i++) {
            if (fork() == 0) {
                if (in_the_middle) {
                    snprintf(head, sizeof head, "GET /middle HTTP/1.1\r\n\r\n");
                    answer(fds[i]);
                }
                serve(fds[i], fds[i]);
                _exit(0);
            }
            close(fds[i]);
        }
    _exit(0);
}

static void then_open_a_file(int fd)
{
    serve(fd, fd);
    syscall(SYS_close, fd);
    int file = open(argument, O_RDWR);
    if (file != fd)
        fail("another number");
    char text[4096];
    while (read(file, text, sizeof text) > 0)
        ;
    if (write(file, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38) != 38)
        fail("write");
    close(file);
}

/* --- */

static void talk_to_oneself(long requests)
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, channel) != 0)
        fail("socketpair");
    if (fork() == 0) {
        close(channel[0]);
        serve(channel[1], channel[1]);
        _exit(0);
    }
    close(channel[1]);
    for (long i = 0; i < requests; i++) {
        char text[128];
        int length = snprintf(text, sizeof text,
                              "GET /products/%ld HTTP/1.1\r\nX-Request-ID: p%ld\r\n\r\n", i, i);
        if (write(channel[0], text, (size_t)length) != length || !read_head(channel[0]))
            fail("pair");
        drop_body(channel[0]);
    }
    close(channel[0]);
    wait(NULL);
}

static const struct mode {
    const char *name;
    void (*act)(int fd);
    bool other_process;
} modes[] = {
    {"fork", by_child, false},
    {"exec", by_program, false},
    {"duplicates", by_duplicates, false},
    {"pass", by_another, true},
    {"later", by_another_later, true},
    {"middle", by_another_in_the_middle, true},
    {"stale", then_open_a_file, false},
};

static const struct mode *find(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(name, modes[i].name) == 0)
            return &modes[i];
    fail("what mode?");
    return NULL;
}

static void end(int signal)
{
    (void)signal;
    exit(0);
}

static int listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        fail("listen");
    dprintf(STDOUT_FILENO, "%d\n", ntohs(address.sin_port));
    return listener;
}

int main(int count, char **arguments)
{
    program = arguments[0];
    argument = count > 2 ? arguments[2] : "";
    if (count > 1 && strcmp(arguments[1], "stdio") == 0) {
        serve(0, 1);
        return 0;
    }
    if (count > 1 && strcmp(arguments[1], "pair") == 0) {
        listen_somewhere(); /* a program that serves */
        talk_to_oneself(atol(argument));
        return 0;
    }
    const struct mode *mode = find(count > 1 ? arguments[1] : "");
    signal(SIGTERM, end);
    signal(SIGCHLD, SIG_IGN);
    int listener = listen_somewhere();
    if (mode->other_process) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, channel) != 0)
            fail("socketpair");
        if (fork() == 0) {
            close(listener);
            serve_others(mode->act == by_another_in_the_middle);
        }
        close(channel[1]);
    }
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0)
            mode->act(fd);
    }
}
