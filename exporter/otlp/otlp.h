// SPDX-License-Identifier: Apache-2.0
/* otlp.h - spans as the OpenTelemetry protocol writes them.
 *
 * A batch is an ExportTraceServiceRequest in the making. Each record is encoded as soon as it
 * leaves the ring, while it is warm in the cache, behind the others of its scope; the finished
 * batch is a list of pieces (resource, then scope after scope) that a transport sends without
 * copying them together. The same bytes are kept for every retry.
 *
 * Here the two generations of attribute names become real: an attribute is sent under its stable
 * name and, where the configuration asks for it, under each different older one. Limits and the
 * repair of invalid UTF-8 are applied here too, so that everything downstream sees what was sent.
 *
 * Spans are written by hand (wire.h) with each name encoded once: a server span with 20
 * attributes under both names takes 0.3 us, where protobuf-c's generic packing of the finished tree
 * takes 2.0 us, and the budget of a whole request is 0.44 us. */
#ifndef EXPORTER_OTLP_H
#define EXPORTER_OTLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "agent/base/slice.h"
#include "agent/span/span.h"
#include "config/config.h"
#include "exporter/base/arena.h"
#include "exporter/otlp/span_wire.h"

/* The release that the stable names of attributes.def come from. It is a promise about names that
 * backends may use to translate them; a later release's URL would promise names we do not send. */
#define OTLP_SCHEMA_URL "https://opentelemetry.io/schemas/1.30.0"

/* The largest record that is encoded; larger ones do not occur (span.h) and are refused. */
#define OTLP_RECORD_BYTES_MOST 32768

#define OTLP_PIECES (2 + 2 * SPAN_SCOPE_COUNT)

/* A finished batch: an encoded request in pieces that belong to the encoder. */
struct otlp_body {
    struct iovec pieces[OTLP_PIECES];
    int count;
    size_t bytes; /* of all pieces */
};

/* Encoded spans of one scope. */
struct otlp_part {
    unsigned char *spans; /* start of the memory */
    size_t used;          /* bytes */
    unsigned char head[160];
};

/* Whole ResourceSpans of other processes, one after the other. */
struct otlp_others {
    unsigned char *at;
    size_t used;                 /* bytes */
    size_t begun;                /* the last one's body, which may go on; 0: none */
    struct span_process process; /* whose that is */
};

struct otlp {
    struct span_wire wire;
    struct arena arena;
    struct otlp_part parts[SPAN_SCOPE_COUNT];
    struct otlp_others others;
    unsigned char *head; /* request, resource */
    unsigned spans;      /* in the batch */
    bool full;           /* a scope, or what is of others, has as much as is wanted */
};

/* Maps memory (about 5 MB of addresses; only what a batch needs is touched) and encodes the
 * names. False where there is no memory. */
bool otlp_init(struct otlp *otlp, const struct config *config);

/* Whether a further record of any size fits. If not, the batch has to leave first. */
bool otlp_room(const struct otlp *otlp);

/* Adds a record of `length` bytes; `unix_offset_ns` as clock_unix_offset_ns() gives it. False
 * where the record is damaged. Only after otlp_room(). */
bool otlp_add(struct otlp *otlp, const struct span_record *record, size_t length,
              int64_t unix_offset_ns);

/* Likewise a record of a forked child of the process whose resource that is, which is at most
 * RESOURCE_BYTES_MOST long. */
bool otlp_add_of_child(struct otlp *otlp, const struct span_record *record, size_t length,
                       int64_t unix_offset_ns, const struct span_process *child,
                       struct slice resource);

/* The batch so far, `resource` being an encoded Resource message of at most RESOURCE_BYTES_MOST.
 * Valid until the next otlp_add() or otlp_clear(). */
void otlp_finish(struct otlp *otlp, struct slice resource, struct otlp_body *body);

/* Forgets the batch. */
void otlp_clear(struct otlp *otlp);

#endif
