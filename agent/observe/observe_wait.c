// SPDX-License-Identifier: Apache-2.0
/* Where threads wait, and on which stack they go on. */
#include "agent/observe/observe.h"

#include <errno.h>
#include <string.h>

#include "agent/base/preparation.h"
#include "agent/base/stack.h"
#include "agent/life/agent.h"
#include "agent/net/connection.h"
#include "agent/net/ending.h"
#include "agent/work/context.h"
#include "agent/work/evidence.h"
#include "agent/work/exchange.h"
#include "agent/work/work.h"

void observe_waited(int epfd)
{
    const struct connection *connection = connection_of(epfd);
    if (connection && connection_role(connection) == CONNECTION_LOOP)
        work_waited();
    else
        context_goes_on(); /* a handler's private wait */
}

void observe_waited_for(int ready, bool patiently)
{
    ending_waited(ready, patiently);
}

/* Longer lists than this are not searched to the end: a listener usually stands first. */
#define WAITS_LOOKED_AT 256

/* What a thread waits for. */
struct waits {
    bool for_several; /* a place where requests of several connections reach it */
    bool for_one;     /* a server connection */
    bool for_others;  /* what is no connection: a pipe, say, by which others tell it what to do */
    uint32_t serial;  /* of the connection */
};

static void look_at_wait(struct waits *waits, int fd)
{
    const struct connection *connection = connection_of(fd);
    if (!connection) {
        waits->for_others |= fd >= 0;
        return;
    }
    uint32_t serial = atomic_load_explicit(&connection->flow.channel.serial, memory_order_relaxed);
    switch (connection_role(connection)) {
    case CONNECTION_LISTENER:
    case CONNECTION_LOOP:
        waits->for_several = true;
        return;
    case CONNECTION_SERVER:
        waits->for_several |= waits->for_one && serial != waits->serial;
        waits->for_one = true;
        waits->serial = serial;
        return;
    case CONNECTION_UNKNOWN:
        waits->for_others = true;
        return;
    case CONNECTION_CLIENT:
        return;
    }
}

static bool works(void)
{
    const struct context *context = context_current();
    return context->exchange && exchange_is_open(context->exchange - 1, context->generation);
}

/* Is this where the thread waits for its next request, whatever it is at now, or for what else it
 * is told to do? Not where it waits for the client of its own request, or for an upstream. */
static bool is_loops(const struct waits *waits)
{
    if (!waits->for_one || waits->for_several)
        return waits->for_several;
    if (waits->for_others && work_has_changed_connections())
        return true;
    return works() ? context_current()->connection != waits->serial : evidence_is_loop();
}

static enum wait kind_of(const struct waits *waits)
{
    if (is_loops(waits))
        return WAIT_OF_LOOP;
    if (waits->for_one)
        work_waited_for(waits->serial);
    return WAIT_PRIVATE;
}

static void note_wait(enum wait wait, int ready)
{
    ending_waited(ready, true);
    context_goes_on();
    int saved = errno;
    if (wait == WAIT_OF_LOOP && (ready >= 0 || saved == EINTR) && agent_enter())
        work_waited();
    errno = saved;
}

void observe_polled(const struct pollfd *list, unsigned long count, int ready)
{
    struct waits waits = {0};
    bool served = preparation_is_done() && (ready >= 0 || errno == EINTR);
    for (unsigned long i = 0; served && i < count && i < WAITS_LOOKED_AT && !waits.for_several; i++)
        look_at_wait(&waits, list[i].fd);
    note_wait(served ? kind_of(&waits) : WAIT_PRIVATE, ready);
}

/* A set is an array of such words; the kernel reads those that `count` reaches into. */
#define SET_BITS ((int)(8 * sizeof(unsigned long)))

static struct waits look_at_set(int count, const fd_set *reads)
{
    struct waits waits = {0};
    int words = (count + SET_BITS - 1) / SET_BITS;
    for (int word = 0; word < words && !waits.for_several; word++) {
        unsigned long bits;
        memcpy(&bits, (const unsigned long *)(const void *)reads + word, sizeof bits);
        if (word == words - 1)
            bits &= ~0UL >> (words * SET_BITS - count);
        for (; bits && !waits.for_several; bits &= bits - 1)
            look_at_wait(&waits, word * SET_BITS + __builtin_ctzl(bits));
    }
    return waits;
}

enum wait observe_selecting(int count, const fd_set *reads)
{
    if (count > FD_SETSIZE)
        count = FD_SETSIZE;
    if (count <= 0 || !reads || !preparation_is_done())
        return WAIT_PRIVATE;
    size_t bytes = (size_t)(count + SET_BITS - 1) / SET_BITS * sizeof(unsigned long);
    /* Who is known for nothing yet is looked at afterwards, by what is ready, where the kernel
     * would have to be asked. */
    if (!evidence_is_loop() && !works() && !stack_holds(reads, bytes))
        return WAIT_UNSEEN;
    if (!stack_can_read(reads, bytes))
        return WAIT_OF_LOOP;
    struct waits waits = look_at_set(count, reads);
    return kind_of(&waits);
}

void observe_selected(enum wait wait, int count, const fd_set *reads, int ready)
{
    if (wait == WAIT_UNSEEN) {
        wait = WAIT_PRIVATE;
        if (ready > 0) {
            struct waits waits = look_at_set(count < FD_SETSIZE ? count : FD_SETSIZE, reads);
            wait = is_loops(&waits) ? WAIT_OF_LOOP : WAIT_PRIVATE;
        }
    }
    note_wait(wait, ready);
}

void observe_leaving_stack(void)
{
    context_clear();
}

bool observe_stack_lent(void)
{
    return stack_lend();
}

void observe_stack_returned(bool before)
{
    stack_return(before);
}
