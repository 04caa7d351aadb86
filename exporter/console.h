// SPDX-License-Identifier: Apache-2.0
/* console.h - traces for people, as trees on stderr.
 *
 * Spans of a trace end one by one, the children first; so they are kept until the one arrives
 * that this process began with (or its patience ends), then shown together in one write. Spans of
 * the same trace in other processes are shown by those. stdout is the application's. */
#ifndef EXPORTER_CONSOLE_H
#define EXPORTER_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/span/span.h"
#include "config/config.h"
#include "exporter/base/arena.h"

#define CONSOLE_SPANS_MOST 1024 /* kept at once; then all are shown */

struct console_span {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t parent_id[8];
    uint64_t start_ns;
    uint64_t end_ns;
    bool root; /* the trace's, or the first of this process */
    bool error;
    bool has_parent; /* among those kept; known while the trace is shown */
    bool shown;
    const char *kind;
    char name[128];
    char detail[192];
};

struct console {
    bool (*say)(const char *text, size_t length); /* standard_error_say(); tests have their own */
    bool color;
    uint64_t patience_ns;
    struct arena arena;
    struct console_span *spans; /* NULL until the first one comes */
    int count;
    char *text; /* a tree being written */
    size_t length;
};

/* Opens and maps nothing yet. */
void console_init(struct console *console, const struct config *config);

/* Keeps what will be shown of a record. */
void console_add(struct console *console, const struct span_record *record);

/* Shows the traces that are complete, or whose last span ended longer ago than two schedule
 * delays; `now_ns` CLOCK_MONOTONIC, UINT64_MAX: shows all. */
void console_flush(struct console *console, uint64_t now_ns);

#endif
