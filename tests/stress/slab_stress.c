// SPDX-License-Identifier: Apache-2.0
/* Threads that take and give back objects of one slab, in waves, while another gives memory back to
 * the kernel: each object has one owner, and keeps what he wrote. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/slab.h"
#include "tests/stress/crowd.h"

#define EACH  150 /* objects of a thread at most */
#define BYTES 12288
#define WORDS (BYTES / sizeof(uint64_t))

static struct slab slab = SLAB_INIT(BYTES, 64, CROWD *EACH);
static _Atomic uint64_t takes;
static _Atomic uint64_t trims;

static unsigned next(unsigned *seed)
{
    return *seed = *seed * 1103515245u + 12345u, *seed >> 16;
}

/* The first word is the slab's. */
static void mark(uint64_t *words, uint64_t owner)
{
    for (size_t i = 1; i < WORDS; i += 8)
        words[i] = owner;
}

static void check(const uint64_t *words, uint64_t owner)
{
    for (size_t i = 1; i < WORDS; i += 8)
        if (words[i] != owner) {
            (void)fprintf(stderr, "word %zu is %llx, not %llx\n", i, (unsigned long long)words[i],
                          (unsigned long long)owner);
            abort();
        }
}

static void *work(void *number)
{
    uint32_t held[EACH];
    unsigned seed = (unsigned)(uintptr_t)number;
    while (!over) {
        unsigned count = 1 + next(&seed) % EACH;
        for (unsigned i = 0; i < count; i++) {
            uint64_t *words = slab_take(&slab, &held[i]);
            if (!words)
                words = slab_take(&slab, &held[i]); /* one may be with the thread that trims */
            if (!words) {
                count = i;
                break;
            }
            mark(words, (uint64_t)(uintptr_t)number << 32 | i);
        }
        atomic_fetch_add(&takes, count);
        for (unsigned i = 0; i < count; i++) {
            check(slab_at(&slab, held[i]), (uint64_t)(uintptr_t)number << 32 | i);
            slab_give(&slab, held[i]);
        }
        usleep(next(&seed) % 2000);
    }
    return NULL;
}

static void give_back(uint32_t index)
{
    (void)madvise((char *)slab_at(&slab, index) + 4096, BYTES - 4096, MADV_DONTNEED);
}

static void *trim(void *unused)
{
    while (!over) {
        uint32_t before = atomic_load(&slab.trimmed);
        slab_trim(&slab, give_back);
        if (atomic_load(&slab.trimmed) > before)
            atomic_fetch_add(&trims, 1);
        usleep(500);
    }
    return unused;
}

static void all_are_back(void)
{
    uint32_t index;
    for (uint32_t i = 0; i < atomic_load(&slab.fresh); i++)
        if (!slab_take(&slab, &index))
            abort();
}

static bool enough(void)
{
    return takes > 1000 && trims > 0;
}

int main(int count, char **arguments)
{
    crowd_run(count, arguments, work, trim, enough);
    all_are_back();
    printf("%llu taken, trimmed %llu times\n", (unsigned long long)takes,
           (unsigned long long)trims);
    return enough() ? 0 : 1;
}
