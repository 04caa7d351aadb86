// SPDX-License-Identifier: Apache-2.0
/* collector.h - a batch's way to the OpenTelemetry collector.
 *
 * Compresses where that pays, posts, tries again where the protocol allows it, reads what the
 * collector says about the batch, and tells people once when it starts to fail and once when it
 * works again. */
#ifndef EXPORTER_COLLECTOR_H
#define EXPORTER_COLLECTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "exporter/base/arena.h"
#include "exporter/otlp/otlp.h"
#include "exporter/transport/endpoint.h"
#include "exporter/transport/gzip.h"
#include "exporter/transport/http.h"
#include "exporter/transport/https.h"
#include "exporter/transport/transport.h"

struct collector {
    const struct config *config;
    struct endpoint endpoint;
    struct transport *transport;
    const struct loader *loader; /* for https; set before collector_init() */
    struct http http;            /* the transports: one of them is used */
    struct https https;
    struct gzip gzip;
    struct arena answer; /* what protobuf-c unpacks the answer into */
    const _Atomic uint64_t *stop_ns;
    /* Waits that many milliseconds, less when the process ends. */
    void (*pause)(int64_t wait_ms);

    bool failing;  /* said so, or another of the tree has */
    bool answered; /* taken a batch of this process */
    uint64_t failing_since_ns;
    uint64_t dropped_since;
    uint64_t queue_full_before; /* counters.dropped_queue_full when the last good time ended */
    bool partial_said;
    uint32_t random; /* state of the generator of jitter */
};

/* What became of a batch. */
struct collector_verdict {
    bool accepted;     /* false: the whole batch is lost, but for `again` */
    uint64_t rejected; /* spans that the collector refused, at most the batch's */
    /* Not accepted, but another process may have better luck. Only where this one ends, in which a
     * batch is not tried twice. */
    bool again;
    bool late; /* likewise, because there was no answer until the time of this one was over */
};

/* `url`: the complete URL to post to. Opens nothing. `stop_ns` as in transport_post. */
void collector_init(struct collector *collector, const struct config *config, const char *url,
                    const _Atomic uint64_t *stop_ns, void (*pause)(int64_t wait_ms));

/* Opens libraries and reads files, where the transport needs any: on a thread of the application,
 * before the first collector_export(), once. */
void collector_open(struct collector *collector);

/* Whether collector_prepare() asks a resolver, and so may take long. */
bool collector_asks(const struct collector *collector);

/* Looks up the address; any thread, once. */
void collector_prepare(struct collector *collector);

/* Sends a batch of `spans` spans. Blocks until it is accepted or given up: at most for the
 * export timeout, or until the process has to end; once it ends, for one post at most. */
struct collector_verdict collector_export(struct collector *collector, const struct otlp_body *body,
                                          unsigned spans);

void collector_close(struct collector *collector);

#endif
