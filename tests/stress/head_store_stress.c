// SPDX-License-Identifier: Apache-2.0
/* Threads that keep more heads than there is room for, while another gives memory back: each finds
 * its own bytes or nothing, never another's. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/counters.h"
#include "agent/net/head_store.h"
#include "tests/stress/crowd.h"

#define HEADS 40 /* of each thread; together more than the 64 long ones that there is room for */

static _Atomic uint64_t begun;
static _Atomic uint64_t found_lost;

struct head {
    struct head_place place;
    size_t used;
    char byte;
};

static unsigned next(unsigned *seed)
{
    return *seed = *seed * 1103515245u + 12345u, *seed >> 16;
}

static void check(const char *buffer, const struct head *head)
{
    for (size_t i = 0; i < head->used; i++)
        if (buffer[i] != head->byte) {
            (void)fprintf(stderr, "byte %zu of %zu is another head's\n", i, head->used);
            abort();
        }
}

static void add(struct head *head, unsigned *seed)
{
    bool begins = !head_is_kept(&head->place);
    if (begins) {
        head->used = 0;
        head->byte = (char)next(seed);
        atomic_fetch_add(&begun, 1);
    }
    size_t most = HEAD_BYTES >> next(seed) % 8;
    size_t wanted = head->used + 1 + next(seed) % most;
    if (wanted > HEAD_BYTES)
        wanted = HEAD_BYTES;
    size_t room;
    char *buffer = head_store_hold(&head->place, head->used, wanted, &room);
    if (!buffer) {
        atomic_fetch_add(&found_lost, 1);
        return;
    }
    check(buffer, head);
    memset(buffer + head->used, head->byte, wanted - head->used);
    head->used = wanted;
    head_store_rest(&head->place);
}

static void *work(void *number)
{
    struct head *heads = calloc(HEADS, sizeof *heads);
    unsigned seed = (unsigned)(uintptr_t)number;
    while (heads && !over) {
        struct head *head = &heads[next(&seed) % HEADS];
        if (next(&seed) % 4)
            add(head, &seed);
        else
            head_store_drop(&head->place);
    }
    for (int i = 0; heads && i < HEADS; i++)
        head_store_drop(&heads[i].place);
    free(heads);
    return NULL;
}

static void *trim(void *unused)
{
    while (!over) {
        head_store_trim();
        usleep(1000);
    }
    return unused;
}

/* Nothing is left taken: all the room there is can be had again. */
static void nothing_is_left(void)
{
    static struct head_place places[64];
    uint64_t before = counters_get(&counters.heads_no_room);
    size_t room;
    for (int i = 0; i < 64; i++)
        if (!head_store_hold(&places[i], 0, HEAD_BYTES, &room))
            abort();
    if (counters_get(&counters.heads_no_room) != before)
        abort();
}

static bool enough(void)
{
    return begun > 1000 && found_lost > 0;
}

int main(int count, char **arguments)
{
    crowd_run(count, arguments, work, trim, enough);
    nothing_is_left();
    printf("%llu heads, %llu lost, %llu of them found so\n", (unsigned long long)begun,
           (unsigned long long)counters_get(&counters.heads_no_room),
           (unsigned long long)found_lost);
    return enough() ? 0 : 1;
}
