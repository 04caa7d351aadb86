// SPDX-License-Identifier: Apache-2.0
/* memcached_text.h - commands as db.query.text: `set user:42 ?`, `mg user:42 k v O?`.
 *
 * Names, keys and the letters of flags are shown; of keys only what can't be a credential
 * (stored_key.h); values, numbers and tokens are not. Words come one by one as the reader reads
 * them. Commands are parted by `; `; one that reads like the one before it is not written again.
 * What does not fit ends the text between two words. */
#ifndef AGENT_MEMCACHED_TEXT_H
#define AGENT_MEMCACHED_TEXT_H

#include "agent/protocols/memcached/memcached_wire.h"

#define MEMCACHED_TEXT_BYTES 512

struct memcached_text {
    const char *next; /* letter of the next word */
    bool full;
    bool hidden; /* part of a key is */
    uint16_t length;
    uint16_t before; /* where the command before this one begins */
    uint16_t begin;  /* likewise this one */
    uint16_t key_at; /* where its key is written, and behind it; 0: it is not */
    uint16_t key_end;
    char text[MEMCACHED_TEXT_BYTES];
    char key[STORED_KEY_BYTES]; /* while it is written: here, because the stack may be small */
};

/* Empties it. */
void memcached_text_begin(struct memcached_text *text);

/* The name, which begins a command, or another word of it. */
void memcached_text_word(struct memcached_text *text, const struct redact *redact,
                         const struct memcached_requests *request);
void memcached_text_end_command(struct memcached_text *text);

static inline struct slice memcached_text_written(const struct memcached_text *text)
{
    return (struct slice){text->text, text->length};
}

#endif
