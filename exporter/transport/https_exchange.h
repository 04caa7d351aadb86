// SPDX-License-Identifier: Apache-2.0
/* https_exchange.h - a post and its answer, as libcurl asks for the one and hands in the other. */
#ifndef EXPORTER_HTTPS_EXCHANGE_H
#define EXPORTER_HTTPS_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/base/arena.h"
#include "exporter/transport/answer.h"
#include "exporter/transport/transport.h"

struct https_exchange {
    const struct transport_post *post;
    int piece; /* of the post: the one to be read next */
    size_t piece_at;
    struct arena body; /* of the answer; what it has no room for ends the transfer */
    int status;
    bool head_whole;   /* `status` is the answer's */
    size_t head_bytes; /* of the answer's, of interim ones and of its trailer */
    bool moved;        /* some of the post was asked for since this was last looked at */
    unsigned visits;   /* to libcurl, since then */
    char retry_after[64];
    size_t retry_after_length; /* 0: absent, or longer than any that means something */
};

void https_exchange_begin(struct https_exchange *exchange, const struct transport_post *post);

/* What CURL_OPTION_READFUNCTION, CURL_OPTION_SEEKFUNCTION, CURL_OPTION_WRITEFUNCTION and
 * CURL_OPTION_HEADERFUNCTION take, with the exchange as their context. */
size_t https_exchange_read(char *into, size_t size, size_t count, void *exchange);
int https_exchange_seek(void *exchange, int64_t offset, int origin);
size_t https_exchange_write(char *bytes, size_t size, size_t count, void *exchange);
size_t https_exchange_header(char *line, size_t size, size_t count, void *exchange);

#endif
