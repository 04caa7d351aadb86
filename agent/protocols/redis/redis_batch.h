// SPDX-License-Identifier: Apache-2.0
/* redis_batch.h - which commands of a connection are one span, and when it is answered.
 *
 * A span is a command; or several that one write call began (`PIPELINE`); or a transaction from
 * MULTI to the answer of EXEC or DISCARD, in however many writes (`MULTI`). A transaction is always
 * a span of its own. Answers come in the order of the commands, one each, but for these: a
 * SUBSCRIBE has one a channel, what is published later answers nothing, and CLIENT REPLY can forbid
 * them. An answer may come a moment before its command is known to have gone, where another thread
 * reads it.
 *
 * Knows neither bytes nor spans: commands and replies come in as resp.h tells them, and what begins
 * and ends goes out through a listener. Work and memory are bounded; where more waits for an answer
 * than can be remembered, later commands get no span until there is room again. */
#ifndef AGENT_REDIS_BATCH_H
#define AGENT_REDIS_BATCH_H

#include "agent/protocols/redis/redis_text.h"

#define REDIS_SPANS_MOST    64 /* as many calls as a flow has room for */
#define REDIS_SPECIALS_MOST 16
#define REDIS_EARLY_MOST    64 /* answers */

/* What a span says of its commands. The slices are valid during the call only. */
struct redis_asked {
    struct slice operation; /* `GET`, `PIPELINE GET`, `MULTI`; empty: not to be told */
    struct slice text;      /* may be empty */
    uint32_t size;          /* commands; MULTI, EXEC and ASKING are none */
    bool is_session;        /* they only set up the connection */
    bool hidden;            /* part of a key or name is */
};

/* And of its answers. */
struct redis_answered {
    bool failed;
    struct slice error; /* the first one's prefix; may be empty */
    int32_t database;   /* the index that is selected; -1: not known */
};

struct redis_listener {
    void *context;
    const struct redact *redact; /* may be NULL */
    /* A span begins; false: there is none, and nothing more is told of it. */
    bool (*begin)(void *context, uint64_t start_ns);
    /* One would have begun, but as many wait as can be remembered. */
    void (*missed)(void *context);
    /* All commands are known of the span that began last. */
    void (*asked)(void *context, const struct redis_asked *asked);
    /* All answers have come of the span that began first. */
    void (*answered)(void *context, const struct redis_answered *answered, uint64_t end_ns);
};

/* A command whose answer tells something. */
struct redis_special {
    uint32_t first; /* number of its first answer, and of its last */
    uint32_t last;
    int32_t database; /* that is selected if it succeeds; -1: none */
    uint8_t kind;     /* enum redis_kind */
};

struct redis_batch {
    /* The group of commands that is being written. */
    bool is_open;
    bool has_span;
    bool is_transaction;
    bool is_same;    /* all have that name */
    bool is_session; /* all are */
    uint8_t name_length;
    char name[REDIS_NAME_BYTES];
    uint32_t size;
    int32_t queued_database; /* selected within the transaction; -1: none */
    struct redis_text text;

    /* The command that is being written. */
    uint8_t kind;
    uint8_t reply_word; /* of CLIENT REPLY */
    uint32_t arguments; /* behind its name */
    int32_t selected;

    /* Its connection. */
    uint8_t replies;    /* enum in redis_batch.c */
    uint8_t subscribed; /* to channels, to shards' channels */
    bool has_pushes;    /* RESP3: no reply is a message */
    int32_t database;   /* -1: not known */

    /* The span that is being answered. */
    bool failed;
    bool redirected;
    uint8_t error_length;
    char error[RESP_ERROR_BYTES];

    uint32_t awaited;  /* answers, since the beginning: these wrap */
    uint32_t answered; /* likewise those that came; ahead of `awaited` where they came early */
    uint8_t waiting_count;
    uint8_t special_count;
    uint64_t has_spans;                 /* a bit for each of those below, the first is the lowest */
    uint32_t waiting[REDIS_SPANS_MOST]; /* number of the last answer of each group */
    struct redis_special specials[REDIS_SPECIALS_MOST];
};

/* All zero, then this where the connection was not seen from its beginning. */
static inline void redis_batch_forget_database(struct redis_batch *batch)
{
    batch->database = -1;
}

/* An argument of a command that began at began_ns. False: the connection can't be understood any
 * more, as for all that return bool. */
bool redis_batch_argument(struct redis_batch *batch, const struct redis_listener *listener,
                          const struct resp_argument *argument, uint64_t began_ns);
bool redis_batch_end_command(struct redis_batch *batch, const struct redis_listener *listener,
                             uint64_t now_ns);

/* A write call is over, and has not ended within a command. */
void redis_batch_end_write(struct redis_batch *batch, const struct redis_listener *listener,
                           uint64_t now_ns);

/* Nothing more will be written: describes the span that is being written, if there is one.
 * `amid`: its last command was cut off. */
void redis_batch_end(struct redis_batch *batch, const struct redis_listener *listener,
                     uint64_t now_ns, bool amid);

bool redis_batch_reply(struct redis_batch *batch, const struct redis_listener *listener,
                       const struct resp_reply *reply, uint64_t now_ns);

#endif
