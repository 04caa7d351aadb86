// SPDX-License-Identifier: Apache-2.0
/* redis_text.h - commands as db.query.text, in the syntax of redis-cli.
 *
 * `HMSET myhash field1 ? field2 ?`: names, keys, fields and options are shown, values are not, and
 * of keys only what can't be a credential (stored_key.h). The arguments come one by one as the
 * parser reads them, and no value is ever kept. Commands are parted by `; `; one that reads like
 * the one before it is not written again. What does not fit ends the text between two words. */
#ifndef AGENT_REDIS_TEXT_H
#define AGENT_REDIS_TEXT_H

#include "agent/protocols/redis/redis_command.h"
#include "agent/protocols/redis/resp.h"
#include "agent/text/stored_key.h"

#define REDIS_TEXT_BYTES 512
#define REDIS_NAME_BYTES 32

struct redis_text {
    const struct redis_command *command; /* with its subcommand; NULL: not known */
    const char *next;                    /* letter of the next argument */
    const char *group;                   /* first letter of the open group; NULL */
    uint32_t keys;                       /* K, or behind STREAMS: so many more */
    bool is_key_next;                    /* behind STORE */
    bool in_value_next;                  /* an option of XADD has one */
    bool is_over;                        /* no more options come: `p`, `S` */
    bool full;
    bool hidden; /* part of a key, or a name, is */
    uint16_t length;
    uint16_t before; /* where the command before this one begins */
    uint16_t begin;  /* likewise this one */
    char text[REDIS_TEXT_BYTES];
    char key[STORED_KEY_BYTES]; /* while it is written: here, because the stack may be small */
};

/* Empties it. */
void redis_text_begin(struct redis_text *text);

/* The name of a command: which one it is, and how it may be shown. */
struct redis_name {
    const struct redis_command *command; /* NULL: not known */
    struct slice shown;                  /* empty: it looks like none */
};
struct redis_name redis_text_find(const struct resp_argument *name);

/* It begins a command. */
void redis_text_name(struct redis_text *text, const struct redis_name *name);
void redis_text_argument(struct redis_text *text, const struct redact *redact,
                         const struct resp_argument *argument);
void redis_text_end_command(struct redis_text *text);

static inline struct slice redis_text_written(const struct redis_text *text)
{
    return (struct slice){text->text, text->length};
}

#endif
