// SPDX-License-Identifier: Apache-2.0
/* life.c - a small HTTP server that does to itself what processes do in their lives; with
 * life_jumps.c, life_libraries.c and life_signals.c.
 *
 *     life [CHILD]
 *
 * Prints its port and serves a request a connection. A path of the table names what happens while
 * that request is in flight (`/fork`: a child is made, which answers it); any other is just
 * answered. An answer says who gave it. With a kind of child as the argument, that child serves
 * from the beginning. Nobody lives longer than LIFE_SECONDS. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "life.h"

extern char **environ;

int listener;
static const char *self;
static const char *who = "parent";

void send_text(int client, const char *text)
{
    if (send(client, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
        perror("send");
}

void answer(int client)
{
    char text[200];
    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(who),
             who);
    send_text(client, text);
}

/* ---- children ---- */

static pid_t make_raw(void)
{
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static pid_t make_with_terminal(void)
{
    int terminal;
    return forkpty(&terminal, NULL, NULL, NULL);
}

static pid_t make_daemon(void) /* its parent ends here */
{
    return daemon(1, 1) == 0 ? 0 : -1;
}

static const struct kind {
    const char *name;
    pid_t (*make)(void);
} kinds[] = {
    {"fork", fork},          {"_Fork", _Fork}, {"clone", make_raw}, {"forkpty", make_with_terminal},
    {"daemon", make_daemon},
};

static pid_t make_child(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0) {
            pid_t child = kinds[i].make();
            if (child == 0)
                who = "child";
            if (child == 0)
                alarm(LIFE_SECONDS);
            return child;
        }
    return -1;
}

static void await_child(pid_t child)
{
    int status = -1;
    if (waitpid(child, &status, 0) != child || status != 0)
        printf("child ended with %#x\n", (unsigned)status);
}

/* A child answers and ends. The child of daemon() is the one who serves on. */
static void in_child(int client, const char *name)
{
    pid_t child = make_child(name);
    if (child > 0) {
        await_child(child);
        return;
    }
    answer(client);
    if (strcmp(name, "daemon") != 0)
        exit(0);
}

/* A child inherits the request, and so may anybody until its end; the parent answers. */
static void beside_child(int client, const char *name)
{
    pid_t child = make_child(strchr(name, '-') + 1);
    if (child == 0) {
        close(client);
        exit(0);
    }
    await_child(child);
    answer(client);
}

/* The child waits, unseen, until the parent has dealt with other requests: /now. */
static int gate[2];
static pid_t late;

static void later(int client, const char *name)
{
    char byte;
    if (pipe(gate) != 0)
        perror("pipe");
    late = make_child(strchr(name, '-') + 1);
    if (late == 0) {
        syscall(SYS_close, gate[1]);
        if (syscall(SYS_read, gate[0], &byte, 1) != 0)
            perror("gate");
        answer(client);
        exit(0);
    }
    close(gate[0]);
}

static void now(int client, const char *name)
{
    (void)name;
    close(gate[1]);
    await_child(late);
    answer(client);
}

/* ---- other programs ---- */

static char client_text[12], listener_text[12];

static char **image_arguments(int client, bool listens)
{
    static char *arguments[5];
    snprintf(client_text, sizeof client_text, "%d", client);
    snprintf(listener_text, sizeof listener_text, "%d", listener);
    arguments[0] = (char *)self;
    arguments[1] = "image";
    arguments[2] = client_text;
    arguments[3] = listens ? listener_text : NULL;
    return arguments;
}

/* The connection goes along, unless told otherwise; so does the agent. */
static void become_other(int client, const char *name)
{
    if (strcmp(name, "exec-closes") == 0)
        fcntl(client, F_SETFD, FD_CLOEXEC);
    if (strcmp(name, "exec-untraced") == 0)
        unsetenv("LD_PRELOAD");
    execv(self, image_arguments(client, true));
    perror("execv");
}

static void fail_to_become_other(int client, const char *name)
{
    (void)name;
    execv("/nowhere", image_arguments(client, true));
    answer(client);
}

static void vfork_and_exec(int client, const char *name)
{
    (void)name;
    char **arguments = image_arguments(client, false);
    pid_t child = vfork();
    if (child == 0) {
        close(listener);
        execv(self, arguments);
        _exit(1);
    }
    await_child(child);
}

static void vfork_and_exit(int client, const char *name)
{
    (void)name;
    pid_t child = vfork();
    if (child == 0) {
        close(client);
        close(listener);
        _exit(0);
    }
    await_child(child);
    answer(client);
}

static void spawn(int client, const char *name)
{
    (void)name;
    pid_t child = -1;
    errno = posix_spawn(&child, self, NULL, NULL, image_arguments(client, false), environ);
    if (errno)
        perror("posix_spawn");
    await_child(child);
}

/* ---- threads ---- */

static void *send_head(void *client)
{
    send_text((int)(intptr_t)client, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
    pthread_exit(NULL);
}

static void *send_body(void *client)
{
    send_text((int)(intptr_t)client, "thread");
    return NULL;
}

void *answer_large(void *client)
{
    static char piece[65536];
    char head[100];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", LARGE_BYTES);
    send_text((int)(intptr_t)client, head);
    for (unsigned sent = 0; sent < LARGE_BYTES; sent += sizeof piece)
        if (send((int)(intptr_t)client, piece, sizeof piece, MSG_NOSIGNAL) < 0)
            break;
    return NULL;
}

static pthread_t start_thread(void *(*run)(void *), int client, size_t stack)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (stack)
        pthread_attr_setstacksize(&attributes, stack);
    errno = pthread_create(&thread, &attributes, run, (void *)(intptr_t)client);
    if (errno)
        perror("pthread_create");
    return thread;
}

static void end_in_the_middle(int client, const char *name)
{
    (void)name;
    pthread_join(start_thread(send_head, client, 0), NULL);
    pthread_join(start_thread(send_body, client, 0), NULL);
}

static void on_small_stacks(int client, const char *name)
{
    (void)name;
    pthread_join(start_thread(send_head, client, (size_t)PTHREAD_STACK_MIN), NULL);
    pthread_join(start_thread(send_body, client, (size_t)PTHREAD_STACK_MIN), NULL);
}

static void cancel(int client, const char *name)
{
    (void)name;
    pthread_t thread = start_thread(answer_large, client, 0);
    usleep(100000);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
}

static void serve(void);

static void *serve_on(void *unused)
{
    (void)unused;
    who = "thread";
    serve();
    return NULL;
}

/* The last thread to end, each by itself: the end of the process. */
static void *end_last(void *unused)
{
    (void)unused;
    usleep(100000);
    printf("last\n");
    pthread_exit(NULL);
}

static void end_all_threads(int client, const char *name)
{
    (void)name;
    setvbuf(stdout, NULL, _IOFBF, 4096); /* written by exit() only */
    answer(client);
    close(client);
    start_thread(end_last, 0, 0);
    pthread_exit(NULL);
}

/* Not a process's end, but that of a thread; here it is the only one. */
static void end_by_bare_call(int client, const char *name)
{
    (void)name;
    answer(client);
    close(client);
    syscall(SYS_exit, 9);
}

static void end_first_thread(int client, const char *name)
{
    (void)name;
    answer(client);
    close(client);
    start_thread(serve_on, 0, 0);
    pthread_exit(NULL);
}

/* ---- descriptors ---- */

#define BEYOND 1200 /* no descriptor is higher */

/* All above the server's own are taken away, by `name`, and then given to a file that holds a line
 * of the program's. */
static void take_descriptors(int client, const char *name)
{
    int file = open("own-file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    int first = (client > file ? client : file) + 1;
    if (file < 0)
        perror("own-file");
    if (strcmp(name, "closefrom") == 0)
        closefrom(first);
    if (strcmp(name, "close_range") == 0)
        close_range((unsigned)first, ~0u, 0);
    for (int fd = first; fd < BEYOND && strcmp(name, "close") == 0; fd++)
        close(fd);
    for (int fd = first; fd < BEYOND; fd++)
        if (dup2(file, fd) != fd)
            perror("dup2");
    if (write(file, "own\n", 4) != 4)
        perror("write");
    answer(client);
}

/* From now on there is no file but those that are open. */
static void leave_files(int client, const char *name)
{
    if (mkdir("empty", 0700) != 0 && errno != EEXIST)
        perror("mkdir");
    if (chroot("empty") != 0 || chdir("/") != 0)
        perror(name);
    answer(client);
}

/* ---- ends ---- */

static void end(int client, const char *name)
{
    answer(client);
    if (strcmp(name, "end") == 0)
        exit(0);
}

static void exit_5(int signal)
{
    (void)signal;
    exit(5);
}

static void exit_in_handler(int client, const char *name)
{
    (void)client;
    (void)name;
    handle(SIGUSR1, exit_5, 0);
    raise(SIGUSR1);
}

static void end_at_once(int client, const char *name)
{
    (void)client;
    if (strcmp(name, "exit") == 0)
        exit(5);
    if (strcmp(name, "quick_exit") == 0)
        quick_exit(6);
    if (strcmp(name, "_exit") == 0)
        _exit(7);
    if (strcmp(name, "abort") == 0)
        abort();
    raise(strcmp(name, "SIGTERM") == 0 ? SIGTERM : SIGKILL);
}

/* From now on only read(), write() and the system call exit are allowed. */
static void confine_strictly(int client, const char *name)
{
    (void)name;
    char bytes[1000];
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstrict";
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0);
    if (write(client, ok, sizeof ok - 1) == sizeof ok - 1)
        while (read(client, bytes, sizeof bytes) > 0)
            if (write(client, ok, sizeof ok - 1) != sizeof ok - 1)
                break;
    syscall(SYS_exit, 9);
}

/* ---- the server ---- */

static const struct row rows[] = {
    {"fork", in_child},
    {"_Fork", in_child},
    {"clone", in_child},
    {"forkpty", in_child},
    {"daemon", in_child},
    {"beside-fork", beside_child},
    {"beside-_Fork", beside_child},
    {"beside-clone", beside_child},
    {"beside-forkpty", beside_child},
    {"later-fork", later},
    {"later-_Fork", later},
    {"later-clone", later},
    {"now", now},
    {"exec", become_other},
    {"exec-closes", become_other},
    {"exec-untraced", become_other},
    {"exec-fails", fail_to_become_other},
    {"vfork-exec", vfork_and_exec},
    {"vfork-exit", vfork_and_exit},
    {"posix_spawn", spawn},
    {"thread-ends", end_in_the_middle},
    {"small-stack", on_small_stacks},
    {"cancel", cancel},
    {"first-thread-ends", end_first_thread},
    {"all-threads-end", end_all_threads},
    {"bare-exit", end_by_bare_call},
    {"closefrom", take_descriptors},
    {"close_range", take_descriptors},
    {"close", take_descriptors},
    {"dup2", take_descriptors},
    {"chroot", leave_files},
    {"strict", confine_strictly},
    {"exit-in-handler", exit_in_handler},
    {"exit", end_at_once},
    {"quick_exit", end_at_once},
    {"_exit", end_at_once},
    {"abort", end_at_once},
    {"SIGTERM", end_at_once},
    {"SIGKILL", end_at_once},
    {"end", end},
    {0},
};

static const struct row *const tables[] = {rows, jump_rows, library_rows, signal_rows};

static void deal_with(int client)
{
    char head[1024] = "", path[100] = "";
    ssize_t length = 0, got = 1;
    while (got > 0 && !strstr(head, "\r\n\r\n")) {
        got = recv(client, head + length, sizeof head - 1 - (size_t)length, 0);
        length += got > 0 ? got : 0;
        head[length] = '\0';
    }
    sscanf(head, "GET /%99s", path);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct row *row = tables[i]; row->path; row++)
            if (strcmp(row->path, path) == 0) {
                row->handler(client, path);
                return;
            }
    answer(client);
}

static void serve(void)
{
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            continue;
        deal_with(client);
        close(client);
    }
}

static void serve_in(const char *name)
{
    int status = 1;
    pid_t child = make_child(name);
    if (child == 0)
        return;
    waitpid(child, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int main(int count, char **arguments)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;

    self = arguments[0];
    setvbuf(stdout, NULL, _IONBF, 0);
    alarm(LIFE_SECONDS);
    if (count > 2 && strcmp(arguments[1], "image") == 0) {
        who = "image";
        answer(atoi(arguments[2]));
        if (count == 3)
            return 0;
        close(atoi(arguments[2]));
        listener = atoi(arguments[3]);
        serve();
    }
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        perror("life");
        return 1;
    }
    printf("%d\n", ntohs(address.sin_port));
    if (count > 1)
        serve_in(arguments[1]);
    serve();
}
