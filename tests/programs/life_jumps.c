// SPDX-License-Identifier: Apache-2.0
/* life_jumps.c - ways out of a blocking call that do not return from it: siglongjmp() in a handler,
 * the thread's cancellation. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "life.h"

#define OFTEN   10000 /* more than the agent has room for, were any place not given back */
#define AT_ONCE 50

static sigjmp_buf jump;

static void jump_out(int signal)
{
    (void)signal;
    siglongjmp(jump, 1);
}

/* ---- calls that block until a timer's signal ---- */

static void receive(int client)
{
    char byte;
    recv(client, &byte, 1, 0);
}

static void wait_by_poll(int client)
{
    poll(&(struct pollfd){.fd = client, .events = POLLIN}, 1, -1);
}

static void wait_by_epoll(int client)
{
    static int loop;
    struct epoll_event event = {.events = EPOLLIN};
    if (!loop)
        loop = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(loop, EPOLL_CTL_ADD, client, &event);
    epoll_wait(loop, &event, 1, -1);
}

static void accept_nobody(int client)
{
    (void)client;
    accept(listener, NULL, NULL);
}

/* The second connection waits until somebody accepts the first. */
static void connect_in_vain(int client)
{
    static struct sockaddr_un address = {.sun_family = AF_UNIX};
    static int full;
    (void)client;
    if (!full) {
        snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "life-%d", getpid());
        full = socket(AF_UNIX, SOCK_STREAM, 0);
        if (bind(full, (struct sockaddr *)&address, sizeof address) != 0 || listen(full, 0) != 0)
            perror("listen");
        int first = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(first, (struct sockaddr *)&address, sizeof address) != 0)
            perror("connect");
    }
    int second = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(second, (struct sockaddr *)&address, sizeof address);
}

/* As libcurl bounds it where it has no resolver of its own threads. */
static void resolve(int client)
{
    struct addrinfo *found = NULL;
    (void)client;
    if (getaddrinfo("silent.test", "80", NULL, &found) == 0)
        freeaddrinfo(found);
}

static const struct blocking {
    const char *path;
    void (*call)(int client);
    long microseconds;
    int times;
} blocking[] = {
    {"jump-receiving", receive, 2000, 20},          {"jump-polling", wait_by_poll, 2000, 20},
    {"jump-waiting", wait_by_epoll, 2000, 20},      {"jump-accepting", accept_nobody, 2000, 20},
    {"jump-connecting", connect_in_vain, 2000, 20}, {"jump-resolving", resolve, 50000, 5},
};

static void jump_out_once(const struct blocking *row, int client)
{
    handle(SIGALRM, jump_out, SA_NODEFER);
    tick(row->microseconds);
    if (sigsetjmp(jump, 1) == 0) {
        row->call(client);
        printf("%s returned\n", row->path);
    }
    tick(0);
}

static void jump_out_of(int client, const char *name)
{
    const struct blocking *row = blocking;
    while (strcmp(row->path, name) != 0)
        row++;
    for (int i = 0; i < row->times; i++)
        jump_out_once(row, client);
    answer(client);
}

static void jump_out_of_sending(int client, const char *name)
{
    (void)name;
    handle(SIGALRM, jump_out, SA_NODEFER);
    tick(100000);
    if (sigsetjmp(jump, 1) == 0)
        answer_large((void *)(intptr_t)client);
    tick(0);
}

/* ---- many connections, left in the middle of an answer ---- */

static struct sockaddr_in own_address(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &length);
    return address;
}

/* A connection from this process to itself that takes little, with a request on it. */
static int ask_oneself(int *client)
{
    struct sockaddr_in address = own_address();
    char request[] = "GET /often HTTP/1.1\r\nHost: life\r\n\r\n", head[sizeof request];
    int least = 1;
    *client = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(*client, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
    if (connect(*client, (struct sockaddr *)&address, sizeof address) != 0)
        perror("connect");
    send_text(*client, request);
    int served = accept(listener, NULL, NULL);
    setsockopt(served, SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    if (recv(served, head, sizeof head, 0) != (ssize_t)sizeof request - 1)
        perror("recv");
    return served;
}

/* Does the thread wait in the kernel? Its state stands behind its name. */
static int sleeps(pid_t thread)
{
    char path[64], text[100] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[length] = '\0';
    const char *state = strrchr(text, ')');
    return state && state[2] == 'S';
}

/* An answer that is too much for its connection, which nobody reads. */
struct sender {
    pthread_t thread;
    int served, unread;
    _Atomic int id; /* the kernel's, once it is about to send; 0: not yet */
};

static void *send_too_much(void *sender)
{
    struct sender *self = sender;
    self->id = (int)syscall(SYS_gettid);
    return answer_large((void *)(intptr_t)self->served);
}

/* Until it is inside the call, not on its way there. */
static void await_sender(const struct sender *sender)
{
    while (!sender->id || !sleeps(sender->id))
        usleep(50);
}

static void close_both(const struct sender *sender)
{
    close(sender->served);
    close(sender->unread);
}

/* Many at a time: beside busy programs each wait for another thread is a wait for their time
 * slices. */
static void cancel_often(int client, const char *name)
{
    struct sender senders[AT_ONCE];
    (void)name;
    for (int i = 0; i < OFTEN / AT_ONCE; i++) {
        for (int j = 0; j < AT_ONCE; j++) {
            struct sender *sender = &senders[j];
            sender->id = 0;
            sender->served = ask_oneself(&sender->unread);
            if (pthread_create(&sender->thread, NULL, send_too_much, sender) != 0)
                perror("pthread_create");
        }
        for (int j = 0; j < AT_ONCE; j++) {
            await_sender(&senders[j]);
            pthread_cancel(senders[j].thread);
        }
        for (int j = 0; j < AT_ONCE; j++) {
            pthread_join(senders[j].thread, NULL);
            close_both(&senders[j]);
        }
    }
    answer(client);
}

static void *wake_sender(void *waiting)
{
    struct sender *sender = waiting;
    for (int i = 0; i < OFTEN; i++) {
        await_sender(sender);
        sender->id = 0;
        pthread_kill(sender->thread, SIGUSR1);
    }
    return NULL;
}

static void jump_often(int client, const char *name)
{
    static struct sender self; /* not on the stack: it changes between sigsetjmp and the jump */
    pthread_t waker;
    (void)name;
    self.thread = pthread_self();
    handle(SIGUSR1, jump_out, SA_NODEFER);
    if (pthread_create(&waker, NULL, wake_sender, &self) != 0)
        perror("pthread_create");
    for (volatile int i = 0; i < OFTEN; i++) {
        self.served = ask_oneself(&self.unread);
        if (sigsetjmp(jump, 1) == 0)
            send_too_much(&self);
        close_both(&self);
    }
    pthread_join(waker, NULL);
    answer(client);
}

const struct row jump_rows[] = {
    {"jump-receiving", jump_out_of},       {"jump-polling", jump_out_of},
    {"jump-waiting", jump_out_of},         {"jump-accepting", jump_out_of},
    {"jump-connecting", jump_out_of},      {"jump-resolving", jump_out_of},
    {"jump-sending", jump_out_of_sending}, {"jump-often", jump_often},
    {"cancel-often", cancel_often},        {0},
};
