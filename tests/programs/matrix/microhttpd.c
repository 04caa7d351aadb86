// SPDX-License-Identifier: Apache-2.0
/* microhttpd.c - the server matrix's application (tests/integration/matrix/program.py) on
 * libmicrohttpd, with epoll and a pool of threads.
 *
 *     microhttpd PORT FILE ACCEPT
 *
 * FILE is what /file serves, ACCEPT the Sec-WebSocket-Accept of the one key that the test sends. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CONTENT_BYTES 5000000
#define PIECE_BYTES   16384
#define THREADS       4

static unsigned char content[CONTENT_BYTES]; /* byte i is i modulo 251 */
static const char *file;
static const char *websocket_accept;

/* What came of a request's body so far. */
struct upload {
    size_t bytes;
    uLong crc;
};

static struct MHD_Response *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static struct MHD_Response *text(const char *format, ...)
{
    char line[64];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    return MHD_create_response_from_buffer((size_t)length, line, MHD_RESPMEM_MUST_COPY);
}

static struct MHD_Response *status_line(unsigned status)
{
    if (status == MHD_HTTP_NO_CONTENT || status == MHD_HTTP_NOT_MODIFIED)
        return MHD_create_response_from_buffer(0, content, MHD_RESPMEM_PERSISTENT);
    return text("status %u\n", status);
}

static struct MHD_Response *whole_file(void)
{
    struct stat about;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0)
        return NULL;
    return MHD_create_response_from_fd((size_t)about.st_size, fd);
}

/* A piece of content for MHD, which makes a chunk of it; `closure` is the size of all. */
static ssize_t next_piece(void *closure, uint64_t at, char *into, size_t most)
{
    size_t size = (size_t)(uintptr_t)closure;
    size_t left = size - (size_t)at;
    if (left == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    size_t piece = left < most ? left : most;
    if (piece > size / 3 + 1)
        piece = size / 3 + 1;
    memcpy(into, content + at, piece);
    return (ssize_t)piece;
}

static void *echo(void *closure)
{
    struct MHD_UpgradeResponseHandle *handle = ((void **)closure)[0];
    int fd = (int)(intptr_t)((void **)closure)[1];
    char bytes[4096];
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0)
        for (ssize_t at = 0, sent;
             at < got && (sent = send(fd, bytes + at, (size_t)(got - at), MSG_NOSIGNAL)) > 0;)
            at += sent;
    MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
    free(closure);
    return NULL;
}

static void upgraded(void *closure, struct MHD_Connection *connection, void *state,
                     const char *extra, size_t extra_bytes, MHD_socket fd,
                     struct MHD_UpgradeResponseHandle *handle)
{
    (void)closure, (void)connection, (void)state, (void)extra, (void)extra_bytes;
    void **both = malloc(2 * sizeof *both);
    pthread_t thread;
    if (!both)
        abort();
    both[0] = handle;
    both[1] = (void *)(intptr_t)fd;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    if (pthread_create(&thread, NULL, echo, both) != 0)
        abort();
    pthread_detach(thread);
}

static struct MHD_Response *upgrade(void)
{
    struct MHD_Response *response = MHD_create_response_for_upgrade(upgraded, NULL);
    if (response) {
        MHD_add_response_header(response, "Upgrade", "websocket");
        MHD_add_response_header(response, "Sec-WebSocket-Accept", websocket_accept);
    }
    return response;
}

/* The number behind a prefix of the path; false where the path does not begin with it. */
static bool number_after(const char *prefix, const char *path, size_t *number)
{
    size_t length = strlen(prefix);
    if (strncmp(path, prefix, length) != 0)
        return false;
    *number = strtoul(path + length, NULL, 10);
    return *number <= CONTENT_BYTES;
}

static struct MHD_Response *response_for(const char *path, const struct upload *upload,
                                         unsigned *status)
{
    size_t number;
    *status = MHD_HTTP_OK;
    if (strcmp(path, "/echo") == 0)
        return text("%zu %08lx\n", upload->bytes, upload->crc);
    if (strcmp(path, "/file") == 0)
        return whole_file();
    if (strcmp(path, "/upgrade") == 0) {
        *status = MHD_HTTP_SWITCHING_PROTOCOLS;
        return upgrade();
    }
    if (number_after("/status/", path, &number)) {
        *status = (unsigned)number;
        return status_line(*status);
    }
    if (number_after("/bytes/", path, &number))
        return MHD_create_response_from_buffer(number, content, MHD_RESPMEM_PERSISTENT);
    if (number_after("/chunked/", path, &number))
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES, next_piece,
                                                 (void *)(uintptr_t)number, NULL);
    *status = MHD_HTTP_NOT_FOUND;
    return text("none\n");
}

static enum MHD_Result handle(void *closure, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *bytes,
                              size_t *count, void **state)
{
    (void)closure, (void)method, (void)version;
    struct upload *upload = *state;
    if (!upload) {
        *state = calloc(1, sizeof *upload);
        return *state ? MHD_YES : MHD_NO;
    }
    if (*count) {
        upload->crc = crc32(upload->crc, (const Bytef *)bytes, (uInt)*count);
        upload->bytes += *count;
        *count = 0;
        return MHD_YES;
    }
    unsigned status;
    struct MHD_Response *response = response_for(path, upload, &status);
    if (!response)
        return MHD_NO;
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static void completed(void *closure, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode how)
{
    (void)closure, (void)connection, (void)how;
    free(*state);
    *state = NULL;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    file = argv[2];
    websocket_accept = argv[3];
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (unsigned char)(i % 251);

    sigset_t ends;
    int ended;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL); /* before MHD's threads, which inherit it */

    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_ERROR_LOG | MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_UPGRADE, 0, NULL, NULL,
        handle, NULL, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS, MHD_OPTION_CONNECTION_TIMEOUT, 120u,
        MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_END);
    if (!daemon)
        return 1;
    sigwait(&ends, &ended);
    MHD_stop_daemon(daemon);
    return 0;
}
