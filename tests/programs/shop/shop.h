// SPDX-License-Identifier: Apache-2.0
/* shop.h - a small web shop, as somebody might have written it without a thought of tracing.
 *
 * Products and categories live in MariaDB, pictures in S3. main.c reads the settings and runs the
 * HTTP server, routes.c answers, database.c and storage.c talk to the two back ends.
 *
 * One thing a real shop would not do: a request's `X-Request-ID` becomes the alias of the table in
 * each statement (`FROM products AS r_<id>`) and part of the S3 key, so that a test sees from a
 * statement or an object alone for whom it was made. */
#ifndef SHOP_H
#define SHOP_H

#include <stdbool.h>
#include <stddef.h>

struct shop_options {
    unsigned port; /* on 127.0.0.1; 0: any, told on stdout */
    unsigned threads;
    bool thread_per_connection; /* instead of a pool of `threads` */
    unsigned connections;       /* to the database */
    const char *db_socket;      /* wins over host and port when not empty */
    const char *db_host;
    unsigned db_port;
    const char *db_user;
    const char *db_password;
    const char *db_name;
    const char *s3_endpoint; /* http://HOST:PORT, path-style buckets */
    const char *s3_region;
    const char *s3_bucket;
    const char *s3_access_key;
    const char *s3_secret_key;
};

/* Bytes on the heap, with their length. */
struct bytes {
    char *data;
    size_t length;
};

#endif
