// SPDX-License-Identifier: Apache-2.0
/* Requests as they come over a connection, and their answers: just enough HTTP/1.1 for the load of
 * tests/parents. Who reads when, and who answers, is what the programs differ in. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { CONNECTION_BYTES = 8192 };

struct request {
    unsigned long id; /* of /work/ID; 0 for /ready */
    bool keep;        /* the connection stays open after the answer */
    size_t head_bytes;
    size_t body_bytes;
};

/* A client connection and what was read of it but not yet answered. */
struct connection {
    int fd;
    struct request request;  /* the first of the buffer, as far as connection_progress() said */
    struct connection *next; /* in a queue */
    void *state;             /* the program's own */
    size_t used;
    char bytes[CONNECTION_BYTES + 1];
};

enum progress {
    REQUEST_MORE, /* its head is not whole */
    REQUEST_HEAD, /* its head is, its body is not */
    REQUEST_WHOLE,
    REQUEST_OVER, /* the connection ended, or what came is no request */
};

/* A socket that listens on 127.0.0.1 and the port in PORT; ends the program if there is none. */
int listen_on_port(void);
void set_nonblocking(int fd);

/* NULL if there is none. SOCK_NONBLOCK in `flags` makes its reads return at once. */
struct connection *connection_accept(int listener, int flags);
void connection_close(struct connection *connection);

/* One read of what is there: the bytes, 0 at the end, -1 with errno. */
long connection_read(struct connection *connection);

/* How far the first request in the buffer has come; reads nothing. */
enum progress connection_progress(struct connection *connection);

/* Reads, waiting, until a request is whole, or has its head where `only_head`. */
bool connection_receive(struct connection *connection, bool only_head);

/* The same without waiting: reads until nothing more is there or a request is whole. */
enum progress connection_collect(struct connection *connection);

/* Answers the first request with its id, 500 unless `worked`, and takes it out of the buffer. Waits
 * where it has to. False if the connection does not stay open. */
bool connection_answer(struct connection *connection, bool worked);
