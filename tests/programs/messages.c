// SPDX-License-Identifier: Apache-2.0
/* messages.c - a program whose descriptors 0 to 2 are anything: it does what its arguments say, one
 * after the other, and leaves each descriptor where the kernel puts it.
 *
 *     close:N  unseen:N     closes it; by a system call that no library sees
 *     range:N  from:N       by close_range(), by closefrom()
 *     fclose                closes the stream stderr
 *     file:PATH:FLAGS       opens it (w, rw or a) without a word of what it is
 *     tcp:PORT  udp:PORT  unix:PATH  pipe     likewise, connected; the writing end last
 *     listen:PATH           listens on 127.0.0.1; the port is in the file
 *     serve:N               answers so many requests, a connection each; the last listener's
 *     dup2:FROM:TO          dup:N
 *     freopen:PATH          standard error, by libc
 *     put:N:TEXT            writes a line there
 *     fill:N:SIZE:COUNT     so many writes of so many bytes, each taken whole
 *     vfork                 a child that shares our memory closes 2 and puts descriptor 0 there
 *     drain:N:PATH          what lies in the pipe N, into the file
 *     pending:N             ends with 1 where that signal does not wait to be delivered
 *     run  vrun             what follows is done by a child of fork() or vfork(), by execv(); its
 *                           status is ours
 *     system  popen         likewise, by a shell; no word may hold a quote */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PARTS 4

static int listener = -1;

static void require(bool good, int status)
{
    if (!good)
        _exit(status); /* descriptor 2 may be anything */
}

static int connected(int type, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)atoi(port)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, type, 0);
    require(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, 90);
    return fd;
}

static void connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    require(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, 91);
}

static void open_file(const char *path, const char *how)
{
    int flags = *how == 'r' ? O_RDWR : *how == 'a' ? O_WRONLY | O_APPEND : O_WRONLY;
    require(open(path, flags | O_CREAT, 0600) >= 0, 92);
}

static void begin_to_listen(const char *path)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    char text[16], made[4096];
    listener = socket(AF_INET, SOCK_STREAM, 0);
    require(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 &&
                listen(listener, 8) == 0 &&
                getsockname(listener, (struct sockaddr *)&address, &length) == 0,
            93);
    int bytes = snprintf(text, sizeof text, "%d", ntohs(address.sin_port));
    snprintf(made, sizeof made, "%s.new", path);
    int fd = open(made, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    require(write(fd, text, (size_t)bytes) == bytes && close(fd) == 0 && rename(made, path) == 0,
            94);
}

static void serve(int count)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
    char request[4096];
    while (count-- > 0) {
        int fd = accept(listener, NULL, NULL);
        size_t size = 0;
        ssize_t got;
        while (!memmem(request, size, "\r\n\r\n", 4) &&
               (got = read(fd, request + size, sizeof request - size)) > 0)
            size += (size_t)got;
        require(write(fd, answer, sizeof answer - 1) == sizeof answer - 1, 95);
        close(fd);
    }
}

static void put(int fd, const char *text)
{
    char line[256];
    int bytes = snprintf(line, sizeof line, "%s\n", text);
    require(write(fd, line, (size_t)bytes) == bytes, 96);
}

static void fill(int fd, size_t size, int count)
{
    char *bytes = malloc(size);
    memset(bytes, 'x', size);
    while (count-- > 0)
        require(write(fd, bytes, size) == (ssize_t)size, 107);
    free(bytes);
}

static void drain(int from, const char *path)
{
    char bytes[65536];
    int size = 0, fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    require(ioctl(from, FIONREAD, &size) == 0 && size <= (int)sizeof bytes, 103);
    require(read(from, bytes, sizeof bytes) == size && write(fd, bytes, (size_t)size) == size, 104);
    close(fd);
}

static void change_in_child(void)
{
    pid_t child = vfork();
    if (child == 0) {
        close(2);
        dup2(0, 2);
        _exit(0);
    }
    require(waitpid(child, NULL, 0) == child, 105);
}

static bool waits(int number)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, number) == 1;
}

static int run(char *program, char *step[], bool shared)
{
    int status;
    step[-1] = program;
    pid_t child = shared ? vfork() : fork();
    if (child == 0) {
        execv(program, step - 1);
        _exit(97);
    }
    require(waitpid(child, &status, 0) == child, 98);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_by_shell(char *program, char *step[], bool pipes)
{
    char command[4096];
    int length = snprintf(command, sizeof command, "exec '%s'", program);
    for (; *step; step++)
        length += snprintf(command + length, sizeof command - (size_t)length, " '%s'", *step);
    require((size_t)length < sizeof command, 106);
    FILE *stream = pipes ? popen(command, "r") : NULL;
    int status = pipes ? pclose(stream) : system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void work(char *parts[PARTS])
{
    int pipes[2], number = parts[1] ? atoi(parts[1]) : -1;
    const char *word = parts[0];
    if (strcmp(word, "close") == 0)
        close(number);
    else if (strcmp(word, "unseen") == 0)
        syscall(SYS_close_range, number, number, 0);
    else if (strcmp(word, "range") == 0)
        close_range((unsigned)number, (unsigned)number, 0);
    else if (strcmp(word, "from") == 0)
        closefrom(number);
    else if (strcmp(word, "fclose") == 0)
        fclose(stderr);
    else if (strcmp(word, "file") == 0)
        open_file(parts[1], parts[2]);
    else if (strcmp(word, "tcp") == 0)
        connected(SOCK_STREAM, parts[1]);
    else if (strcmp(word, "udp") == 0)
        connected(SOCK_DGRAM, parts[1]);
    else if (strcmp(word, "unix") == 0)
        connect_unix(parts[1]);
    else if (strcmp(word, "pipe") == 0)
        require(pipe(pipes) == 0, 99);
    else if (strcmp(word, "listen") == 0)
        begin_to_listen(parts[1]);
    else if (strcmp(word, "serve") == 0)
        serve(number);
    else if (strcmp(word, "dup2") == 0)
        require(dup2(number, atoi(parts[2])) >= 0, 100);
    else if (strcmp(word, "dup") == 0)
        require(dup(number) >= 0, 101);
    else if (strcmp(word, "freopen") == 0)
        require(freopen(parts[1], "a", stderr) && fileno(stderr) == 2, 106);
    else if (strcmp(word, "put") == 0)
        put(number, parts[2]);
    else if (strcmp(word, "fill") == 0)
        fill(number, (size_t)atol(parts[2]), atoi(parts[3]));
    else if (strcmp(word, "vfork") == 0)
        change_in_child();
    else if (strcmp(word, "pending") == 0)
        require(waits(number), 1);
    else if (strcmp(word, "drain") == 0)
        drain(number, parts[2]);
    else
        _exit(102);
}

int main(int count, char *arguments[])
{
    for (int i = 1; i < count; i++) {
        char *parts[PARTS] = {NULL};
        if (strcmp(arguments[i], "run") == 0 || strcmp(arguments[i], "vrun") == 0)
            return run(arguments[0], arguments + i + 1, *arguments[i] == 'v');
        if (strcmp(arguments[i], "system") == 0 || strcmp(arguments[i], "popen") == 0)
            return run_by_shell(arguments[0], arguments + i + 1, *arguments[i] == 'p');
        for (int n = 0; n < PARTS; n++)
            parts[n] = strsep(&arguments[i], ":");
        work(parts);
    }
    return 0;
}
