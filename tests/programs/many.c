// SPDX-License-Identifier: Apache-2.0
/* many.c - a server for very many connections: one thread, epoll, an answer of two bytes to each
 * head, whatever its size.
 *
 *     many [TOGETHER]
 *
 * Says its port on stdout; ends with status 0 on SIGTERM. The first TOGETHER heads are answered
 * when all of them are there. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS      256
#define READ_BYTES  65536
#define ANSWERS     256 /* in one write */
#define DESCRIPTORS 65536

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static volatile sig_atomic_t over;
static long to_come;                       /* heads, before any is answered */
static unsigned char owed[DESCRIPTORS];    /* answers, until then */
static unsigned char matched[DESCRIPTORS]; /* bytes of the empty line seen last */

static void end(int signal)
{
    (void)signal;
    over = 1;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void raise_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int listen_anywhere(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&name, &length) != 0)
        fail("listen");
    printf("%d\n", ntohs(name.sin_port));
    fflush(stdout);
    return fd;
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        fail("epoll_ctl");
}

static void accept_all(int epoll, int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= DESCRIPTORS) {
            close(fd);
            continue;
        }
        matched[fd] = 0;
        watch(epoll, fd);
    }
}

/* How many heads end in these bytes. */
static unsigned heads_in(int fd, const char *bytes, size_t length)
{
    unsigned heads = 0;
    unsigned char seen = matched[fd];
    for (size_t i = 0; i < length; i++) {
        seen = bytes[i] == "\r\n\r\n"[seen] ? (unsigned char)(seen + 1) : bytes[i] == '\r';
        if (seen == 4) {
            heads++;
            seen = 0;
        }
    }
    matched[fd] = seen;
    return heads;
}

static bool send_answers(int fd, unsigned count)
{
    static char answers[ANSWERS * (sizeof answer - 1)];
    if (!answers[0])
        for (size_t i = 0; i < ANSWERS; i++)
            memcpy(answers + i * (sizeof answer - 1), answer, sizeof answer - 1);
    while (count) {
        unsigned now = count < ANSWERS ? count : ANSWERS;
        ssize_t wanted = (ssize_t)(now * (sizeof answer - 1));
        if (send(fd, answers, (size_t)wanted, MSG_NOSIGNAL) != wanted)
            return false;
        count -= now;
    }
    return true;
}

static bool owe_answers(int fd, unsigned count)
{
    owed[fd] = (unsigned char)(owed[fd] + count);
    to_come -= count;
    for (int other = 0; to_come <= 0 && other < DESCRIPTORS; other++)
        if (owed[other] && !send_answers(other, owed[other]))
            return false;
    return true;
}

static void serve(int fd)
{
    static char bytes[READ_BYTES];
    ssize_t length = recv(fd, bytes, sizeof bytes, 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    unsigned heads = length > 0 ? heads_in(fd, bytes, (size_t)length) : 0;
    bool (*answer_them)(int, unsigned) = to_come > 0 ? owe_answers : send_answers;
    if (length <= 0 || !answer_them(fd, heads))
        close(fd);
}

int main(int count_of_arguments, char **arguments)
{
    to_come = count_of_arguments > 1 ? strtol(arguments[1], NULL, 10) : 0;
    struct epoll_event events[EVENTS];
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    raise_limit();
    int listener = listen_anywhere();
    int epoll = epoll_create1(0);
    watch(epoll, listener);
    while (!over) {
        int count = epoll_wait(epoll, events, EVENTS, 1000);
        for (int i = 0; i < count; i++)
            if (events[i].data.fd == listener)
                accept_all(epoll, listener);
            else
                serve(events[i].data.fd);
    }
    return 0;
}
