// SPDX-License-Identifier: Apache-2.0
/* gzip.h - a batch made smaller.
 *
 * For collectors on another host: attribute names repeat in every span, so that a batch shrinks
 * to about a tenth at the fastest level. zlib works in an arena. Source: RFC 1952. */
#ifndef EXPORTER_GZIP_H
#define EXPORTER_GZIP_H

#include "agent/base/slice.h"
#include "exporter/base/arena.h"
#include "exporter/otlp/otlp.h"

struct gzip {
    struct arena arena;
};

/* The pieces of `body` as one gzip member, valid until the next call; absent where there is no
 * memory: then the batch goes as it is. */
struct slice gzip_compress(struct gzip *gzip, const struct otlp_body *body);

#endif
