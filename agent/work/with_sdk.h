// SPDX-License-Identifier: Apache-2.0
/* with_sdk.h - programs that send spans of their own.
 *
 * A program with an SDK in it tells of each request itself. Beside that the agent's spans would
 * tell everything twice, in other traces; so a process that begins a post of spans keeps none of
 * ours from then on (OTEL_AGENT_WITH_SDK=yield), and says so once. That means:
 *
 *   - What begins from then on has no span, and no header of ours goes out for it: what the SDK
 *     writes there is in force. It is counted.
 *   - What had begun goes on and ends with its span, and what waits in the queue is sent: others
 *     may know their ids already, and would be left without a parent.
 *   - A forked child begins as its parent is; what a child finds out, its parent and the other
 *     children do not know, because the workers of one server may run different programs. So where
 *     an SDK begins in each worker, each tells twice what it is asked before the SDK's first post.
 *   - A program that is executed begins anew.
 *
 * A post that was begun elsewhere says nothing about the process that passes it on. Proxies do that
 * at once, collectors later and together with others; so a process that telemetry has come to takes
 * none for its own, ever. Nor does one that is asked by TLS or HTTP/2, which can't be read:
 * anything may have come that way. In doubt spans are kept: to tell twice is better than not at
 * all. Where it has yielded before that, it stays so.
 *
 * Metrics and logs say nothing about spans. */
#ifndef AGENT_WITH_SDK_H
#define AGENT_WITH_SDK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "agent/text/telemetry.h"
#include "config/config.h"

/* Takes what was configured; nothing has come or gone yet. Before the first span, on one thread. */
void with_sdk_prepare(const struct config *config);

/* A post of telemetry came. Counted. */
void with_sdk_telemetry_came(void);

/* One is about to go out, by this process's own doing or not: that is found out here. Counted. */
void with_sdk_telemetry_goes(enum telemetry telemetry);

/* The process has been asked by a protocol that hides what it brings. */
void with_sdk_serves_unseen(void);

/* What it sends; TELEMETRY_NONE: it has not yielded. Relaxed: it stands alone, and is for good. */
extern _Atomic int with_sdk_sends;

__attribute__((cold)) void with_sdk_count(void);

/* Something begins. True: it has no span. `recorded`: it would have had one. */
static inline bool with_sdk_leaves_out(bool recorded)
{
    if (__builtin_expect(
            atomic_load_explicit(&with_sdk_sends, memory_order_relaxed) == TELEMETRY_NONE, true))
        return false;
    if (recorded)
        with_sdk_count();
    return true;
}

/* Logs that spans are left out, once. Threads that may log, and the end of the process. */
void with_sdk_say(void);

#endif
