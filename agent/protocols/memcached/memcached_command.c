// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/memcached/memcached_command.h"

static const struct memcached_command commands[] = {
#define MEMCACHED_COMMAND(name, arguments, kind) {name, arguments, MEMCACHED_##kind},
#include "agent/protocols/memcached/memcached_commands.def"
#undef MEMCACHED_COMMAND
};

/* Like strcmp(), of a text and a name. */
static int compare(struct slice text, const char *name)
{
    size_t length = strlen(name);
    size_t common = text.length < length ? text.length : length;
    int order = common ? memcmp(text.at, name, common) : 0;
    if (order || text.length == length)
        return order;
    return text.length < length ? -1 : 1;
}

const struct memcached_command *memcached_command_find(struct slice name)
{
    size_t low = 0;
    size_t high = sizeof commands / sizeof *commands;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(name, commands[middle].name);
        if (order == 0)
            return &commands[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

bool memcached_command_may_begin(struct slice text)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (slice_starts((struct slice){commands[i].name, strlen(commands[i].name)}, text))
            return true;
    return false;
}

const struct memcached_command *memcached_commands(size_t *count)
{
    *count = sizeof commands / sizeof *commands;
    return commands;
}
