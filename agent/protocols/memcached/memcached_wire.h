// SPDX-License-Identifier: Apache-2.0
/* memcached_wire.h - the text protocol of memcached, classic and meta, as a stream of events.
 *
 * Source: doc/protocol.txt of memcached 1.6, and proto_text.c for what a server takes. The bytes
 * come in pieces that end anywhere, and are read once. A reader takes bytes off the front of a
 * slice up to the next event; MEMCACHED_MORE says that the slice is empty. Values are never kept. A
 * reader that said MEMCACHED_LOST says it for ever, because nobody knows any more where a message
 * begins: behind a command that is not known may be data. The binary protocol is lost with its
 * first byte. */
#ifndef AGENT_MEMCACHED_WIRE_H
#define AGENT_MEMCACHED_WIRE_H

#include "agent/protocols/memcached/memcached_command.h"
#include "agent/protocols/memcached/memcached_words.h"

enum memcached_event {
    MEMCACHED_MORE,
    MEMCACHED_BEGIN,  /* of a command */
    MEMCACHED_WORD,   /* the next one of it, whose name is the first */
    MEMCACHED_LINE,   /* its line is over: a server may answer from now on */
    MEMCACHED_OVER,   /* and so are its data */
    MEMCACHED_ANSWER, /* one is over */
    MEMCACHED_LOST
};

/* A word that a client chose so that it knows the answer by it: `O` and what follows, else the
 * key. */
struct memcached_tag {
    uint32_t hash;
    bool known;
    bool is_opaque;
};

/* ---- what a client sends ---- */

/* All zero is a reader at the beginning of a command. */
struct memcached_requests {
    uint8_t state;
    bool is_silent; /* the last word is `noreply` */
    bool is_quiet;  /* `q` is among the flags */
    bool has_key;   /* `k` is */
    bool has_value; /* `v` is */
    uint64_t left;  /* of the data block; 0: there is none */
    uint32_t key_hash;
    struct memcached_tag tag;
    const struct memcached_command *command;
    struct memcached_words words;
};

enum memcached_event memcached_read_requests(struct memcached_requests *requests,
                                             struct slice *bytes);
/* Bytes that went by unseen: false, and lost, unless they are data. */
bool memcached_skip_requests(struct memcached_requests *requests, uint64_t bytes);
/* Has a command begun that is not over? And is its line not? */
bool memcached_amid_request(const struct memcached_requests *requests);
bool memcached_amid_line(const struct memcached_requests *requests);

/* ---- what a server answers ---- */

enum memcached_answer_kind {
    MEMCACHED_PART,
    MEMCACHED_CLASSIC,
    MEMCACHED_MN,
    MEMCACHED_ERROR,
    MEMCACHED_VA, /* from here on of a meta command */
    MEMCACHED_HD,
    MEMCACHED_EN,
    MEMCACHED_NS,
    MEMCACHED_EX,
    MEMCACHED_NF,
    MEMCACHED_ME
};

struct memcached_answers {
    uint8_t state;
    uint8_t kind; /* of the line: enum memcached_answer_kind */
    uint8_t block_at;
    bool goes_on; /* parts of an answer have come */
    uint64_t left;
    uint32_t values; /* of the answer */
    struct memcached_tag tag;
    const char *word; /* which began the line */
    struct memcached_words words;
};

/* What MEMCACHED_ANSWER told. */
struct memcached_answer {
    uint8_t kind;
    uint32_t values;
    struct memcached_tag tag;
    struct slice error; /* `SERVER_ERROR`, of an error; it stays */
};

enum memcached_event memcached_read_answers(struct memcached_answers *answers, struct slice *bytes);
struct memcached_answer memcached_answer(const struct memcached_answers *answers);
bool memcached_skip_answers(struct memcached_answers *answers, uint64_t bytes);

/* Can an answer begin so? */
bool memcached_answer_begins(struct slice bytes);

#endif
