// SPDX-License-Identifier: Apache-2.0
/* memcached_command.h - the commands of memcached by name. */
#ifndef AGENT_MEMCACHED_COMMAND_H
#define AGENT_MEMCACHED_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"

enum memcached_kind {
    MEMCACHED_PLAIN,
    MEMCACHED_SESSION, /* only asks whether the connection stands, or sets it up */
    MEMCACHED_FLUSH,   /* its delay need not be there */
    MEMCACHED_STATS,
    MEMCACHED_RETRIEVE, /* answered by values */
    MEMCACHED_STORE,    /* a data block follows, whose length is the fifth word */
    MEMCACHED_NOOP,     /* ends a pipeline of quiet commands */
    MEMCACHED_QUIT,     /* answered by a close */
    MEMCACHED_WATCH,    /* what follows are no answers */
    MEMCACHED_META_GET, /* from here on meta commands */
    MEMCACHED_META_SET, /* a data block follows, whose length is the third word */
    MEMCACHED_META_DELETE,
    MEMCACHED_META_ARITHMETIC,
    MEMCACHED_META_DEBUG
};

/* Without pointers, which the loader would have to set in every program. */
struct memcached_command {
    char name[15];     /* case matters */
    char arguments[4]; /* see memcached_commands.def */
    uint8_t kind;      /* enum memcached_kind */
};

/* NULL: there is none. */
const struct memcached_command *memcached_command_find(struct slice name);

/* Does the name of one begin so? */
bool memcached_command_may_begin(struct slice text);

static inline bool memcached_is_meta(const struct memcached_command *command)
{
    return command->kind >= MEMCACHED_META_GET;
}

/* All of them, sorted, for tests. */
const struct memcached_command *memcached_commands(size_t *count);

#endif
