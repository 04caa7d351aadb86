// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http1/spare_head.h"

#include "agent/base/slab.h"

#define HEADS 64

struct spare {
    uint64_t link; /* the slab's */
    uint32_t index;
    _Alignas(64) char head[EXCHANGE_HEAD_BYTES];
};

static struct slab spares = SLAB_INIT(sizeof(struct spare), HEADS, HEADS);

void *spare_head_take(void)
{
    uint32_t index;
    struct spare *spare = slab_take(&spares, &index);
    if (!spare)
        return NULL;
    spare->index = index;
    return spare->head;
}

void spare_head_give(void *head)
{
    if (!head)
        return;
    const char *spare = (const char *)head - offsetof(struct spare, head);
    slab_give(&spares, ((const struct spare *)(const void *)spare)->index);
}
