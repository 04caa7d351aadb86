// SPDX-License-Identifier: Apache-2.0
#include "agent/work.h"

#include "agent/context.h"
#include "agent/exchange.h"

bool work_is_for(uint32_t entry)
{
    const struct context *current = context_current();
    return current->exchange && current->exchange == (entry & PIPELINE_SLOT) &&
           current->generation ==
               atomic_load_explicit(&exchange_at(current->exchange - 1)->generation,
                                    memory_order_relaxed);
}

void work_for(struct connection *connection, uint32_t place)
{
    struct pipeline *pipeline = &connection->pipeline;
    uint32_t slot =
        PIPELINE_SLOT &
        atomic_load_explicit(&pipeline->entries[place % PIPELINE_LENGTH], memory_order_relaxed);
    struct context context;
    /* An entry is taken before its slot is given back: where it has not been, what was copied out
     * of the slot was its. */
    if (slot == PIPELINE_UNTRACED || !exchange_context(slot - 1, &context) ||
        atomic_load_explicit(&pipeline->taken, memory_order_acquire) != place) {
        context_clear();
        return;
    }
    context.connection = atomic_load_explicit(&connection->serial, memory_order_relaxed);
    context_set(&context);
}

void work_leave(const struct connection *connection)
{
    if (context_current()->connection ==
        atomic_load_explicit(&connection->serial, memory_order_relaxed))
        context_clear();
}

/* Of several that wait. Who has read the oldest just now, and blocks, handles it first; an event
 * loop may handle them together; and who reads while an older one waits, which it did not read just
 * now, handles either. */
__attribute__((cold)) static bool works_for_oldest(uint32_t oldest, uint32_t reads_from)
{
    return (int32_t)(oldest - reads_from) >= 0 && !context_waits_for_events();
}

void work_for_what_was_read(struct connection *connection)
{
    struct pipeline *pipeline = &connection->pipeline;
    uint32_t reads_from = connection->received.reads_from;
    uint32_t placed = atomic_load_explicit(&pipeline->placed, memory_order_relaxed);
    uint32_t oldest = atomic_load_explicit(&pipeline->taken, memory_order_acquire);
    bool known = placed - oldest == 1 && (int32_t)(oldest - reads_from) >= 0;
    if (!known && oldest != placed)
        /* The beginning of a head alone says nothing new. */
        known = placed == reads_from ? work_is_for(pipeline_front(pipeline))
                                     : works_for_oldest(oldest, reads_from);
    if (known)
        work_for(connection, oldest);
    else
        context_clear();
}

bool work_is_ours(struct connection *connection)
{
    if (connection_is_inherited(connection))
        return false;
    if (!context_hands_over() ||
        atomic_load_explicit(&connection->fork_epoch, memory_order_relaxed) ==
            connection_fork_epoch())
        return true;
    struct pipeline *pipeline = &connection->pipeline;
    uint32_t placed = atomic_load_explicit(&pipeline->placed, memory_order_acquire);
    uint32_t taken = atomic_load_explicit(&pipeline->taken, memory_order_acquire);
    for (; taken != placed; taken++)
        if (work_is_for(atomic_load_explicit(&pipeline->entries[taken % PIPELINE_LENGTH],
                                             memory_order_relaxed)))
            return false;
    return true;
}
