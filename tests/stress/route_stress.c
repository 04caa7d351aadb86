// SPDX-License-Identifier: Apache-2.0
/* Threads that name pages while others show so many values that their places fold: a page that has
 * a name keeps it, a value has its own or the common one, and the bounds hold at any moment. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "agent/text/route.h"
#include "tests/stress/crowd.h"

#define NAMES 64
#define ASKED 3000 /* by each thread in a round */

static struct route_tree tree;
static uint64_t storage[8192];
static pthread_barrier_t barrier;
static bool last_round;
static _Atomic uint64_t rounds;
static _Atomic uint64_t folded;

static void fail(const char *why, const char *path, struct slice found)
{
    (void)fprintf(stderr, "%s: %s: '%.*s'\n", why, path, (int)found.length,
                  found.at ? found.at : "");
    abort();
}

static unsigned next(unsigned *seed)
{
    return *seed = *seed * 1103515245u + 12345u, *seed >> 16;
}

static struct slice name_of(const char *path)
{
    static const struct route_patterns none;
    static _Thread_local char out[ROUTE_BYTES];
    static _Thread_local char scratch[ROUTE_PATH_BYTES];
    return route_of(&none, &tree, slice_of(path), true, out, sizeof out, scratch);
}

static void ask_for_page(unsigned number)
{
    static const char *const pages[] = {"/", "/login", "/api/v1/items", "/users/new"};
    const char *page = pages[number % 4];
    struct slice found = name_of(page);
    if (!slice_equal(found, slice_of(page)))
        fail("a page lost its name", page, found);
}

static void ask_for_value(unsigned number)
{
    static const struct {
        const char *format, *common;
    } kinds[] = {{"/users/%c%ca%c%ca", "/users/{id}"},
                 {"/browse/AB%c%c-%c%c", "/browse/{id}"},
                 {"/app/%c%c%c%c.js", "/app/*"}};
    char path[64];
    char letter[4];
    for (unsigned i = 0; i < 4; i++)
        letter[i] = "aeio"[number >> 2 * i & 3];
    (void)snprintf(path, sizeof path, kinds[number % 3].format, letter[0], letter[1], letter[2],
                   letter[3]);
    struct slice found = name_of(path);
    if (slice_equal(found, slice_of(kinds[number % 3].common)))
        atomic_fetch_add(&folded, 1);
    else if (!slice_equal(found, slice_of(path)))
        fail("a value has another's name", path, found);
}

static void begin_round(void)
{
    memset(storage, 0, sizeof storage);
    route_tree_init(&tree, storage, NAMES, rounds + 1);
    for (unsigned i = 0; i < 4; i++)
        ask_for_page(i);
    last_round = over;
    atomic_fetch_add(&rounds, 1);
}

static void end_round(void)
{
    size_t taken = 0;
    for (size_t i = 0; i <= tree.names.mask; i++)
        taken += tree.names.slots[i] != 0;
    size_t places = 0;
    for (size_t i = 0; i <= tree.mask; i++)
        places += tree.places[i] != 0;
    if (taken != tree.names.ever || places != tree.count || tree.names.count > NAMES ||
        taken > 4 * NAMES)
        fail("the accounts are wrong", "", SLICE_NONE);
}

static void *work(void *number)
{
    unsigned seed = (unsigned)(uintptr_t)number;
    for (;;) {
        if (number == (void *)1)
            begin_round();
        pthread_barrier_wait(&barrier);
        bool last = last_round;
        for (unsigned i = 0; i < ASKED; i++) {
            ask_for_value(next(&seed));
            if (i % 8 == 0)
                ask_for_page(next(&seed));
        }
        pthread_barrier_wait(&barrier);
        if (number == (void *)1)
            end_round();
        if (last)
            return NULL;
    }
}

static void *idle(void *unused)
{
    return unused;
}

static bool enough(void)
{
    return rounds > 10 && folded > 1000;
}

int main(int count, char **arguments)
{
    if (route_tree_bytes(NAMES) > sizeof storage || pthread_barrier_init(&barrier, NULL, CROWD))
        return 2;
    crowd_run(count, arguments, work, idle, enough);
    printf("%llu rounds, %llu values under a common name\n", (unsigned long long)rounds,
           (unsigned long long)folded);
    return enough() ? 0 : 1;
}
