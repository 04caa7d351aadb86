// SPDX-License-Identifier: Apache-2.0
/* spans.h - the agent with its gate open, and the spans it hands over, for tests. */
#ifndef TESTS_SPANS_H
#define TESTS_SPANS_H

#include <string.h>

#include "agent/base/counters.h"
#include "agent/base/preparation.h"
#include "agent/describe/describe.h"
#include "agent/life/agent.h"
#include "agent/protocols/table.h"
#include "agent/queue/queue.h"
#include "agent/work/context.h"

static _Alignas(8) unsigned char spans_memory[RING_RECORD_BYTES_MAX];
static _Alignas(8) unsigned char spans_words[DESCRIBE_BYTES(RING_RECORD_BYTES_MAX)];

static inline int spans_open(const char *(*variable)(void *, const char *))
{
    static struct config config;
    if (!config_parse(&config, variable, NULL, NULL))
        return -1;
    config.root_client_spans = WHEN_ALWAYS; /* most tests count calls, all of them */
    config.db_spans = DB_SPANS_ALL;
    table_use();
    agent_open(&config, &(struct agent_exporter){0});
    return preparation_do() && queue_make_region() ? 0 : -1;
}

/* Valid until the next call; NULL when there is none. */
static inline const struct span_record *spans_next(void)
{
    return ring_read(queue.region.ring, spans_memory, sizeof spans_memory)
               ? describe((const struct span_record *)spans_memory, spans_words, sizeof spans_words)
               : NULL;
}

static inline void spans_forget(void)
{
    while (spans_next())
        ;
    context_clear();
    memset(&counters, 0, sizeof counters);
}

static inline int64_t spans_integer(const struct span_record *span, enum attribute attribute)
{
    int64_t value = -1;
    span_find_integer(span, attribute, &value);
    return value;
}

/* Fails unless the text is as expected; NULL: absent. */
#define assert_slice(found, expected)                                                              \
    do {                                                                                           \
        struct slice found_ = (found);                                                             \
        const char *expected_ = (expected);                                                        \
        if (!expected_) {                                                                          \
            assert_null(found_.at);                                                                \
        } else {                                                                                   \
            char text_[8192] = "";                                                                 \
            assert_true(found_.at &&found_.length < sizeof text_);                                 \
            if (found_.length)                                                                     \
                memcpy(text_, found_.at, found_.length);                                           \
            assert_string_equal(text_, expected_);                                                 \
        }                                                                                          \
    } while (0)

/* Events of that kind in the span. */
static inline int spans_events(const struct span_record *span, enum event event)
{
    int count = 0;
    for (const struct span_entry *entry = span_next_entry(span, NULL); entry;
         entry = span_next_entry(span, entry))
        count += entry->kind == SPAN_ENTRY_EVENT && entry->number == event;
    return count;
}

static inline bool spans_hold(const struct span_record *span, const char *text)
{
    return memmem(span, span->length, text, strlen(text)) != NULL;
}

#endif
