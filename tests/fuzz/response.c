// SPDX-License-Identifier: Apache-2.0
/* Whatever stands in the body of a collector's answer, no more spans are refused than were sent,
 * and what is said about it lies in memory that is ours.
 *
 * Input: two bytes of the batch's size, the body. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/otlp/response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static bool within(const char *at, size_t length, const void *base, size_t bytes)
{
    const char *begin = base;
    return begin && at >= begin && at + length <= begin + bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena arena;
    if (size < 2)
        return 0;
    uint64_t spans = (uint64_t)data[0] | (uint64_t)data[1] << 8;
    size_t length = size - 2;
    char *exact = malloc(length ? length : 1); /* a byte read beyond it is seen */
    demand(exact != NULL);
    memcpy(exact, data + 2, length);
    struct slice body = {exact, length};

    struct response response = response_read(&arena, body, spans);
    demand(response.rejected <= spans);
    if (response.message[0])
        demand(within(response.message, strlen(response.message) + 1, arena.base, arena.used));

    struct slice message = response_failure(&arena, body);
    demand(message.length <= 100);
    if (message.length)
        demand(within(message.at, message.length, exact, length) ||
               within(message.at, message.length, arena.base, arena.used));
    free(exact);
    return 0;
}
