// SPDX-License-Identifier: Apache-2.0
/* reading.h - what a parser made of a byte stream, so that two parsers can be compared.
 *
 * A reading is a list of decisions: for each message its start line, where its head and its body
 * end and what it means for the connection, then how the reading itself came to its end. Texts
 * are slices of the stream's own bytes; positions are offsets in it. */
#ifndef TESTS_READING_H
#define TESTS_READING_H

#include "agent/protocols/http1/http1_body.h"

#define STREAM_BYTES    8192
#define STREAM_MESSAGES 8 /* generated; a mutation may make more of them */
#define READING_MOST    64

struct stream {
    char bytes[STREAM_BYTES];
    size_t length;
    bool responses;
    enum http1_method methods[READING_MOST]; /* of the requests that the responses answer */
    size_t messages;                         /* as generated */
    uint64_t cuts;                           /* the seed of the pieces it is read in */
};

enum message_state {
    MESSAGE_WHOLE,
    MESSAGE_CUT,    /* the stream ended first */
    MESSAGE_REFUSED /* the head is one, but where the body ends can't be told */
};

struct message {
    struct slice method; /* requests */
    struct slice target;
    unsigned status; /* responses */
    unsigned major;
    unsigned minor;
    size_t head_end;
    size_t end; /* of what was read, whole or not */
    uint64_t body_bytes;
    uint64_t body_hash;
    uint8_t framing; /* enum http1_framing */
    uint8_t state;   /* enum message_state */
    bool keeps_alive;
    bool upgrade; /* asked for by a request, granted by a response */
};

enum reading_end {
    READING_ALL,     /* no byte is left but empty lines */
    READING_CUT,     /* the stream ended within a head */
    READING_REFUSED, /* what follows is no head */
    READING_STOPPED, /* within a message, whose state says why */
    READING_TUNNEL   /* what follows is not HTTP/1 any more */
};

struct reading {
    struct message messages[READING_MOST];
    size_t count;
    enum reading_end end;
    const char *error; /* as the parser names it, for people */
};

/* How a stream arrives: whole, a byte at a time, or in pieces of random size. */
enum pieces { PIECES_WHOLE, PIECES_BYTES, PIECES_RANDOM };

/* The length of the piece that begins at `at`; *state is 0 at first. */
size_t reading_piece(const struct stream *stream, enum pieces pieces, size_t at, uint64_t *state);

#define READING_HASH UINT64_C(0xcbf29ce484222325)
static inline uint64_t reading_hash(uint64_t hash, struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++)
        hash = (hash ^ (unsigned char)bytes.at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static inline uint64_t reading_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* By the agent, and by http-parser. */
void reading_by_agent(const struct stream *stream, enum pieces pieces, struct reading *reading);
void reading_by_http_parser(const struct stream *stream, enum pieces pieces,
                            struct reading *reading);

#endif
