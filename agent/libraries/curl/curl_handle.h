// SPDX-License-Identifier: Apache-2.0
/* curl_handle.h - what is known of an easy handle, and of the transfer it is in.
 *
 * Options are remembered as they are set, as far as they say which request will be made; libcurl
 * has no way to ask for them. A handle that was not seen from its beginning is left alone, because
 * its header list, which we would replace, is not known. */
#ifndef AGENT_CURL_HANDLE_H
#define AGENT_CURL_HANDLE_H

#include <stdatomic.h>

#include "agent/base/handle.h"
#include "agent/libraries/curl/curl_functions.h"
#include "agent/libraries/curl/curl_multi.h"
#include "agent/libraries/s3/s3.h"
#include "agent/text/telemetry.h"
#include "agent/work/client_span.h"
#include "agent/work/propagate.h"

#define CURL_URL_BYTES    2048
#define CURL_METHOD_BYTES 32
#define CURL_NODES        96 /* header lines of an application that go along with ours */
#define CURL_TEXT_BYTES   1536
/* `name: value` and a NUL for each field of propagators: what is carried along is no longer than
 * this together, what is made here is short. */
#define CURL_LINE_BYTES  72
#define CURL_LINES_BYTES (CURL_LINE_BYTES * CARRIER_FIELDS + CARRIED_BAGGAGE_BYTES)

enum curl_method { CURL_METHOD_GET, CURL_METHOD_HEAD, CURL_METHOD_POST, CURL_METHOD_PUT };

/* One transfer, from its beginning to its end. */
struct curl_transfer {
    uint64_t link; /* the slab's, while free */
    uint32_t index;
    bool is_s3;
    bool is_multi;    /* begun by curl_multi_add_handle() */
    bool is_injected; /* the handle has `nodes` as its header list */
    uint16_t lines_bytes;
    struct client_span span;
    struct s3_call s3; /* its slices point into `text` */
    char method[CURL_METHOD_BYTES];
    char url[CURL_URL_BYTES];
    char text[CURL_TEXT_BYTES];
    struct curl_list nodes[CURL_NODES + CARRIER_FIELDS];
    char lines[CURL_LINES_BYTES];
    _Alignas(8) char room[PROPAGATE_BYTES]; /* while it begins: the stack may be small */
};

struct curl_handle {
    _Alignas(64) struct handle handle;
    const struct curl_functions *library;
    _Atomic uintptr_t frame; /* the struct curl_call of curl_easy_perform(); 0: none. Relaxed */
    struct curl_transfer *transfer; /* NULL: none */
    struct curl_membership in;      /* the multi */
    struct curl_list *headers;      /* the application's */
    uint8_t method;                 /* enum curl_method */
    bool is_unified;                /* headers go to CONNECT proxies, too */
    bool connects_only;
    char custom[CURL_METHOD_BYTES]; /* CURLOPT_CUSTOMREQUEST; empty: none */
    char sigv4[96];                 /* CURLOPT_AWS_SIGV4 */
    char url[CURL_URL_BYTES];       /* empty: not known */
};

struct curl_handle *curl_handle_made(const struct curl_functions *library, void *curl);
struct curl_handle *curl_handle_known(void *curl);
void curl_handle_drop(void *curl);
void curl_handle_each(void (*visit)(const void *handle));
/* All options are the default ones again. */
void curl_handle_reset(struct curl_handle *handle);
void curl_handle_copy(struct curl_handle *handle, const struct curl_handle *from);
void curl_handle_option(struct curl_handle *handle, int option, uintptr_t value);

/* Does it make HTTP requests, as far as the URL tells? */
bool curl_handle_speaks_http(const struct curl_handle *handle);
struct slice curl_handle_method(const struct curl_handle *handle);
/* Will it post telemetry, as far as what was set tells? */
enum telemetry curl_handle_telemetry(const struct curl_handle *handle);

/* Takes a transfer and notes in it what the handle will do; NULL where no memory is left. */
struct curl_transfer *curl_transfer_take(const struct curl_handle *handle);
void curl_transfer_give(struct curl_transfer *transfer);

/* The process ends: counts the transfers that have not been seen to end. */
void curl_transfer_count_open(void);

/* Gives the handle a list with the header lines for the transfer's span. Nothing is changed where
 * there are none, where the application itself says where the request comes from, or (counted)
 * where its list is too long. */
void curl_transfer_inject(struct curl_transfer *transfer, struct curl_handle *handle);
/* Gives the handle the application's list back. */
void curl_transfer_restore(struct curl_transfer *transfer, struct curl_handle *handle);

#endif
