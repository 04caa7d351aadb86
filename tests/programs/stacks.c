// SPDX-License-Identifier: Apache-2.0
/* stacks.c - how much of its stack a thread needs for what it does.
 *
 *     stacks LISTENER STEP...
 *
 * LISTENER is the number of a listening socket. A child does the steps, on a thread whose stack is
 * painted before each of them; `+` begins another thread, `fork` another process. The parent sees
 * the paint, too, and so also what an end of the process needs. It says a line a step: its name and
 * how many bytes below the frame it was called from have changed. The last line tells how the child
 * ended. With CLIENTS defined, there are steps that call libcurl and libmariadb, and ask Redis
 * and memcached. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_BYTES  ((size_t)512 << 10)
#define PAINT        0xa5a5a5a5a5a5a5a5u
#define STEPS_MOST   128
#define SIGNAL_BYTES 8192 /* of a handler's stack */
#define CROWD        400  /* requests in flight */
#define UNSEEN       64   /* bytes below the painter's own frame that it leaves alone */

static struct {
    struct {
        uintptr_t frame; /* where the step was called from */
        uint64_t depth;  /* 0: it did not come back */
    } steps[STEPS_MOST];
} * seen;
static char *stack;
static int listener;
static char request[65536];

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n"
                              "X-Answer: one\r\nContent-Length: 0\r\n\r\n";

__attribute__((noinline)) static void paint(void)
{
    uint64_t *top = (uint64_t *)(((uintptr_t)__builtin_frame_address(0) - UNSEEN) & -(uintptr_t)8);
    for (uint64_t *at = (uint64_t *)stack; at < top; at++)
        *at = PAINT;
}

static uint64_t depth_below(uintptr_t frame)
{
    const uint64_t *at = (const uint64_t *)stack;
    while (*at == PAINT)
        at++;
    return frame - (uintptr_t)at;
}

/* ---- steps ---- */

static int begin(void)
{
    int client = accept(listener, NULL, NULL);
    recv(client, request, sizeof request, 0);
    return client;
}

static void serve(void)
{
    int client = begin();
    send(client, answer, sizeof answer - 1, 0);
    close(client);
}

static void serve_missing(void)
{
    int client = begin();
    write(client, missing, sizeof missing - 1);
    close(client);
}

static void serve_named(void)
{
    struct sockaddr_in6 name;
    socklen_t length = sizeof name;
    int client = accept4(listener, (struct sockaddr *)&name, &length, SOCK_CLOEXEC);
    recv(client, request, sizeof request, 0);
    send(client, answer, sizeof answer - 1, 0);
    shutdown(client, SHUT_WR);
    close(client);
}

static void serve_parts(void)
{
    struct iovec parts[2] = {{(void *)answer, 10}, {(void *)(answer + 10), sizeof answer - 11}};
    struct iovec room = {request, sizeof request};
    int client = accept(listener, NULL, NULL);
    readv(client, &room, 1);
    writev(client, parts, 2);
    close(client);
}

static void serve_message(void)
{
    struct iovec part = {(void *)answer, sizeof answer - 1};
    struct iovec room = {request, sizeof request};
    struct msghdr in = {.msg_iov = &room, .msg_iovlen = 1};
    struct msghdr out = {.msg_iov = &part, .msg_iovlen = 1};
    int client = accept(listener, NULL, NULL);
    recvmsg(client, &in, 0);
    sendmsg(client, &out, 0);
    close(client);
}

static void serve_messages(void)
{
    struct iovec part = {(void *)answer, sizeof answer - 1};
    struct iovec room = {request, sizeof request};
    struct mmsghdr in = {.msg_hdr = {.msg_iov = &room, .msg_iovlen = 1}};
    struct mmsghdr out = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
    int client = accept(listener, NULL, NULL);
    recvmmsg(client, &in, 1, 0, NULL);
    sendmmsg(client, &out, 1, 0);
    close(client);
}

/* An answer to nothing. */
static void refuse(void)
{
    static const char text[] = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nServer: x\r\n"
                               "Content-Length: 0\r\nConnection: close\r\n\r\n";
    int client = accept(listener, NULL, NULL);
    send(client, text, sizeof text - 1, 0);
    close(client);
}

static void serve_file(void)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
    static int file;
    if (!file) {
        file = memfd_create("file", 0);
        write(file, "file", 4);
    }
    off_t at = 0;
    int client = begin();
    send(client, head, sizeof head - 1, MSG_MORE);
    sendfile(client, file, &at, 4);
    close(client);
}

/* The head's bytes come one after the other. */
static void serve_pieces(void)
{
    size_t used = 0;
    int client = accept(listener, NULL, NULL);
    while (used < 4 || memcmp(request + used - 4, "\r\n\r\n", 4) != 0)
        if (recv(client, request + used++, 1, 0) != 1)
            break;
    for (size_t i = 0; i < sizeof missing - 1; i++)
        send(client, missing + i, 1, MSG_NOSIGNAL);
    close(client);
}

/* The head is passed on, and then read elsewhere; the answer comes out of a pipe. */
static void serve_spliced(void)
{
    int in[2], out[2];
    if (pipe(in) != 0 || pipe(out) != 0)
        return;
    int client = accept(listener, NULL, NULL);
    splice(client, NULL, in[1], NULL, sizeof request, 0);
    read(in[0], request, sizeof request);
    write(out[1], answer, sizeof answer - 1);
    splice(out[0], NULL, client, NULL, sizeof answer - 1, 0);
    close(client);
    for (int i = 0; i < 2; i++) {
        close(in[i]);
        close(out[i]);
    }
}

/* The answer only. */
static void answer_spliced(void)
{
    int out[2];
    if (pipe(out) != 0)
        return;
    int client = begin();
    write(out[1], answer, sizeof answer - 1);
    splice(out[0], NULL, client, NULL, sizeof answer - 1, 0);
    close(client);
    close(out[0]);
    close(out[1]);
}

static ssize_t pass(int by, int *fd, ssize_t (*act)(int by, struct msghdr *message))
{
    char byte = 'x';
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof *fd)] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *first = CMSG_FIRSTHDR(&message);
    first->cmsg_level = SOL_SOCKET;
    first->cmsg_type = SCM_RIGHTS;
    first->cmsg_len = CMSG_LEN(sizeof *fd);
    memcpy(CMSG_DATA(first), fd, sizeof *fd);
    ssize_t result = act(by, &message);
    memcpy(fd, CMSG_DATA(first), sizeof *fd);
    return result;
}

static ssize_t give(int by, struct msghdr *message)
{
    return sendmsg(by, message, 0);
}

static ssize_t take(int by, struct msghdr *message)
{
    return recvmsg(by, message, 0);
}

/* The connection goes to another descriptor. */
static void serve_passed(void)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return;
    int client = accept(listener, NULL, NULL);
    int passed = client;
    pass(pair[0], &passed, give);
    pass(pair[1], &passed, take);
    close(client);
    recv(passed, request, sizeof request, 0);
    send(passed, answer, sizeof answer - 1, 0);
    close(passed);
    close(pair[0]);
    close(pair[1]);
}

/* Requests of its own, all of them in flight at a time; the answers of a second pass. */
static void serve_crowd(void)
{
    static int clients[CROWD], servers[CROWD];
    static const char head[] = "GET / HTTP/1.1\r\nContent-Length: 0\r\nHost: crowd\r\n"
                               "Content-Length: 0\r\nX-Forwarded-For: [::1]\r\n\r\n";
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: x\r\n"
                                "Content-Length: 2\r\n\r\nok";
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof name;
    int own = socket(AF_INET, SOCK_STREAM, 0);
    bind(own, (struct sockaddr *)&name, length);
    listen(own, 1);
    getsockname(own, (struct sockaddr *)&name, &length);
    for (int i = 0; i < CROWD; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        connect(clients[i], (struct sockaddr *)&name, length);
        send(clients[i], head, sizeof head - 1, 0);
        servers[i] = accept(own, NULL, NULL);
        recv(servers[i], request, sizeof request, 0);
    }
    for (int i = 0; i < CROWD; i++) {
        send(servers[i], reply, sizeof reply - 1, 0);
        close(servers[i]);
        recv(clients[i], request, sizeof request, 0);
        close(clients[i]);
    }
    close(own);
}

/* The child has the thread's stack, because the painted one is shared with it. */
static void *make_child(void *doomed)
{
    char *const arguments[] = {"true", NULL};
    pid_t child = fork();
    if (child == 0) {
        if (doomed) {
            begin();
            kill(getpid(), SIGKILL);
        }
        execv("/bin/true", arguments);
        _exit(1);
    }
    return (void *)(intptr_t)child;
}

static void wait_for_child(bool doomed)
{
    pthread_t thread;
    void *child;
    pthread_create(&thread, NULL, make_child, doomed ? (void *)seen : NULL);
    pthread_join(thread, &child);
    waitpid((pid_t)(intptr_t)child, NULL, 0);
}

static void wait_for_ended(void)
{
    wait_for_child(false);
}

/* In the middle of a request. */
static void wait_for_killed(void)
{
    wait_for_child(true);
}

static void leave_unanswered(void)
{
    close(begin());
}

static void *serve_on_thread(void *unused)
{
    serve();
    return unused;
}

static void serve_on_small_thread(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN);
    if (pthread_create(&thread, &attributes, serve_on_thread, NULL) == 0)
        pthread_join(thread, NULL);
}

static void serve_in_handler(int signal)
{
    (void)signal;
    serve();
}

/* With a page below it that is nobody's. */
static void serve_on_signal_stack(void)
{
    char *memory =
        mmap(NULL, 4096 + SIGNAL_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(memory, 4096, PROT_NONE);
    sigaltstack(&(stack_t){.ss_sp = memory + 4096, .ss_size = SIGNAL_BYTES}, NULL);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = serve_in_handler, .sa_flags = SA_ONSTACK},
              NULL);
    raise(SIGUSR1);
}

static void begin_listening(void)
{
    listen(socket(AF_INET, SOCK_STREAM, 0), 1);
}

static void do_exit(void)
{
    exit(0);
}

static void do__exit(void)
{
    _exit(0);
}

static void become(void)
{
    execl("/bin/true", "true", NULL);
}

static void become_by_list(void)
{
    execv("/bin/true", (char *const[]){"true", NULL});
}

/* ---- */

#ifdef CLIENTS
#include "stacks_clients.h"
#include "stacks_memcached.h"
#include "stacks_redis.h"
#endif

static const struct {
    const char *name;
    void (*act)(void);
} known[] = {{"serve", serve},
             {"missing", serve_missing},
             {"named", serve_named},
             {"parts", serve_parts},
             {"message", serve_message},
             {"messages", serve_messages},
             {"refuse", refuse},
             {"file", serve_file},
             {"pieces", serve_pieces},
             {"spliced", serve_spliced},
             {"answer-spliced", answer_spliced},
             {"passed", serve_passed},
             {"crowd", serve_crowd},
             {"ended", wait_for_ended},
             {"killed", wait_for_killed},
             {"unanswered", leave_unanswered},
             {"small-thread", serve_on_small_thread},
             {"signal-stack", serve_on_signal_stack},
             {"listen", begin_listening},
             {"exit", do_exit},
             {"_exit", do__exit},
             {"exec", become},
             {"execv", become_by_list},
#ifdef CLIENTS
             CLIENTS_STEPS REDIS_STEPS MEMCACHED_STEPS
#endif
};

static char **steps;
static int next;

__attribute__((noinline)) static void step(void (*act)(void))
{
    seen->steps[next].frame = (uintptr_t)__builtin_frame_address(0);
    paint();
    act();
    seen->steps[next].depth = depth_below(seen->steps[next].frame);
}

static bool is_boundary(const char *name)
{
    return strcmp(name, "+") == 0 || strcmp(name, "fork") == 0;
}

static void *run(void *unused)
{
    for (; steps[next] && !is_boundary(steps[next]); next++)
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (strcmp(steps[next], known[i].name) == 0)
                step(known[i].act);
    return unused;
}

static int run_all(void)
{
    pid_t child;
    for (;;) {
        pthread_t thread;
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstack(&attributes, stack, STACK_BYTES);
        if (pthread_create(&thread, &attributes, run, NULL) != 0)
            return 1;
        pthread_join(thread, NULL);
        if (!steps[next])
            return 0;
        if (strcmp(steps[next++], "fork") == 0 && (child = fork()) != 0) {
            int status = 1;
            waitpid(child, &status, 0);
            return WEXITSTATUS(status) | WTERMSIG(status);
        }
    }
}

int main(int count, char *arguments[])
{
    if (count < 3 || count - 2 > STEPS_MOST)
        return 2;
    listener = atoi(arguments[1]);
    steps = arguments + 2;
    stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED || seen == MAP_FAILED)
        return 1;
    pid_t child = fork();
    if (child == 0)
        _exit(run_all());
    int status = 0;
    if (waitpid(child, &status, 0) != child)
        return 1;
    for (int i = 0; steps[i]; i++) {
        if (!seen->steps[i].frame)
            continue;
        if (!seen->steps[i].depth)
            seen->steps[i].depth = depth_below(seen->steps[i].frame);
        printf("%s %llu\n", steps[i], (unsigned long long)seen->steps[i].depth);
    }
    printf("ended %#x\n", (unsigned)status);
    return 0;
}
