// SPDX-License-Identifier: Apache-2.0
#include "config/config.h"

#include <sys/mman.h>

#include "config/endpoint.h"
#include "config/pairs.h"
#include "config/reader.h"

static const char **text_field(struct config *config, const struct option *option)
{
    return (const char **)(void *)((char *)config + option->offset);
}

/* Moves the texts, trimmed, out of the environment, which the program may rewrite, and makes room
 * for those that are put together: *spare is where, *spare_bytes how much. */
static bool store_texts(struct config *config, char **spare, size_t *spare_bytes)
{
    size_t texts = 0;
    for (size_t i = 0; i < OPTION_ROWS; i++)
        if (option_is_text(&option_rows[i]))
            texts += strlen(*text_field(config, &option_rows[i])) + 1;
    /* Both made texts are at most as long as what they are made of. */
    size_t made = endpoint_bytes(texts) + texts + 2;
    char *storage =
        mmap(NULL, texts + made, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (storage == MAP_FAILED)
        return false;
    config->storage = storage;
    config->storage_bytes = texts + made;

    for (size_t i = 0; i < OPTION_ROWS; i++) {
        if (!option_is_text(&option_rows[i]))
            continue;
        const char **field = text_field(config, &option_rows[i]);
        struct slice text = slice_trim_space(slice_of(*field));
        memcpy(storage, text.at, text.length);
        *field = storage;
        storage += text.length + 1; /* a fresh mapping is zero */
    }
    *spare = storage;
    *spare_bytes = made;
    return true;
}

/* What OTEL_RESOURCE_ATTRIBUTES says, else OPENTELEMETRY_ENVIRONMENT or ENVIRONMENT. */
static const char *find_environment(const struct config *config, char *spare, size_t spare_bytes)
{
    static const char *const keys[] = {"deployment.environment.name", "deployment.environment"};
    for (size_t i = 0; i < 2; i++) {
        const char *found = pairs_find(config->resource_attributes, keys[i], spare, spare_bytes);
        if (found && *found)
            return found;
    }
    return config->environment;
}

static double environment_ratio(struct slice environment)
{
    static const char *const production[] = {"production", "prod", "live"};
    for (size_t i = 0; i < sizeof production / sizeof *production; i++)
        if (slice_equal_nocase(environment, slice_of(production[i])))
            return 0.01;
    return slice_equal_nocase(environment, SLICE_LITERAL("staging")) ? 0.1 : 1.0;
}

/* The ratio of roots: a fixed sampler's own, else the one that was set, else the environment's for
 * the sampler nobody chose and 1 for a ratio sampler without an argument. */
static void settle_sampler(struct config *config, bool sampler_named, bool ratio_set)
{
    struct slice environment = slice_trim_space(slice_of(config->deployment_environment));
    config->sampler_by_environment = !sampler_named && !ratio_set;
    switch (config->sampler) {
    case SAMPLER_ALWAYS_ON:
    case SAMPLER_PARENTBASED_ALWAYS_ON:
        config->sampler_ratio = 1;
        return;
    case SAMPLER_ALWAYS_OFF:
    case SAMPLER_PARENTBASED_ALWAYS_OFF:
        config->sampler_ratio = 0;
        return;
    case SAMPLER_TRACEIDRATIO:
    case SAMPLER_PARENTBASED_TRACEIDRATIO:
        if (!ratio_set)
            config->sampler_ratio = sampler_named ? 1 : environment_ratio(environment);
        return;
    }
}

/* The fields that follow from several rows. */
static void settle(struct reader *reader, char *spare, size_t spare_bytes)
{
    struct config *config = reader->config;
    bool own = *config->otlp_traces_endpoint != '\0';
    const char *endpoint = own ? config->otlp_traces_endpoint : config->otlp_endpoint;
    size_t used = endpoint_write(slice_of(endpoint), !own, spare) + 1;
    config->traces_endpoint = spare;

    config->deployment_environment = find_environment(config, spare + used, spare_bytes - used);

    const char *sampler = reader->decided_by[ROW_sampler];
    const char *name = sampler ? reader->get(reader->context, sampler) : CONFIG_SAMPLER_UNSET;
    struct slice named = slice_trim_space(slice_of(name));
    settle_sampler(config, !slice_equal_nocase(named, SLICE_LITERAL(CONFIG_SAMPLER_UNSET)),
                   reader->decided_by[ROW_sampler_ratio] != NULL);

    struct slice environment = slice_trim_space(slice_of(config->deployment_environment));
    bool develops = slice_equal_nocase(environment, SLICE_LITERAL("development")) ||
                    slice_equal_nocase(environment, SLICE_LITERAL("dev"));
    if (config->stacktrace == WHEN_AUTO)
        config->stacktrace = develops ? WHEN_ALWAYS : WHEN_NEVER;
}

/* Reads the variables again, aloud, into a copy nobody keeps: only now can whoever hears the
 * warnings know the log level, and whether this program is traced at all. */
static void warn_about(struct reader reader)
{
    struct config scratch;
    bool enabled = config_enabled(reader.config);
    reader.config = &scratch;
    if (enabled) {
        reader_read(&reader);
        return;
    }
    (void)reader_read_row(&reader, ROW_sdk_disabled);
    (void)reader_read_row(&reader, ROW_traces_enabled);
}

bool config_parse(struct config *config, const char *(*get)(void *context, const char *name),
                  void (*warn)(void *context, const char *message), void *context)
{
    _Static_assert(sizeof(enum config_sampler) == sizeof(unsigned) &&
                       sizeof(enum config_when) == sizeof(unsigned),
                   "read_value() stores enumerations as unsigned");
    struct reader reader = {.config = config, .get = get, .context = context};
    char *spare;
    size_t spare_bytes;

    memset(config, 0, sizeof *config);
    reader_read(&reader);
    if (!store_texts(config, &spare, &spare_bytes)) {
        memset(config, 0, sizeof *config);
        return false;
    }
    settle(&reader, spare, spare_bytes);

    reader.warn = warn;
    if (warn)
        warn_about(reader);
    return true;
}

void config_destroy(struct config *config)
{
    if (config->storage)
        munmap(config->storage, config->storage_bytes);
    memset(config, 0, sizeof *config);
}
