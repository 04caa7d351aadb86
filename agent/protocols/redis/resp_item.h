// SPDX-License-Identifier: Apache-2.0
/* resp_item.h - what both directions of RESP are made of: numbers, lines, and bulks.
 *
 * Each is taken from bytes that may end anywhere; PARSE_MORE asks for the next ones, with the same
 * item. A bulk goes by under a countdown: of its bytes, and of a line's, only the first `keep` are
 * copied. */
#ifndef AGENT_RESP_ITEM_H
#define AGENT_RESP_ITEM_H

#include <stdint.h>

#include "agent/base/parse.h"
#include "agent/base/slice.h"

#define RESP_KEPT_BYTES 128

#define RESP_DIGITS_MOST 18 /* so that no sum of two numbers wraps */

enum resp_step { RESP_FIRST, RESP_MIDDLE, RESP_CR, RESP_LF };

struct resp_item {
    uint64_t number; /* of a number's line; then the bytes of the bulk that are still to come */
    uint64_t length; /* of the whole bulk or line, in bytes */
    uint8_t step;    /* enum resp_step */
    uint8_t digits;
    bool negative;
    bool streamed; /* `?` in place of a length: it comes in chunks */
    uint8_t keep;  /* at most RESP_KEPT_BYTES */
    uint8_t kept_length;
    char kept[RESP_KEPT_BYTES];
};

static inline void resp_item_begin(struct resp_item *item, uint8_t keep)
{
    item->number = 0;
    item->length = 0;
    item->step = RESP_FIRST;
    item->digits = 0;
    item->negative = false;
    item->streamed = false;
    item->keep = keep;
    item->kept_length = 0;
}

static inline struct slice resp_item_kept(const struct resp_item *item)
{
    return (struct slice){item->kept, item->kept_length};
}

/* `3\r\n`, `-1\r\n`, `?\r\n` */
enum parse resp_item_number(struct resp_item *item, struct slice *bytes);

/* item->number bytes and `\r\n`. The caller has set number, and keep. */
enum parse resp_item_bulk(struct resp_item *item, struct slice *bytes);

/* Anything up to `\r\n`. */
enum parse resp_item_line(struct resp_item *item, struct slice *bytes);

/* Bytes of a bulk that go by unseen; false where more went by than its data. */
bool resp_item_skip(struct resp_item *item, uint64_t bytes);

#endif
