// SPDX-License-Identifier: Apache-2.0
/* threaded.c - a server whose threads share all connections, and order everything they share by
 * locks that a checker of races understands: one thread accepts, any of four reads what is there of
 * a request, and answers it or leaves the rest to another.
 *
 *     threaded
 *
 * Prints its port. `GET /end` ends it, with status 0. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS     4
#define MOST        64
#define HEAD_BYTES  8192
#define DESCRIPTORS 1024

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int
    queue[MOST]; /* connections that a thread is to look at; under the lock, as is `ending` */
static int queued;
static bool ending;

/* Of a connection; belongs to the thread that has it out of the queue. */
static struct {
    char bytes[HEAD_BYTES];
    size_t length;
} heads[DESCRIPTORS];

static void put(int fd)
{
    pthread_mutex_lock(&lock);
    if (queued == MOST)
        abort();
    queue[queued++] = fd;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

/* -1: the end. */
static int take(void)
{
    pthread_mutex_lock(&lock);
    while (!queued && !ending)
        pthread_cond_wait(&changed, &lock);
    int fd = ending ? -1 : queue[0];
    if (!ending)
        memmove(queue, queue + 1, (size_t)--queued * sizeof *queue);
    pthread_mutex_unlock(&lock);
    return fd;
}

/* Under the lock, so that whoever gets the number next comes after this. */
static void drop(int fd)
{
    pthread_mutex_lock(&lock);
    heads[fd].length = 0;
    close(fd);
    pthread_mutex_unlock(&lock);
}

static void end(void)
{
    pthread_mutex_lock(&lock);
    ending = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* The head and its answer in two pieces each, so that nothing depends on one call. */
static bool serve(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (poll(&ready, 1, 10) <= 0)
        return true;
    char *bytes = heads[fd].bytes;
    ssize_t got = recv(fd, bytes + heads[fd].length, HEAD_BYTES - 1 - heads[fd].length, 0);
    if (got <= 0)
        return false;
    heads[fd].length += (size_t)got;
    bytes[heads[fd].length] = '\0';
    if (!strstr(bytes, "\r\n\r\n"))
        return true;
    heads[fd].length = 0;
    if (send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0 ||
        send(fd, "ok", 2, MSG_NOSIGNAL) < 0)
        return false;
    if (strncmp(bytes, "GET /end ", 9) == 0)
        end();
    return true;
}

static void *work(void *unused)
{
    int fd;
    while ((fd = take()) >= 0) {
        if (serve(fd))
            put(fd);
        else
            drop(fd);
    }
    return unused;
}

static int listen_anywhere(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&name, &length) != 0)
        exit(1);
    printf("%d\n", ntohs(name.sin_port));
    fflush(stdout);
    return fd;
}

static void *accept_all(void *context)
{
    int listener = *(int *)context;
    int fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0 && fd < DESCRIPTORS)
        put(fd);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    pthread_t acceptor;
    int listener = listen_anywhere();
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return 1;
    if (pthread_create(&acceptor, NULL, accept_all, &listener) != 0)
        return 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    shutdown(listener, SHUT_RDWR);
    pthread_join(acceptor, NULL);
    return 0;
}
