// SPDX-License-Identifier: Apache-2.0
/* outlet.h - where spans leave the process: batches for every configured exporter.
 *
 * Takes records out of a ring, this process's or that of one that was killed, encodes them once,
 * and hands each batch to file, console and collector. A batch's records stay in the ring until it
 * was accepted or given up, with a note of who has it already: so whoever finds them there gives
 * them to the others only. Each record is counted once.
 *
 * The exporter's thread's own, but for what is atomic. */
#ifndef EXPORTER_OUTLET_H
#define EXPORTER_OUTLET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/queue/recovery.h"
#include "agent/queue/ring.h"
#include "config/config.h"
#include "exporter/base/arena.h"
#include "exporter/console.h"
#include "exporter/file.h"
#include "exporter/otlp/otlp.h"
#include "exporter/symbols.h"
#include "exporter/transport/collector.h"

/* Whose spans a batch is made of. */
struct source {
    struct ring *ring;
    struct slice resource;
    int64_t unix_offset_ns;
    struct recovery *dead; /* NULL: they are this process's own */
};

struct outlet {
    const struct config *config;
    bool (*outlives)(void);   /* what is left in this process's ring is not lost; may be NULL */
    _Atomic uint64_t stop_ns; /* when sending has to end, CLOCK_MONOTONIC; 0: not yet known */
    _Atomic bool doubtful;    /* relaxed: as outlet_ask_doubt() found last */
    _Atomic bool relieved; /* relaxed: at its end another process waits for what this one leaves */
    uint64_t took_ns;      /* how long the last batch took, in a process that ends */
    uint32_t noted; /* of the batch: enum config_exporters that had it from another process */
    struct arena record;
    struct arena described; /* a record whose facts are in words, for the console */
    struct arena spelled;   /* a record whose stack trace is in words; mapped with the first */
    struct symbols symbols;
    struct otlp otlp;
    struct collector collector;
    struct file file;
    struct console console;
};

/* Of the members only `config`, `outlives` and the collector's loader are set before. Opens
 * nothing, and may be called again in a forked child. `pause` as the collector wants it. */
void outlet_init(struct outlet *outlet, const char *endpoint, void (*pause)(int64_t wait_ms));
bool outlet_take_memory(struct outlet *outlet);

bool outlet_has(const struct outlet *outlet, enum config_exporters which);
bool outlet_out_of_time(const struct outlet *outlet);

/* Has the process begun to end? */
bool outlet_is_ending(const struct outlet *outlet);

/* Sends all there is. False: some of it is left, and time is over: nothing more will be sent. In a
 * process that ends time is over, too, with the first batch that fails but may be sent by others,
 * and where the next one would hardly be answered before the end. */
bool outlet_send(struct outlet *outlet, const struct source *source);

/* Has a process waited for a collector in vain, a moment ago (late.h)? Notes it in `doubtful`, and
 * then this one waits no longer than a tenth of a second at its end. */
bool outlet_ask_doubt(struct outlet *outlet);

/* Would somebody else find what stays where it is? `dead`: of whom; NULL: this process. */
bool outlet_outlives(const struct outlet *outlet, const struct recovery *dead);

/* Is what can't be sent any more not lost, because somebody else will find it? */
bool outlet_others_will_send(const struct outlet *outlet, const struct recovery *dead);

/* For another thread than the one that sends, at the end: nothing more goes into the file, but a
 * line that is being written. Is what is left not lost, as above? */
bool outlet_abandon(struct outlet *outlet);

/* What waits in the ring is dropped, and counted. */
void outlet_drop(struct outlet *outlet, struct ring *ring);

/* Closes what is open; the console's traces that are not complete stay. */
void outlet_close(struct outlet *outlet);

#endif
