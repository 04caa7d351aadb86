// SPDX-License-Identifier: Apache-2.0
/* Any environment gives a configuration within its bounds, and messages without control characters.
 *
 * The input is lines. The first byte of a line picks a variable (by its place among all of them,
 * from `!` on, so that a corpus can be written by hand), the rest is its value. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "config/config.h"
#include "config/option.h"
#include "config/pairs.h"

enum { NAMES = OPTION_ROWS * 4 };

struct environment {
    unsigned count;
    const char *names[NAMES];
    const char *values[NAMES];
};

static unsigned list_names(const char **names)
{
    unsigned count = 0;
    for (unsigned row = 0; row < OPTION_ROWS; row++)
        for (unsigned rank = 0; option_rows[row].variables[rank]; rank++)
            names[count++] = option_rows[row].variables[rank];
    return count;
}

static const char *get(void *context, const char *name)
{
    const struct environment *environment = context;
    for (unsigned i = 0; i < environment->count; i++)
        if (strcmp(environment->names[i], name) == 0)
            return environment->values[i];
    abort(); /* asked for a variable that no row has */
}

static void warn(void *context, const char *message)
{
    (void)context;
    for (; *message; message++)
        if ((unsigned char)*message < 0x20 || *message == 0x7f)
            abort();
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_bounds(const struct config *config)
{
    for (unsigned row = 0; row < OPTION_ROWS; row++) {
        const struct option *option = &option_rows[row];
        const char *field = (const char *)config + option->offset;
        int64_t number;
        memcpy(&number, field, sizeof number);
        if (option->type == OPTION_INTEGER || option->type == OPTION_MILLISECONDS)
            require((number >= option->least && number <= option->most) ||
                    row == ROW_max_export_batch_size);
    }
    require(config->max_export_batch_size >= 1 &&
            config->max_export_batch_size <= config->max_queue_size);
    require(config->sampler_ratio >= 0 && config->sampler_ratio <= 1);
    const char *endpoint = config_traces_endpoint(config);
    require(strncmp(endpoint, "http://", 7) == 0 || strncmp(endpoint, "https://", 8) == 0 ||
            strncmp(endpoint, "unix:///", 8) == 0);
}

static void check_pairs(const char *text)
{
    size_t bytes = strlen(text) + 2;
    char *buffer = malloc(bytes);
    struct pairs pairs = pairs_of(text);
    struct pairs_pair pair;
    enum pairs_result result;
    while (buffer && (result = pairs_next(&pairs, buffer, bytes, &pair)) != PAIRS_END)
        require(result != PAIRS_TOO_LONG);
    free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct environment environment = {.count = 0};
    struct config config;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';

    environment.count = list_names(environment.names);
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        if (*line)
            environment.values[(unsigned char)(*line - '!') % environment.count] = line + 1;

    require(config_parse(&config, get, warn, &environment));
    check_bounds(&config);
    check_pairs(config.otlp_headers);
    check_pairs(config.resource_attributes);
    (void)config_executable_allowed(&config, config.export_file);
    config_destroy(&config);
    free(text);
    return 0;
}
