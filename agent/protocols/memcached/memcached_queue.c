// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/memcached/memcached_queue.h"

#define BIT(kind) MEMCACHED_BIT(MEMCACHED_##kind)

/* What the command's answer may be, an error apart. */
static uint16_t kinds_of(const struct memcached_requests *request)
{
    uint16_t value = request->has_value ? BIT(VA) : BIT(HD);
    switch ((enum memcached_kind)request->command->kind) {
    case MEMCACHED_META_GET:
        return value | BIT(EN);
    case MEMCACHED_META_SET:
        return BIT(HD) | BIT(NS) | BIT(EX) | BIT(NF);
    case MEMCACHED_META_DELETE:
        return BIT(HD) | BIT(EX) | BIT(NF);
    case MEMCACHED_META_ARITHMETIC:
        return value | BIT(NS) | BIT(EX) | BIT(NF);
    case MEMCACHED_META_DEBUG:
        return BIT(ME) | BIT(EN);
    case MEMCACHED_NOOP:
        return BIT(MN);
    default:
        return BIT(CLASSIC);
    }
}

/* What goes as usual is not told: to mg that there is nothing, to the others that it is done. */
static uint16_t kinds_of_quiet(const struct memcached_requests *request)
{
    bool is_get = request->command->kind == MEMCACHED_META_GET;
    return kinds_of(request) & (uint16_t) ~(is_get ? BIT(EN) : BIT(HD));
}

bool memcached_is_answered(const struct memcached_requests *request)
{
    return !request->is_silent && !request->is_quiet && request->command->kind != MEMCACHED_QUIT;
}

/* ---- commands ---- */

static struct memcached_turn *last_turn(struct memcached_queue *queue)
{
    return queue->count ? &queue->turns[queue->count - 1] : NULL;
}

static struct memcached_turn *new_turn(struct memcached_queue *queue)
{
    if (queue->count == MEMCACHED_TURNS_MOST)
        return NULL;
    queue->turns[queue->count] = (struct memcached_turn){0};
    return &queue->turns[queue->count++];
}

static bool put_maybe(struct memcached_queue *queue, const struct memcached_requests *request)
{
    struct memcached_turn *turn = last_turn(queue);
    if (!turn || turn->sure)
        turn = new_turn(queue);
    if (!turn)
        return false;
    turn->maybe |= BIT(ERROR);
    if (request->is_quiet)
        turn->maybe |= kinds_of_quiet(request);
    turn->has_untagged |= request->is_quiet && !request->tag.known;
    return true;
}

bool memcached_queue_put(struct memcached_queue *queue, const struct memcached_requests *request,
                         bool *answered)
{
    *answered = false;
    if (!memcached_is_answered(request))
        return put_maybe(queue, request);
    if (queue->early) {
        queue->early--;
        queue->count = 0; /* all before it are through */
        *answered = true;
        return true;
    }
    struct memcached_turn *turn = last_turn(queue);
    if (!turn)
        turn = new_turn(queue);
    if (!turn->sure) {
        turn->kinds = kinds_of(request) | BIT(ERROR);
        turn->tag = request->tag;
    }
    turn->sure++;
    return true;
}

/* ---- answers ---- */

static void drop_turn(struct memcached_queue *queue)
{
    queue->count--;
    memmove(queue->turns, queue->turns + 1, queue->count * sizeof *queue->turns);
}

static enum memcached_whose take_early(struct memcached_queue *queue)
{
    if (queue->early == MEMCACHED_EARLY_MOST)
        return MEMCACHED_OF_NOBODY;
    queue->early++;
    return MEMCACHED_OF_EARLY;
}

/* Both a quiet command and the first of those behind them would be answered so. */
static enum memcached_whose choose(const struct memcached_turn *turn,
                                   const struct memcached_answer *answer)
{
    const struct memcached_tag *tag = &answer->tag;
    if (answer->kind == MEMCACHED_ERROR)
        return MEMCACHED_OF_NOBODY;
    if (turn->tag.known) {
        bool is_same =
            tag->known && tag->is_opaque == turn->tag.is_opaque && tag->hash == turn->tag.hash;
        return is_same ? MEMCACHED_OF_SURE : MEMCACHED_OF_MAYBE;
    }
    if (tag->known)
        return MEMCACHED_OF_MAYBE;
    return turn->has_untagged ? MEMCACHED_OF_NOBODY : MEMCACHED_OF_SURE;
}

static enum memcached_whose whose(const struct memcached_turn *turn,
                                  const struct memcached_answer *answer)
{
    if (!turn->maybe)
        return MEMCACHED_OF_SURE;
    uint16_t bit = MEMCACHED_BIT(answer->kind);
    bool of_maybe = (turn->maybe & bit) != 0;
    bool of_sure = turn->sure && (turn->kinds & bit);
    if (of_maybe && of_sure)
        return choose(turn, answer);
    if (of_maybe)
        return MEMCACHED_OF_MAYBE;
    return of_sure ? MEMCACHED_OF_SURE : MEMCACHED_OF_NOBODY;
}

enum memcached_whose memcached_queue_take(struct memcached_queue *queue,
                                          const struct memcached_answer *answer)
{
    struct memcached_turn *turn = queue->turns;
    if (!queue->count)
        return take_early(queue);
    enum memcached_whose owner = whose(turn, answer);
    if (owner == MEMCACHED_OF_NOBODY && !turn->sure) {
        drop_turn(queue); /* it is of a command behind them that is not known yet */
        return take_early(queue);
    }
    if (owner != MEMCACHED_OF_SURE)
        return owner;
    turn->maybe = 0;
    if (--turn->sure == 0)
        drop_turn(queue);
    return owner;
}
