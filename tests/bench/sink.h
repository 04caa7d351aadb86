// SPDX-License-Identifier: Apache-2.0
/* sink.h - a collector for what is measured: takes OTLP posts, counts them and answers at once.
 *
 * It lives in the process that loads, because a process of its own would take the load's processor
 * in slices of milliseconds, and the latencies would tell of those. It reads a little at a time. */
#ifndef BENCH_SINK_H
#define BENCH_SINK_H

#include <stdint.h>

struct sink_counts {
    long spans; /* of posts that are not compressed */
    long posts;
    long bytes; /* of their bodies */
};

struct sink_peer; /* a connection of an exporter */

/* Listens on a free port of 127.0.0.1 and adds itself to `epoll`, with `tag` as data.ptr; its
 * connections come with their sink_peer there. Returns the port; ends the process on failure. */
uint16_t sink_open(int epoll, void *tag);

void sink_accept(void);

/* Reads at most 16 KB. */
void sink_receive(struct sink_peer *peer);

/* What came since the last call. */
struct sink_counts sink_take(void);

/* Spans in the body of an ExportTraceServiceRequest; -1 where it is none. */
long sink_count_spans(const uint8_t *bytes, const uint8_t *end);

#endif
