// SPDX-License-Identifier: Apache-2.0
/* client_span.h - what spans of client libraries' calls share.
 *
 * At the beginning of a call only ids and the clock are taken, because a call may block for long,
 * be cancelled or be jumped out of, and nothing of ours may hang on its return. The record is
 * written in one piece at the end, in a page that is given back at once; a signal handler or
 * another coroutine in the middle of it takes a page of its own. Nothing is recorded of a span
 * that is not sampled, but its context still travels.
 *
 * A server's call that belongs to no request is worth a span only where it failed or was slow,
 * which is known at its end, after its context has gone out. So that travels as one of an
 * unsampled trace: what is called records nothing for a span that mostly never comes. */
#ifndef AGENT_CLIENT_SPAN_H
#define AGENT_CLIENT_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/peer.h"
#include "agent/span/span.h"
#include "config/config.h"

#define CLIENT_RECORD_BYTES  10208
#define CLIENT_SCRATCH_BYTES 6144

/* How a call ends. */
enum client_ending {
    CLIENT_ENDED,     /* it returned, was answered, or nobody will wait for it any more */
    CLIENT_FORGOTTEN, /* it was none after all, or not one to tell of */
    CLIENT_ABANDONED  /* the process ends before, or the caller has jumped out of it */
};

/* What becomes of a call that belongs to no request (OTEL_AGENT_ROOT_CLIENT_SPANS). */
enum client_outside {
    CLIENT_KEPT,         /* it belongs to one, or all are kept */
    CLIENT_KEPT_NOTABLE, /* where it failed or was slow */
    CLIENT_LEFT_OUT
};

/* A span that has begun: a value, that may be kept anywhere. */
struct client_span {
    struct span_context self;
    struct span_context parent;
    uint64_t start_ns; /* CLOCK_MONOTONIC */
    uint32_t process;  /* that it began in: a forked child has a copy */
    bool begun;
    bool recorded;
    bool is_session; /* a database call that is no statement (OTEL_AGENT_DB_SPANS) */
    uint8_t outside; /* enum client_outside */
};

/* Where a record is written, with working memory for texts. */
struct client_page {
    uint64_t link; /* the slab's, while free */
    uint32_t index;
    struct span span;
    char scratch[CLIENT_SCRATCH_BYTES];
    _Alignas(8) unsigned char record[CLIENT_RECORD_BYTES];
};

/* Takes what was configured. Before the first span. */
void client_span_prepare(const struct config *config);

/* Begins a span now, below the thread's current context. */
void client_span_begin(struct client_span *client);

/* Begins a span that stands beside `first`, below the same parent, whatever the thread works for by
 * now: it tells of what `first` began. */
void client_span_follow(struct client_span *client, const struct client_span *first,
                        uint64_t start_ns);

/* The one place where calls end: each that has begun passes it once, however it ends, before it is
 * asked whether anything is recorded of it. `span` is what is told of it, NULL: nothing. A record
 * is handed over, unless it is one to leave out (counted); one that was abandoned is counted as
 * what its span would have been. A forked child's copy, whose original ends elsewhere, is forgotten
 * whatever `ending` says. */
void client_span_over(struct client_span *client, enum client_ending ending, struct span *span,
                      uint64_t end_ns);

static inline void client_span_forget(struct client_span *client)
{
    client_span_over(client, CLIENT_FORGOTTEN, NULL, 0);
}

/* The same for what others own, who may still end it: it passes as a copy. */
static inline void client_span_abandon_copy(const struct client_span *client)
{
    struct client_span copy = *client;
    if (copy.begun)
        client_span_over(&copy, CLIENT_ABANDONED, NULL, 0);
}

/* A page with the record begun; NULL where the span is not recorded, or no memory is left for it
 * (counted). Every page goes to client_span_end(). */
struct client_page *client_span_describe(const struct client_span *client, enum span_scope scope);

/* The same for whoever has memory of his own for the record: at least SPAN_BYTES_LEAST, aligned to
 * 8. Of a span that is recorded. */
void client_span_open(const struct client_span *client, struct span *span, void *memory,
                      uint32_t capacity, enum span_scope scope);

/* A page as working memory, where no span is written; NULL where there is none. */
struct client_page *client_page_take(void);
void client_page_give(struct client_page *page);

/* A span that could not even begin, for want of memory: counted. */
void client_span_lost(void);

/* It ends, and so does the page's use; NULL: nothing is recorded of it. */
static inline void client_span_end(struct client_span *client, struct client_page *page,
                                   uint64_t end_ns)
{
    client_span_over(client, CLIENT_ENDED, page ? &page->span : NULL, end_ns);
    if (page)
        client_page_give(page);
}

/* Has it begun in this process? Else it is a copy, whose original ends elsewhere. */
bool client_span_is_ours(const struct client_span *client);

/* A string without what is a secret by its shape. Uses the page's working memory. */
void client_span_string(struct client_page *page, enum attribute attribute, struct slice text);

/* The server's address, as the connection has it. */
void client_span_server(struct span *span, const struct peer *peer);

/* `error.type`, `error.message`, status Error, before the span's first event. Absent slices are
 * left out. */
void client_span_error(struct span *span, struct slice type, struct slice message);

/* The event `exception`, after all of the span's own attributes. */
void client_span_exception(struct span *span, struct slice type, struct slice message,
                           uint64_t time_ns);

/* It only sets up a connection: left out where it was well, unless all are asked for. */
void client_span_sets_up(struct client_span *client);

/* Writes `value` in decimal at `out` and returns it. */
#define CLIENT_DECIMAL_BYTES 20
struct slice client_decimal(uint64_t value, char out[CLIENT_DECIMAL_BYTES]);

#endif
