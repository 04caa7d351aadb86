// SPDX-License-Identifier: Apache-2.0
/* redis_command.h - the commands of Redis by name. */
#ifndef AGENT_REDIS_COMMAND_H
#define AGENT_REDIS_COMMAND_H

#include <stdint.h>

#include "agent/base/slice.h"

/* What a command does to its connection. */
enum redis_kind {
    REDIS_PLAIN,
    REDIS_SESSION, /* only sets up the connection, or asks whether it stands */
    REDIS_PREFIX,  /* belongs to the command behind it */
    REDIS_SELECT,
    REDIS_RESET,
    REDIS_MULTI,
    REDIS_EXEC,
    REDIS_DISCARD,
    REDIS_SUBSCRIBE,    /* and its opposite: an answer a channel */
    REDIS_CLIENT_REPLY, /* whether there are answers at all */
    REDIS_MONITOR,      /* what follows are no answers */
    REDIS_REPLICATION   /* what follows is another protocol */
};

#define REDIS_COMMAND_BYTES 24 /* of a name with its subcommand, and a NUL */

/* Without pointers, which the loader would have to set in every program. */
struct redis_command {
    char name[REDIS_COMMAND_BYTES]; /* upper case */
    char arguments[7];              /* see redis_commands.def */
    uint8_t kind;                   /* enum redis_kind */
};

/* NULL: not one of Redis 7.0. Case is ignored. */
const struct redis_command *redis_command_find(struct slice name);

/* The command's row for a subcommand; NULL: it has none, and its arguments are hidden. */
const struct redis_command *redis_command_find_sub(const struct redis_command *command,
                                                   struct slice name);

/* Is it a word that options are made of? */
bool redis_command_is_option(struct slice word);

/* All of them, sorted, for tests. */
const struct redis_command *redis_commands(size_t *count);

#endif
