// SPDX-License-Identifier: Apache-2.0
/* life_signals.c - storms of signals whose handlers call what the agent sees. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "life.h"

static _Atomic unsigned long handled;

/* Calls that the agent sees, on descriptors of its own. */
static void call_everything(int signal)
{
    (void)signal;
    int saved = errno, pair[2];
    char bytes[8];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) {
        if (send(pair[0], "signal", 6, 0) != 6 || recv(pair[1], bytes, 6, 0) != 6)
            abort();
        int copy = dup(pair[0]);
        if (write(copy, "signal", 6) != 6 || read(pair[1], bytes, 6) != 6)
            abort();
        close(copy);
        close(pair[0]);
        close(pair[1]);
    }
    handled++;
    errno = saved;
}

void handle(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaction(number, &action, NULL);
}

void tick(long microseconds)
{
    struct itimerval timer = {{0, microseconds}, {0, microseconds}};
    setitimer(ITIMER_REAL, &timer, NULL);
    if (microseconds)
        return;
    handle(SIGALRM, SIG_IGN, 0); /* which forgets one that is on its way */
    handle(SIGALRM, SIG_DFL, 0);
    alarm(LIFE_SECONDS);
}

static void begin_storm(int client, const char *name)
{
    (void)name;
    handle(SIGALRM, call_everything, SA_RESTART);
    tick(300);
    answer(client);
}

static void begin_storm_on_own_stack(int client, const char *name)
{
    static char memory[65536];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
    (void)name;
    sigaltstack(&stack, NULL);
    handle(SIGALRM, call_everything, SA_RESTART | SA_ONSTACK);
    tick(300);
    answer(client);
}

static void end_storm(int client, const char *name)
{
    (void)name;
    while (handled < 10)
        sched_yield();
    tick(0);
    answer(client);
}

const struct row signal_rows[] = {
    {"storm", begin_storm},
    {"storm-own-stack", begin_storm_on_own_stack},
    {"calm", end_storm},
    {0},
};
