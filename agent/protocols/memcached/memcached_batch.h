// SPDX-License-Identifier: Apache-2.0
/* memcached_batch.h - which commands of a connection are one span, and when it is answered.
 *
 * A span is a command, or several that one write call began (`PIPELINE`). Quiet commands go on to
 * the `mn` that says that they are through, if that comes next, in a write of its own, too. A span
 * whose commands are not answered ends with the write.
 *
 * Knows neither bytes nor spans: commands and answers come in as memcached_wire.h tells them, and
 * what begins and ends goes out through a listener. Work and memory are bounded; where more waits
 * than can be remembered, later commands get no span until there is room again, and are counted. */
#ifndef AGENT_MEMCACHED_BATCH_H
#define AGENT_MEMCACHED_BATCH_H

#include "agent/protocols/memcached/memcached_queue.h"
#include "agent/protocols/memcached/memcached_text.h"

#define MEMCACHED_SPANS_MOST 64 /* as many calls as a flow has room for */

/* What a span says of its commands. The slices are valid during the call only. */
struct memcached_asked {
    struct slice operation; /* `get`, `PIPELINE get` */
    struct slice text;
    uint32_t size;   /* commands, but for the `mn` behind others */
    bool is_session; /* they only set up the connection */
    bool hidden;     /* part of a key is */
};

/* And of its answers. */
struct memcached_answered {
    bool failed;
    struct slice error; /* the first one's word */
    int64_t values;     /* that came; -1: none was asked for */
};

struct memcached_listener {
    void *context;
    const struct redact *redact; /* may be NULL */
    /* A span begins; false: there is none, and nothing more is told of it. */
    bool (*begin)(void *context, uint64_t start_ns);
    /* One would have begun, but as many wait as can be remembered. */
    void (*missed)(void *context);
    /* All commands are known of the span that began last. */
    void (*asked)(void *context, const struct memcached_asked *asked);
    /* The span that began first is answered, or will not be. */
    void (*answered)(void *context, const struct memcached_answered *answered, uint64_t end_ns);
};

struct memcached_batch {
    /* The commands that are being written. */
    bool is_open;
    bool has_span;
    bool is_same;    /* all have the first one's name */
    bool is_session; /* all are */
    bool reads;      /* some ask for values */
    bool has_quiet;  /* some are quiet */
    bool ends_quiet; /* the last is */
    bool lingers;    /* and went at wrote_ns: `mn` may follow */
    uint32_t size;
    uint64_t wrote_ns;
    const struct memcached_command *first;
    struct memcached_text text;

    /* The span that is being answered. */
    struct slice error; /* absent: none; of a text that stays */
    uint32_t values;

    uint32_t awaited;  /* answers that are sure to come, since the beginning: these wrap */
    uint32_t answered; /* likewise those that came */
    uint8_t waiting_count;
    uint64_t has_spans;  /* a bit for each of those below, the first the lowest */
    uint64_t read;       /* likewise: values are asked for */
    uint64_t have_quiet; /* likewise: commands that may be answered before */
    uint32_t waiting[MEMCACHED_SPANS_MOST]; /* number of the last answer of each span */
    struct memcached_queue queue;
};

/* The words of a command that began at began_ns, its name first; then its line is over. False: the
 * connection can't be understood any more, as for all that return bool. */
void memcached_batch_word(struct memcached_batch *batch, const struct memcached_listener *listener,
                          const struct memcached_requests *request, uint64_t began_ns);
bool memcached_batch_line(struct memcached_batch *batch, const struct memcached_listener *listener,
                          const struct memcached_requests *request, uint64_t now_ns);

/* A write call is over, and has not ended within a command. */
void memcached_batch_end_write(struct memcached_batch *batch,
                               const struct memcached_listener *listener, uint64_t now_ns);

/* Nothing more will be written. `is_cut`: the last command was, and no answer to it is awaited. */
void memcached_batch_end(struct memcached_batch *batch, const struct memcached_listener *listener,
                         uint64_t now_ns, bool is_cut);

bool memcached_batch_answer(struct memcached_batch *batch,
                            const struct memcached_listener *listener,
                            const struct memcached_answer *answer, uint64_t now_ns);

#endif
