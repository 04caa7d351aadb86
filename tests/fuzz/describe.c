// SPDX-License-Identifier: Apache-2.0
/* Facts of strangers, as a file that somebody has left may hold them: what is made of them is a
 * sound record in the memory that there is for it, nothing outside the facts is read, and encoding
 * it goes well. What is whole says method and name.
 *
 * Input: a byte, then a record; with an odd byte what follows are the entries of a sound head, the
 * first one of them facts. */
#include <stdlib.h>
#include <string.h>

#include "agent/describe/describe.h"
#include "agent/describe/http_facts.h"
#include "agent/describe/http_naming.h"
#include "exporter/otlp/otlp.h"

#define RECORD_BYTES 16384
#define WORDS_BYTES  DESCRIBE_BYTES(RECORD_BYTES)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config config;
static struct otlp otlp;
static _Alignas(8) unsigned char words[WORDS_BYTES];

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static const char *variable(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "OTEL_AGENT_HTTP_ROUTES") == 0 ? "/shop/{name},/files/*" : NULL;
}

static void begin(void)
{
    demand(config_parse(&config, variable, NULL, NULL));
    demand(http_naming_prepare(&config) && otlp_init(&otlp, &config));
}

/* Just as long as it is, so that a byte too many is found. */
static struct span_record *record_of(bool sound, const uint8_t *data, size_t size)
{
    size_t bytes = (sound ? sizeof(struct span_record) : 0) + size;
    if (bytes < sizeof(struct span_record) || bytes > RECORD_BYTES)
        return NULL;
    struct span_record *record = malloc(bytes);
    demand(record != NULL);
    memset(record, 0, sizeof *record);
    memcpy((unsigned char *)record + bytes - size, data, size);
    if (sound) {
        record->facts_at = sizeof *record;
        record->length = (uint32_t)bytes;
        record->kind = SPAN_KIND_SERVER;
    }
    return record;
}

static void check(const struct span_record *record)
{
    size_t used = sizeof *record;
    for (const struct span_entry *entry = span_next_entry(record, NULL); entry;
         entry = span_next_entry(record, entry))
        used += sizeof *entry + ((entry->length + 7u) & ~7u);
    demand(record->length == used && used <= sizeof words);
}

static bool is_whole(const struct span_record *record)
{
    const struct span_entry *entry = span_find_facts(record);
    if (!entry || entry->number != SPAN_FACTS_HTTP_SERVER || entry->length < HTTP_FACTS_BYTES)
        return false;
    const struct http_facts *facts = (const struct http_facts *)(const void *)entry->bytes;
    size_t texts = 0;
    for (int i = 0; i < HTTP_TEXTS; i++)
        texts += facts->lengths[i] == FACTS_ABSENT ? 0 : facts->lengths[i];
    return texts <= entry->length - HTTP_FACTS_BYTES;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct otlp_body body;
    if (!config.exporters)
        begin();
    if (!size)
        return 0;
    struct span_record *record = record_of(data[0] & 1, data + 1, size - 1);
    if (record && record->length <= size - 1 + (data[0] & 1) * sizeof *record) {
        const struct span_record *described = describe(record, words, sizeof words);
        if (described != record) {
            check(described);
            demand(!is_whole(record) ||
                   (span_find_name(described).length >= 3 &&
                    span_find_string(described, ATTRIBUTE_HTTP_REQUEST_METHOD).length >= 3));
        }
        otlp_add(&otlp, described, described->length, 1);
        otlp_finish(&otlp, SLICE_LITERAL(""), &body);
        otlp_clear(&otlp);
    }
    free(record);
    return 0;
}
