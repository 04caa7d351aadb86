// SPDX-License-Identifier: Apache-2.0
/* head_store.h - the beginnings of heads, while the rest is on its way.
 *
 * A stranger decides how many there are, how long they are, and for how long they stay: half a head
 * on each of ten thousand connections costs him nothing. So this memory is bounded in total, at
 * HEAD_STORE_BYTES a process; it is taken as a head grows, in buffers of four sizes; and it goes
 * back to the kernel.
 *
 * Each size has a quarter of the memory for itself, so that long heads take no room from short
 * ones, which are nearly all. Where a size has no buffer left, the head that began last gets the
 * one of the head that began first, which is lost (and counted): a client that means it sends the
 * rest within moments, and half a head that stays is an attack or a mistake. To refuse the newcomer
 * instead would let those who send nothing more blind us to all others for ever.
 *
 * Who loses a buffer is not asked: its connection may be in the hands of another thread. Each head
 * has a number, which stands beside its buffer and is compared when the next bytes come. Nobody
 * takes a buffer that is held. No function allocates, locks or waits; the first head of a size maps
 * its memory. Lowest buffers are taken first, so that what is behind them falls idle and can be
 * given back; the exporter's thread does that, because a request asks the kernel for nothing. */
#ifndef AGENT_HEAD_STORE_H
#define AGENT_HEAD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest head that is kept, and so the longest that is looked at where it comes in pieces.
 * Servers' own limits lie between 8 KiB (node, nginx) and 64 KiB (tomcat's largest common setting).
 */
#define HEAD_BYTES 65536

#define HEAD_STORE_BYTES (UINT32_C(16) << 20)

/* Where a head lies. One thread at a time uses it. */
struct head_place {
    uint64_t number; /* of the head, ascending; 0: it has no place */
    uint16_t buffer;
    uint8_t size; /* which of the four */
};

static inline bool head_is_kept(const struct head_place *place)
{
    return place->number != 0;
}

/* The head's buffer, held until head_store_rest() or head_store_drop(), with room for `wanted`
 * bytes at least (1..HEAD_BYTES); *room is how many it has. A head without a place gets one; one
 * that grows out of its buffer moves, the first `used` bytes of it. NULL: a newer head has got its
 * buffer, or no memory is left for it (both counted); then it has no place any more. */
char *head_store_hold(struct head_place *place, size_t used, size_t wanted, size_t *room);

/* Others may have the buffer from now on, if they have to. */
void head_store_rest(const struct head_place *place);

/* The head needs no place any more. Nothing where it has none. */
void head_store_drop(struct head_place *place);

/* Gives the kernel back what is free, but for a quarter of a MiB of each size. One thread at a
 * time. A fork in the middle of it costs the child 64 KiB of the store. */
void head_store_trim(void);

#endif
