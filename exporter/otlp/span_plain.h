// SPDX-License-Identifier: Apache-2.0
/* span_plain.h - the span that nearly every one is: facts that were seen before, and nothing else.
 */
#ifndef EXPORTER_SPAN_PLAIN_H
#define EXPORTER_SPAN_PLAIN_H

#include "exporter/otlp/span_fields.h"

/* As span_wire_put() would, by that plan; NULL: it has to, and nothing was written that counts. */
unsigned char *span_plain_put(struct span_wire *wire, unsigned char *at,
                              const struct span_record *record, int64_t unix_offset_ns,
                              const struct describe_plan *plan);

#endif
