// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/passing.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 4096

struct passing passing_exchanges;
struct passing passing_calls;
struct exchange passing_last;
uint64_t passing_last_ns;

/* What is open: an exchange's address, or the id of a call's span, because calls are copied. */
static uint64_t open_ones[2][MOST];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void demand(bool held, const char *wrong, uint64_t what)
{
    if (held)
        return;
    (void)fprintf(stderr, "%s: %llx\n", wrong, (unsigned long long)what);
    abort();
}

static uint64_t *find(const struct passing *kind, uint64_t what)
{
    uint64_t *ones = open_ones[kind == &passing_calls];
    for (size_t i = 0; i < kind->open; i++)
        if (ones[i] == what)
            return &ones[i];
    return NULL;
}

static void begins(struct passing *kind, uint64_t what)
{
    pthread_mutex_lock(&lock);
    demand(!find(kind, what) && kind->open < MOST, "what is open begins again", what);
    open_ones[kind == &passing_calls][kind->open++] = what;
    pthread_mutex_unlock(&lock);
}

static void ends(struct passing *kind, uint64_t what, unsigned ending)
{
    pthread_mutex_lock(&lock);
    uint64_t *one = find(kind, what);
    demand(one, "what is not open ends", what);
    *one = open_ones[kind == &passing_calls][--kind->open];
    kind->ended[ending]++;
    pthread_mutex_unlock(&lock);
}

void passing_count_anew(void)
{
    memset(passing_exchanges.ended, 0, sizeof passing_exchanges.ended);
    memset(passing_calls.ended, 0, sizeof passing_calls.ended);
}

static uint64_t id_of(const struct client_span *client)
{
    uint64_t id;
    memcpy(&id, client->self.span_id, sizeof id);
    return id;
}

/* Each of these is what the linker calls instead of the function, which is __real_ then. */
#define WRAP(type, name, parameters)                                                               \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters

WRAP(bool, exchange_begin_record,
     (struct exchange * exchange, const struct carrier *carrier, bool left_out, uint64_t start_ns))
{
    begins(&passing_exchanges, (uintptr_t)exchange);
    return __real_exchange_begin_record(exchange, carrier, left_out, start_ns);
}

WRAP(void, exchange_over,
     (struct exchange * exchange, enum exchange_ending ending, uint64_t response_body_bytes,
      uint64_t end_ns))
{
    ends(&passing_exchanges, (uintptr_t)exchange, ending);
    passing_last = *exchange;
    passing_last_ns = end_ns;
    __real_exchange_over(exchange, ending, response_body_bytes, end_ns);
}

WRAP(void, client_span_begin, (struct client_span * client))
{
    __real_client_span_begin(client);
    begins(&passing_calls, id_of(client));
}

WRAP(void, client_span_follow,
     (struct client_span * client, const struct client_span *first, uint64_t start_ns))
{
    __real_client_span_follow(client, first, start_ns);
    begins(&passing_calls, id_of(client));
}

WRAP(void, client_span_over,
     (struct client_span * client, enum client_ending ending, struct span *span, uint64_t end_ns))
{
    ends(&passing_calls, id_of(client), ending);
    __real_client_span_over(client, ending, span, end_ns);
}
