// SPDX-License-Identifier: Apache-2.0
/* Requests as they come over a connection, and their answers: just enough HTTP/1.1 for the load of
 * tests/parents. Nothing here waits on its own; who reads when is what the programs differ in. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { CONNECTION_BYTES = 8192 };

/* A client connection and what was read of it but not yet handled. */
struct connection {
    int fd;
    size_t used;
    char bytes[CONNECTION_BYTES + 1];
};

struct request {
    unsigned long id; /* of /work/ID; 0 for /ready */
    bool keep;        /* the connection stays open after the answer */
    size_t head_bytes;
    size_t body_bytes;
};

enum progress {
    REQUEST_MORE, /* its head is not whole */
    REQUEST_HEAD, /* its head is, its body is not */
    REQUEST_WHOLE,
    REQUEST_BAD,
};

/* A socket that listens on 127.0.0.1 and the port in PORT; ends the program if there is none. */
int listen_on_port(void);

/* One read of what is there: the bytes, 0 at the end, -1 with errno. */
long connection_read(struct connection *connection);

/* How far the first request in the buffer has come; fills in what is known of it. */
enum progress connection_progress(const struct connection *connection, struct request *request);

/* Reads, waiting, until a request is whole, or has its head where `only_head`. */
bool connection_receive(struct connection *connection, struct request *request, bool only_head);

/* Takes a handled request out of the buffer. */
void connection_drop(struct connection *connection, const struct request *request);

/* 200 with the request's id, or 500. One write, which waits where it has to; false if it failed. */
bool connection_answer(const struct connection *connection, const struct request *request,
                       bool worked);
