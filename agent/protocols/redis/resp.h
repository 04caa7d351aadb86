// SPDX-License-Identifier: Apache-2.0
/* resp.h - the wire protocol of Redis, RESP2 and RESP3, as a stream of events.
 *
 * Source: redis.io, "Redis serialization protocol specification"; networking.c of Redis 7.0 for
 * what a server takes for a command. The bytes come in pieces that end anywhere, and are read once.
 * A reader takes bytes off the front of a slice up to the next event; RESP_MORE says that the slice
 * is empty. Values are never kept: of an argument the first RESP_KEPT_BYTES, of an error its
 * first word. A reader that said RESP_LOST says it for ever, because nobody knows any more where a
 * message begins. */
#ifndef AGENT_RESP_H
#define AGENT_RESP_H

#include "agent/protocols/redis/resp_item.h"

enum resp_event {
    RESP_MORE,
    RESP_BEGIN,    /* of a command; one without arguments is never over */
    RESP_ARGUMENT, /* the next one of a command, whose name is the first */
    RESP_COMMAND,  /* it is over */
    RESP_REPLY,
    RESP_PUSH, /* out of band (RESP3): answers nothing, but for those to a SUBSCRIBE */
    RESP_LOST
};

/* ---- what a client sends ---- */

struct resp_commands {
    uint8_t state;
    char quote;     /* an inline command's, that is open; 0 */
    bool in_word;   /* likewise */
    uint32_t count; /* arguments of the command, name included; 0: not known (inline) */
    uint32_t index; /* of the argument */
    uint32_t inline_bytes;
    struct resp_item item;
};

/* The argument of RESP_ARGUMENT. */
struct resp_argument {
    struct slice bytes; /* the first of them; valid until the next read */
    bool cut;           /* there are more */
    uint32_t index;
    uint32_t count; /* 0: not known */
};

/* All zero is a reader at the beginning of a command. */
enum resp_event resp_read_commands(struct resp_commands *commands, struct slice *bytes);
struct resp_argument resp_argument(const struct resp_commands *commands);
/* Bytes that went by unseen: false, and lost, unless they are data of one argument. */
bool resp_skip_commands(struct resp_commands *commands, uint64_t bytes);
/* Has a command begun that is not over? */
bool resp_amid_command(const struct resp_commands *commands);
bool resp_is_lost(const struct resp_commands *commands);

/* ---- what a server answers ---- */

#define RESP_DEPTH_MOST  32
#define RESP_ERROR_BYTES 32
#define RESP_FIRST_BYTES 16

struct resp_replies {
    uint8_t state;
    char type;      /* of the value that is being read */
    uint8_t depth;  /* aggregates that are open */
    bool is_push;   /* the outermost one */
    bool is_null;   /* the outermost value */
    bool failed;    /* it is an error */
    bool has_error; /* or has one in it */
    uint8_t error_length;
    uint8_t first_length;
    uint32_t index;      /* of the value within the outermost aggregate */
    uint32_t attributes; /* a bit a level: it is an attribute, which is no value */
    int64_t third;       /* the outermost aggregate's third value, if it is an integer; else -1 */
    uint32_t remaining[RESP_DEPTH_MOST];
    char error[RESP_ERROR_BYTES];
    char first[RESP_FIRST_BYTES];
    struct resp_item item;
};

/* The reply of RESP_REPLY or RESP_PUSH. */
struct resp_reply {
    bool is_push;
    bool is_null;
    bool failed;        /* it is an error */
    bool has_error;     /* or has one in it: `error` is the first */
    struct slice error; /* its prefix, `WRONGTYPE`; empty where it has none */
    struct slice first; /* of an array or a push: its first value, if that is a short string */
    int64_t third;      /* its third value, if that is an integer; else -1 */
};

enum resp_event resp_read_replies(struct resp_replies *replies, struct slice *bytes);
struct resp_reply resp_reply(const struct resp_replies *replies);
bool resp_skip_replies(struct resp_replies *replies, uint64_t bytes);

#endif
