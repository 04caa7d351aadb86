// SPDX-License-Identifier: Apache-2.0
/* https.h - posts over TLS, by libcurl.
 *
 * libcurl is opened when the program first listens or, where it does not, with its first span, and
 * the certificates' files are read then: a server may change its root directory later. Names are
 * looked up by us, because libcurl would start a thread for each. TLS 1.2 at least, the certificate
 * and its name are always verified, redirects are not followed, and nothing but https is spoken.
 *
 * A connection is kept between posts, for a minute at most, and not beyond one that was not
 * accepted (renewal.h). libcurl closes it once there is another.
 *
 * libcurl is entered by way of door.h, never to wait in it: a post is a loop of short visits and
 * waits on the socket. What it holds open is never cleaned up in order, because that writes to the
 * socket: after a fork that is the parent's connection, and after a closefrom() the application's
 * file. Handles are given up instead, which costs memory in those cases only. */
#ifndef EXPORTER_HTTPS_H
#define EXPORTER_HTTPS_H

#include "config/config.h"
#include "exporter/base/arena.h"
#include "exporter/transport/curl_library.h"
#include "exporter/transport/endpoint.h"
#include "exporter/transport/https_exchange.h"
#include "exporter/transport/https_place.h"
#include "exporter/transport/https_socket.h"
#include "exporter/transport/renewal.h"
#include "exporter/transport/transport.h"

#define HTTPS_FIELDS       36
#define HTTPS_FIELDS_BYTES 6144
#define HTTPS_PLACES       2 /* the collector and a proxy */

struct https {
    struct transport transport;
    const struct config *config;
    const struct endpoint *endpoint;

    /* Found before the thread starts, kept in forked children. */
    struct curl_library curl;
    struct arena authorities;
    struct arena certificate;
    struct arena key;
    const char *authorities_path; /* where libcurl has to read them itself */
    int place_count;
    struct https_place places[HTTPS_PLACES];
    char problem[200];  /* why there can be no post; "": none */
    const char *advice; /* with `problem` */

    /* The thread's. */
    void *multi;
    void *easy;
    bool dropped; /* the handles' sockets are gone */
    struct https_sockets sockets;
    struct renewal renewal;
    struct curl_list fields[HTTPS_FIELDS];
    struct curl_list resolve[HTTPS_PLACES][2];
    int field_count;
    size_t fields_used;
    char fields_text[HTTPS_FIELDS_BYTES];
    struct https_exchange exchange;
    char said[256]; /* CURL_ERROR_SIZE */
};

/* Fills in what is the thread's; opens nothing, and forgets nothing that was opened before. */
void https_init(struct https *https, const struct config *config, const struct endpoint *endpoint);

/* Opens libcurl, reads the files. On the application's thread, before there is one of ours. */
void https_open(struct https *https, const struct loader *loader);

#endif
