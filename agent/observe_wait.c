// SPDX-License-Identifier: Apache-2.0
/* Where threads wait, and on which stack they go on. */
#include "agent/observe.h"

#include <errno.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/connection.h"
#include "agent/context.h"
#include "agent/evidence.h"
#include "agent/stack.h"
#include "agent/work.h"

void observe_waited(int epfd)
{
    const struct connection *connection = connection_of(epfd);
    if (connection && connection_role(connection) == CONNECTION_LOOP)
        work_waited();
    else
        context_goes_on(); /* a handler's private wait */
}

/* Longer lists than this are not searched to the end: a listener usually stands first. */
#define WAITS_LOOKED_AT 256

/* What a thread waits for. */
struct waits {
    bool for_several; /* a place where requests of several connections reach it */
    bool for_one;     /* a server connection */
    uint32_t serial;  /* of that */
};

static void look_at_wait(struct waits *waits, int fd)
{
    const struct connection *connection = connection_of(fd);
    if (!connection)
        return;
    uint32_t serial = atomic_load_explicit(&connection->serial, memory_order_relaxed);
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
    default:
        return;
    }
}

/* Is this where the thread waits for its next request, whatever it is at now? Not where it waits
 * for the client of its own request, or for anything else. */
static bool is_loops(const struct waits *waits)
{
    const struct context *context = context_current();
    if (!waits->for_one || waits->for_several)
        return waits->for_several;
    return context->exchange ? context->connection != waits->serial : evidence_is_loop();
}

static void note_wait(bool loops, int ready)
{
    context_goes_on();
    int saved = errno;
    if (loops && (ready >= 0 || saved == EINTR) && agent_enter())
        work_waited();
    errno = saved;
}

void observe_polled(const struct pollfd *list, unsigned long count, int ready)
{
    struct waits waits = {false, false, 0};
    bool served = agent_is_prepared() && (ready >= 0 || errno == EINTR);
    for (unsigned long i = 0; served && i < count && i < WAITS_LOOKED_AT && !waits.for_several; i++)
        look_at_wait(&waits, list[i].fd);
    bool loops = is_loops(&waits);
    if (waits.for_one && !loops)
        work_waited_for(waits.serial);
    note_wait(loops, ready);
}

/* A set is an array of such words; the kernel reads those that `count` reaches into. */
#define SET_BITS ((int)(8 * sizeof(unsigned long)))

bool observe_selecting(int count, const fd_set *reads)
{
    struct waits waits = {false, false, 0};
    if (count > FD_SETSIZE)
        count = FD_SETSIZE;
    int words = (count + SET_BITS - 1) / SET_BITS;
    if (count <= 0 || !reads || !agent_is_prepared() ||
        !stack_can_read(reads, (size_t)words * sizeof(unsigned long)))
        return false;
    for (int word = 0; word < words && !waits.for_several; word++) {
        unsigned long bits;
        memcpy(&bits, (const unsigned long *)(const void *)reads + word, sizeof bits);
        if (word == words - 1)
            bits &= ~0UL >> (words * SET_BITS - count);
        for (; bits && !waits.for_several; bits &= bits - 1)
            look_at_wait(&waits, word * SET_BITS + __builtin_ctzl(bits));
    }
    return is_loops(&waits);
}

void observe_selected(bool loops, int ready)
{
    note_wait(loops, ready);
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
