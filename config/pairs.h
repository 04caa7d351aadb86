// SPDX-License-Identifier: Apache-2.0
/* pairs.h - `key=value,key=value`, as in OTEL_RESOURCE_ATTRIBUTES and OTEL_EXPORTER_OTLP_HEADERS.
 *
 * Keys and values are trimmed, then percent-decoded (OpenTelemetry Resource SDK, "Specifying
 * resource information via an environment variable"; OTLP exporter, "Specifying headers"). A value
 * may contain `=`: base64 does. Pure and without allocation, because the values are read in the
 * constructor and again by the exporter's thread.
 *
 *     struct pairs pairs = pairs_of(config->otlp_headers);
 *     struct pairs_pair pair;
 *     enum pairs_result result;
 *     while ((result = pairs_next(&pairs, buffer, sizeof buffer, &pair)) != PAIRS_END)
 *         if (result == PAIRS_PAIR)
 *             use(pair.key, pair.key_length, pair.value, pair.value_length);
 */
#ifndef CONFIG_PAIRS_H
#define CONFIG_PAIRS_H

#include "agent/base/slice.h"

struct pairs {
    struct slice rest;
    unsigned index; /* of the pair returned last, from 1; empty places between commas don't count */
};

struct pairs_pair {
    const char *key; /* in the buffer, terminated, at least one byte */
    size_t key_length;
    const char *value; /* in the buffer, terminated, may be empty */
    size_t value_length;
};

enum pairs_result {
    PAIRS_END,
    PAIRS_PAIR,
    /* No `=`, no key, a `%` without two hexadecimal digits, or a control character: a decoded line
     * end would let a header smuggle in another one. pairs.index says which pair. */
    PAIRS_MALFORMED,
    PAIRS_TOO_LONG /* for the buffer; the text's length + 2 always suffices */
};

/* text is terminated and outlives the iteration. */
struct pairs pairs_of(const char *text);

/* The next pair, decoded into the buffer, where it stays until the buffer is used again. With a
 * buffer of NULL the pair is only checked, and *pair is left alone. */
enum pairs_result pairs_next(struct pairs *pairs, char *buffer, size_t buffer_bytes,
                             struct pairs_pair *pair);

/* The value of a key (case matters), decoded into the buffer; the last one where the key is
 * repeated, NULL where it does not occur. */
const char *pairs_find(const char *text, const char *key, char *buffer, size_t buffer_bytes);

#endif
