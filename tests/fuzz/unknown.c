// SPDX-License-Identifier: Apache-2.0
/* unknown.c - an environment, a variable a line. What is told is a name that lies in it, is none of
 * the agent's, and comes with one that is. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/unknown.h"

#define MOST       4096
#define LINES_MOST 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char text[MOST + 1];

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void refuse(void *context, struct slice name, const char *nearest)
{
    (void)context;
    (void)name;
    (void)nearest;
    abort();
}

static void told(void *context, struct slice name, const char *nearest)
{
    size_t *count = context;
    demand(name.at >= text && name.at + name.length < text + sizeof text);
    demand((name.at[name.length] == '=' || name.at[name.length] == '\0') &&
           !memchr(name.at, '=', name.length));
    demand(strlen(nearest) != name.length || memcmp(nearest, name.at, name.length) != 0);
    char known[128];
    size_t length = strlen(nearest);
    demand(length + 2 <= sizeof known);
    memcpy(known, nearest, length);
    memcpy(known + length, "=", 2);
    unknown_find((char *[]){known, NULL}, refuse, NULL);
    (*count)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MOST)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    char *environment[LINES_MOST + 1];
    size_t lines = 0, count = 0;
    char *line = text;
    for (char *end; lines < LINES_MOST && (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        environment[lines++] = line;
    }
    environment[lines] = NULL;
    unknown_find(environment, told, &count);
    demand(count <= lines);
    return 0;
}
