// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/protocols/http1_client/http1_dialogue.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>

#include "agent/net/connection.h"
#include "agent/observe/observe.h"
#include "agent/queue/queue.h"

#define FD HTTP1_DIALOGUE_FD

/* ---- spans as text ---- */

__attribute__((format(printf, 2, 3))) static void tell(struct http1_told *told, const char *format,
                                                       ...)
{
    size_t room = sizeof told->at - told->length;
    va_list values;
    va_start(values, format);
    int length = vsnprintf(told->at + told->length, room, format, values);
    va_end(values);
    told->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void tell_entry(struct http1_told *told, const struct span_entry *entry)
{
    struct slice text = span_entry_text(entry);
    switch (entry->kind) {
    case SPAN_ENTRY_NAME:
        tell(told, " %.*s", (int)text.length, text.at);
        break;
    case SPAN_ENTRY_STRING:
        tell(told, " #%u %.*s", entry->number, (int)text.length, text.at);
        break;
    case SPAN_ENTRY_INTEGER:
    case SPAN_ENTRY_BOOLEAN:
        tell(told, " #%u=%lld", entry->number, (long long)span_entry_integer(entry));
        break;
    case SPAN_ENTRY_EVENT:
        tell(told, " @%u", entry->number);
        break;
    default:
        break;
    }
}

void http1_dialogue_tell(struct http1_told *told)
{
    static _Alignas(8) unsigned char memory[RING_RECORD_BYTES_MAX];
    const struct span_record *span = (const struct span_record *)(const void *)memory;
    told->length = 0;
    told->at[0] = 0;
    while (ring_read(queue.region.ring, memory, sizeof memory)) {
        const struct span_entry *entry = NULL;
        tell(told, "%u%s", span->kind, span->status == SPAN_STATUS_ERROR ? " !" : "");
        while ((entry = span_next_entry(span, entry)) != NULL)
            tell_entry(told, entry);
        tell(told, "\n");
    }
}

/* ---- steps ---- */

static void receive(struct slice bytes, size_t piece, const struct guarded *memory)
{
    while (bytes.length) {
        size_t length = bytes.length < piece ? bytes.length : piece;
        struct slice part = guarded_copy(memory, (struct slice){bytes.at, length});
        observe_received(FD, part.at, (ssize_t)length, 0);
        bytes = slice_after(bytes, length);
    }
}

static void send_bytes(struct slice bytes, size_t piece, const struct guarded *memory,
                       struct slice crossed)
{
    while (bytes.length) {
        size_t length = bytes.length < piece ? bytes.length : piece;
        struct sending sending = observe_sending(FD);
        if (crossed.length && length == bytes.length) {
            receive(crossed, piece, memory);
            crossed.length = 0;
        }
        struct slice part = guarded_copy(memory, (struct slice){bytes.at, length});
        observe_sent(&sending, part.at, (ssize_t)length, 0);
        bytes = slice_after(bytes, length);
    }
    receive(crossed, piece, memory);
}

static void take_step(unsigned kind, struct slice bytes, size_t piece, const struct guarded *memory,
                      struct slice *crossed)
{
    switch (kind) {
    case HTTP1_STEP_SENT:
        send_bytes(bytes, piece, memory, *crossed);
        *crossed = SLICE_NONE;
        break;
    case HTTP1_STEP_RECEIVED:
        receive(bytes, piece, memory);
        break;
    case HTTP1_STEP_CROSSED:
        *crossed = bytes;
        break;
    default:
        observe_received_unseen(FD, (ssize_t)bytes.length);
        break;
    }
}

bool http1_dialogue_is_read(void)
{
    const struct connection *connection = connection_of(FD);
    return connection && !atomic_load(&connection->opaque) &&
           !atomic_load(&connection->flow.unread);
}

void http1_dialogue_play(struct slice steps, size_t piece, const struct guarded *memory,
                         struct http1_told *told)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(8080)};
    struct slice crossed = SLICE_NONE;
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    observe_connected(FD, (struct sockaddr *)&peer, sizeof peer, 0);
    while (steps.length > 1) {
        unsigned head = (unsigned char)steps.at[0];
        size_t length = (head << 8 | (unsigned char)steps.at[1]) & HTTP1_STEP_MOST;
        steps = slice_after(steps, 2);
        if (length > steps.length)
            length = steps.length;
        take_step(head & HTTP1_STEP_KIND, (struct slice){steps.at, length}, piece, memory,
                  &crossed);
        steps = slice_after(steps, length);
    }
    observe_closing(FD);
    http1_dialogue_tell(told);
}
