// SPDX-License-Identifier: Apache-2.0
#include "agent/libraries/mysql/mysql_retry.h"

#include "agent/work/context.h"

static __thread struct {
    uint64_t hash; /* 0: none */
    uint64_t failed_ns;
    uint32_t exchange;
    uint32_t generation;
    unsigned failed_with;
    unsigned attempts;
} tl_failed;

bool mysql_retry_expected(void)
{
    return tl_failed.hash != 0;
}

/* 0: none that is sure. */
static uint32_t current_exchange(void)
{
    const struct context *context = context_current();
    return context->doubtful ? 0 : context->exchange;
}

struct mysql_attempt mysql_retry_of(uint64_t hash, uint64_t now_ns)
{
    if (tl_failed.hash != hash || tl_failed.exchange != current_exchange() ||
        tl_failed.generation != context_current()->generation ||
        now_ns - tl_failed.failed_ns > MYSQL_RETRY_WITHIN_NS)
        return (struct mysql_attempt){1, 0, 0};
    return (struct mysql_attempt){tl_failed.attempts + 1, tl_failed.failed_with,
                                  tl_failed.failed_ns};
}

void mysql_retry_note(uint64_t hash, const struct mysql_attempt *attempt, unsigned number,
                      uint64_t now_ns)
{
    if (!number) {
        if (tl_failed.hash == hash)
            tl_failed.hash = 0;
        return;
    }
    tl_failed.hash = hash;
    tl_failed.failed_ns = now_ns;
    tl_failed.exchange = current_exchange();
    tl_failed.generation = context_current()->generation;
    tl_failed.failed_with = number;
    tl_failed.attempts = attempt->number ? attempt->number : 1;
}
