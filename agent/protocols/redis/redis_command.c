// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/redis/redis_command.h"

static const struct redis_command commands[] = {
#define REDIS_COMMAND(name, arguments, kind) {name, arguments, REDIS_##kind},
#include "agent/protocols/redis/redis_commands.def"
#undef REDIS_COMMAND
};

static const char options[][16] = {
#define REDIS_OPTION(word) word,
#include "agent/protocols/redis/redis_options.def"
#undef REDIS_OPTION
};

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

/* Like strcmp(), of a text and a name in upper case. */
static int compare(struct slice text, const char *name)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)upper(text.at[i]);
        unsigned char other = (unsigned char)name[i];
        if (c != other)
            return c < other ? -1 : 1;
        if (!c)
            return 1; /* a NUL in the text: longer than any name */
    }
    return name[text.length] ? -1 : 0;
}

const struct redis_command *redis_command_find(struct slice name)
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

const struct redis_command *redis_command_find_sub(const struct redis_command *command,
                                                   struct slice name)
{
    char both[REDIS_COMMAND_BYTES];
    size_t length = strlen(command->name);
    if (length + 1 + name.length > sizeof both)
        return NULL;
    memcpy(both, command->name, length);
    both[length++] = '|';
    if (name.length)
        memcpy(both + length, name.at, name.length);
    return redis_command_find((struct slice){both, length + name.length});
}

bool redis_command_is_option(struct slice word)
{
    size_t low = 0;
    size_t high = sizeof options / sizeof *options;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(word, options[middle]);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

const struct redis_command *redis_commands(size_t *count)
{
    *count = sizeof commands / sizeof *commands;
    return commands;
}
