// SPDX-License-Identifier: Apache-2.0
/* Bytes of a connection become exchanges: the parser is fed, heads that arrive in pieces are
 * collected, requests wait in the pipeline for their responses. */
#include "agent/net/connection.h"
#include "agent/net/connection_private.h"

#include "agent/base/clock.h"
#include "agent/base/counters.h"
#include "agent/net/spare_head.h"
#include "agent/net/unseen.h"
#include "agent/protocols/http1/http1_exchange.h"
#include "agent/work/exchange.h"
#include "agent/work/exchange_inheritance.h"
#include "agent/work/work.h"

__attribute__((cold)) static void lose(struct connection *connection)
{
    connection_make_opaque(connection, true);
    work_leave(&connection->channel);
}

/* What comes is not understood any more. The answers to what was are still followed; with the last
 * of them, seen here or in response_over(), nothing is left to see. `awaited`: see unseen.h. */
__attribute__((cold)) static void lose_requests(struct connection *connection, bool awaited)
{
    head_store_drop(&connection->received.place);
    connection->received.state = DIRECTION_TUNNEL;
    connection_count_loss(connection);
    if (awaited)
        work_leave(&connection->channel);
    else if (pipeline_empty(&connection->channel.pipeline))
        lose(connection);
}

__attribute__((cold)) static void lose_direction(struct connection *connection,
                                                 struct direction *direction, struct slice bytes)
{
    bool awaited = unseen_lost(connection, direction, bytes);
    if (direction == &connection->received)
        lose_requests(connection, awaited);
    else
        lose(connection);
}

/* A complete request head: an exchange begins. Inlined: most requests need nothing else. */
__attribute__((always_inline)) static inline void request_began(struct connection *connection,
                                                                const struct http1_request *request,
                                                                struct exchange *exchange)
{
    struct direction *received = &connection->received;
    if (exchange)
        http1_exchange_begin(exchange, &connection->peer, received->head_ns);
    else
        counters_add(&counters.dropped_exchanges, 1);
    uint32_t entry = exchange ? exchange->slot + 1 : PIPELINE_UNTRACED;
    entry |= (uint32_t)http1_method(request->method) << PIPELINE_NOTE;
    if (atomic_load_explicit(&connection->channel.pipeline.placed, memory_order_relaxed) !=
        connection->channel.reads_from)
        entry |= PIPELINE_ALONG;

    http1_body_of_request(&received->body, request);
    if (exchange) {
        connection->channel.newest =
            atomic_load_explicit(&exchange->generation, memory_order_relaxed);
        reading_begin(&exchange->reading, received->body.state == HTTP1_BODY_DONE);
    }
    work_begins(&connection->channel, exchange);
    if (exchange && received->body.framing == HTTP1_LENGTH)
        exchange_request_body(exchange->slot, connection->channel.newest, received->body.remaining);
    if (!pipeline_place(&connection->channel.pipeline, entry)) {
        if (exchange)
            exchange_forget(exchange);
        counters_add(&counters.dropped_exchanges, 1);
        lose_requests(connection, false);
        return;
    }
    if (received->body.state == HTTP1_BODY_BAD)
        lose_requests(connection, false);
    else if (received->body.state == HTTP1_BODY_MORE)
        received->state = DIRECTION_BODY;
}

/* `answering`: this thread sent the end of it. Who answers another request than the one it was
 * known to work for works for several. */
static void response_over(struct connection *connection, bool answering, uint64_t now_ns)
{
    struct direction *sent = &connection->sent;
    uint32_t entry = pipeline_front(&connection->channel.pipeline);
    struct exchange *exchange = pipeline_exchange(entry);
    bool was_current = work_is_for(entry);
    if (answering && !was_current)
        context_clear();
    sent->state = DIRECTION_HEAD;
    pipeline_take(
        &connection->channel.pipeline); /* before its slot is given back: see work_for() */
    if (exchange)
        exchange_end(exchange, sent->body.seen_bytes, now_ns);
    uint32_t next = pipeline_front(&connection->channel.pipeline);
    if (atomic_load(&connection->requests_lost) && !next)
        lose(connection);
    if (!was_current)
        return;
    /* What a thread does after a response may be work of its own, and belongs to nobody; unless the
     * next request is already there: it was read along with this one and will be handled without a
     * read. Behind a response that lasts until close, or a tunnel's beginning, nothing will be. */
    if (work_goes_on_with(&connection->channel, next, connection_reads_wait) &&
        sent->body.framing != HTTP1_UNTIL_CLOSE && sent->body.framing != HTTP1_TUNNEL)
        work_for(&connection->channel,
                 atomic_load_explicit(&connection->channel.pipeline.taken, memory_order_relaxed));
    else if (!next)
        work_has_answered();
    else
        context_clear();
}

static void response_goes_on(struct direction *sent, uint32_t entry)
{
    sent->state = DIRECTION_BODY;
    if (!work_is_for(entry)) /* as in response_over() */
        context_clear();
}

/* A complete response head, to the request of that entry; 0: to none. */
__attribute__((always_inline)) static inline void
response_began(struct connection *connection, const struct http1_response *response, uint32_t entry,
               struct exchange *exchange, uint64_t now_ns)
{
    struct direction *sent = &connection->sent;
    if (!entry) {
        /* A refusal answers half a head, or none in time; other answers, a request that was not
         * seen. */
        if (response->status < 400) {
            unseen_answered(connection);
            lose(connection);
        } else {
            connection_make_opaque(connection, false);
        }
        return;
    }
    if (http1_is_interim(response))
        return;
    if (exchange)
        http1_exchange_answered(exchange);

    http1_body_of_response(&sent->body, response, (enum http1_method)(entry >> PIPELINE_NOTE));
    bool tunnel = sent->body.framing == HTTP1_TUNNEL;
    /* From here on bytes of both sides are the tunnel's, those that were read before the answer
     * included (RFC 9110, 7.8 and 9.3.6): what looked like a request among them was none. Said
     * before the answer is over, so that no reader takes it for what it works for. */
    if (tunnel)
        connection_make_opaque(connection, false);
    if (sent->body.state == HTTP1_BODY_BAD)
        lose(connection);
    else if (sent->body.state == HTTP1_BODY_DONE || tunnel)
        response_over(connection, true, now_ns);
    else
        response_goes_on(sent, entry);
}

/* Heads are parsed in the exchange that they belong to, because the caller's stack may be small.
 * Here is none. Without a spare head the message is as good as not understood. */
__attribute__((cold, noinline)) static enum parse
take_request_alone(struct connection *connection, struct slice bytes, size_t *length)
{
    union http1_head *head = spare_head_take();
    enum parse parsed = head ? http1_parse_request(bytes, &head->request) : PARSE_BAD;
    if (parsed == PARSE_OK) {
        *length = head->request.head_length;
        request_began(connection, &head->request, NULL);
    }
    spare_head_give(head);
    return parsed;
}

__attribute__((cold, noinline)) static enum parse
take_response_alone(struct connection *connection, struct slice bytes, uint32_t entry,
                    size_t *length, uint64_t now_ns)
{
    union http1_head *head = spare_head_take();
    enum parse parsed = head ? http1_parse_response(bytes, &head->response) : PARSE_BAD;
    if (parsed == PARSE_OK) {
        *length = head->response.head_length;
        response_began(connection, &head->response, entry, NULL, now_ns);
    }
    spare_head_give(head);
    return parsed;
}

static enum parse take_request(struct connection *connection, struct slice bytes, size_t *length)
{
    struct exchange *exchange = exchange_take();
    if (!exchange)
        return take_request_alone(connection, bytes, length);
    struct http1_request *request = &http1_head(exchange)->request;
    enum parse parsed = http1_parse_request(bytes, request);
    if (parsed != PARSE_OK) {
        exchange_put_back(exchange);
        return parsed;
    }
    *length = request->head_length;
    request_began(connection, request, exchange);
    return PARSE_OK;
}

static enum parse take_response(struct connection *connection, struct slice bytes, size_t *length,
                                uint64_t now_ns)
{
    uint32_t entry = pipeline_front(&connection->channel.pipeline);
    struct exchange *exchange = pipeline_exchange(entry);
    if (!exchange)
        return take_response_alone(connection, bytes, entry, length, now_ns);
    struct http1_response *response = &http1_head(exchange)->response;
    enum parse parsed = http1_parse_response(bytes, response);
    if (parsed != PARSE_OK)
        return parsed;
    *length = response->head_length;
    response_began(connection, response, entry, exchange, now_ns);
    return PARSE_OK;
}

/* Parses a head at the beginning of `bytes`. OK: *length is its size and it was acted on. */
static enum parse take_head(struct connection *connection, struct direction *direction,
                            struct slice bytes, size_t *length, uint64_t now_ns)
{
    return direction == &connection->received ? take_request(connection, bytes, length)
                                              : take_response(connection, bytes, length, now_ns);
}

/* Could a head begin like this? Asked while one is incomplete, so that what is not HTTP does not
 * fill buffers. */
static bool hopeless(const struct connection *connection, const struct direction *direction,
                     struct slice bytes)
{
    if (direction == &connection->received)
        return http1_detect_request(bytes) == PARSE_BAD;
    return http1_detect_response(bytes) == PARSE_BAD;
}

/* A head may be collected that begins with these bytes. */
static bool may_collect(struct connection *connection, struct direction *direction,
                        struct slice bytes)
{
    if (hopeless(connection, direction, bytes))
        return false;
    if (bytes.length >= HEAD_BYTES)
        counters_add(&counters.heads_too_long, 1);
    direction->collected = 0;
    direction->scanned = 0;
    return bytes.length < HEAD_BYTES;
}

/* Adds to a head that is being collected: all of its first bytes, later as much as its buffer
 * takes, because a body that may follow needs no larger one. Returns how many of `bytes` it used;
 * *whole is the head, once it is, and absent until then.
 * Not inlined: most heads come in one piece, and the other ones are not parsed below its frame. */
__attribute__((noinline)) static size_t collect(struct connection *connection,
                                                struct direction *direction, struct slice bytes,
                                                struct slice *whole)
{
    *whole = SLICE_NONE;
    bool begins = !head_is_kept(&direction->place);
    char *buffer = NULL;
    size_t room;
    if (!begins || may_collect(connection, direction, bytes))
        buffer = head_store_hold(&direction->place, direction->collected,
                                 begins ? bytes.length : direction->collected + 1u, &room);
    if (!buffer) {
        lose_direction(connection, direction, begins ? bytes : SLICE_NONE);
        return bytes.length;
    }
    room -= direction->collected;
    size_t taken = bytes.length < room ? bytes.length : room;
    memcpy(buffer + direction->collected, bytes.at, taken);
    struct slice head = {buffer, direction->collected + taken};

    size_t length;
    if (http1_find_head(head, &direction->scanned, &length) != PARSE_OK) {
        bool hopeful = direction->collected >= 32 || !hopeless(connection, direction, head);
        direction->collected += (uint32_t)taken;
        bool full = direction->collected == HEAD_BYTES;
        if (full)
            counters_add(&counters.heads_too_long, 1);
        if (full || !hopeful)
            lose_direction(connection, direction, head);
        if (head_is_kept(&direction->place))
            head_store_rest(&direction->place);
        return taken;
    }
    *whole = (struct slice){buffer, length};
    return length - direction->collected;
}

static size_t feed_head(struct connection *connection, struct direction *direction,
                        struct slice bytes, uint64_t now_ns)
{
    struct slice head = bytes;
    size_t used = bytes.length;
    bool kept = head_is_kept(&direction->place);
    if (!kept)
        direction->head_ns = now_ns;
    else if (used = collect(connection, direction, bytes, &head), !head.at)
        return used;

    size_t length;
    enum parse parsed = take_head(connection, direction, head, &length, now_ns);
    if (parsed == PARSE_OK && !kept)
        return length;
    if (parsed == PARSE_MORE && !kept) {
        used = collect(connection, direction, bytes, &head);
        if (!head.at)
            return used;
    }
    if (parsed != PARSE_OK)
        lose_direction(connection, direction, head);
    head_store_drop(&direction->place);
    return used;
}

/* The body of the newest request is the one being read. NULL where it was answered before its body
 * was through, or has no exchange. */
static struct exchange *newest_exchange(const struct connection *connection)
{
    return pipeline_exchange(pipeline_newest(&connection->channel.pipeline));
}

static void body_over(struct connection *connection, struct direction *direction, uint64_t now_ns)
{
    if (direction == &connection->received) {
        direction->state = DIRECTION_HEAD;
        struct exchange *exchange = newest_exchange(connection);
        if (exchange)
            reading_whole(&exchange->reading);
        return;
    }
    response_over(connection, true, now_ns);
}

/* A request's body has no length but what was counted: tell its exchange. */
static void note_request_body(struct connection *connection)
{
    const struct exchange *exchange = newest_exchange(connection);
    if (exchange)
        exchange_request_body(exchange_slot(exchange), connection->channel.newest,
                              connection->received.body.seen_bytes);
}

static size_t feed_body(struct connection *connection, struct direction *direction,
                        struct slice bytes, uint64_t now_ns)
{
    struct http1_body *body = &direction->body;
    size_t consumed = bytes.length;
    if (bytes.at)
        consumed = http1_body_feed(body, bytes);
    else
        http1_body_skip(body, bytes.length);

    if (direction == &connection->received && body->framing == HTTP1_CHUNKED)
        note_request_body(connection);
    if (body->state == HTTP1_BODY_BAD)
        lose_direction(connection, direction, SLICE_NONE);
    else if (body->state == HTTP1_BODY_DONE)
        body_over(connection, direction, now_ns);
    return consumed;
}

static void feed(struct connection *connection, struct direction *direction, struct slice bytes,
                 uint64_t now_ns)
{
    while (bytes.length && !atomic_load_explicit(&connection->opaque, memory_order_relaxed)) {
        size_t consumed;
        if (direction->state == DIRECTION_BODY) {
            consumed = feed_body(connection, direction, bytes, now_ns);
        } else if (direction->state == DIRECTION_TUNNEL) {
            return;
        } else if (bytes.at) {
            consumed = feed_head(connection, direction, bytes, now_ns);
        } else {
            lose_direction(connection, direction, SLICE_NONE); /* what we did not see held a head */
            return;
        }
        bytes = (struct slice){bytes.at ? bytes.at + consumed : NULL, bytes.length - consumed};
    }
}

/* There was a fork since the last byte. */
__attribute__((cold, noinline)) static void take_over(struct connection *connection, uint32_t epoch)
{
    uint32_t entry;
    struct pipeline_walk walk = pipeline_walk(&connection->channel.pipeline);
    while ((entry = pipeline_next(&connection->channel.pipeline, &walk)) != 0) {
        struct exchange *exchange = pipeline_exchange(entry);
        if (exchange)
            exchange_take_over(exchange);
    }
    atomic_store_explicit(&connection->fork_epoch, epoch, memory_order_relaxed);
}

void stream_touch(struct connection *connection, uint64_t now_ns)
{
    uint32_t epoch = connection_fork_epoch();
    if (atomic_load_explicit(&connection->fork_epoch, memory_order_relaxed) != epoch)
        take_over(connection, epoch);
    atomic_store_explicit(&connection->last_ns, now_ns, memory_order_relaxed);
}

void stream_received(struct connection *connection, const char *bytes, size_t length,
                     uint64_t now_ns)
{
    stream_touch(connection, now_ns);
    if (connection_role(connection) != CONNECTION_SERVER &&
        !connection_serves_reader(connection, (struct slice){bytes, length}))
        return;
    feed(connection, &connection->received, (struct slice){bytes, length}, now_ns);
    work_for_what_was_read(&connection->channel);
    /* Asked last: who took the entry before what is a tunnel's has made it opaque before. */
    if (connection->received.state == DIRECTION_TUNNEL ||
        atomic_load_explicit(&connection->opaque, memory_order_relaxed))
        work_read_unknown();
}

void stream_sent(struct connection *connection, const char *bytes, size_t length, uint64_t now_ns)
{
    stream_touch(connection, now_ns);
    connection->sent_bytes += length;
    if (connection_role(connection) == CONNECTION_SERVER ||
        connection_serves_writer(connection, (struct slice){bytes, length}))
        feed(connection, &connection->sent, (struct slice){bytes, length}, now_ns);
}

void stream_sending_ended(struct connection *connection, uint64_t now_ns)
{
    struct direction *sent = &connection->sent;
    if (connection_role(connection) == CONNECTION_SERVER && sent->state == DIRECTION_BODY &&
        sent->body.framing == HTTP1_UNTIL_CLOSE)
        response_over(connection, false, now_ns);
}

/* What is counted of a body that goes on is not its size. */
static void forget_partial_body(struct connection *connection)
{
    struct direction *received = &connection->received;
    if (received->state != DIRECTION_BODY || received->body.framing != HTTP1_CHUNKED)
        return;
    received->body.seen_bytes = 0;
    note_request_body(connection);
}

__attribute__((cold)) void stream_lost(struct connection *connection)
{
    /* Before the context goes, on which it depends. What a tunnel swallowed was no request. */
    bool ours = connection_is_ours(connection) && connection->sent.body.framing != HTTP1_TUNNEL;
    work_leave(&connection->channel);
    forget_partial_body(connection);
    uint64_t now_ns = clock_monotonic_ns();
    uint32_t entry;
    while ((entry = pipeline_take_any(&connection->channel.pipeline)) != 0) {
        struct exchange *exchange = pipeline_exchange(entry);
        if (exchange)
            reading_end(&exchange->reading, ours);
        if (exchange && ours)
            exchange_lost(exchange, now_ns);
        else if (exchange)
            exchange_forget(exchange);
    }
    connection->received.state = DIRECTION_HEAD;
    connection->sent.state = DIRECTION_HEAD;
    head_store_drop(&connection->received.place);
    head_store_drop(&connection->sent.place);
}

void stream_close(struct connection *connection)
{
    uint64_t end_ns = atomic_load_explicit(&connection->last_ns, memory_order_relaxed);
    bool ours = connection_is_ours(connection);
    bool refused = atomic_load_explicit(&connection->refused, memory_order_relaxed);
    if (ours)
        stream_sending_ended(connection, end_ns);

    uint32_t entry;
    while ((entry = pipeline_take_any(&connection->channel.pipeline)) != 0) {
        struct exchange *exchange = pipeline_exchange(entry);
        bool began = connection->sent.state == DIRECTION_BODY;
        connection->sent.state = DIRECTION_HEAD;
        if (exchange)
            reading_end(&exchange->reading, ours && !refused);
        if (exchange && !ours)
            exchange_forget(exchange);
        else if (exchange && atomic_load_explicit(&connection->handed_on, memory_order_relaxed))
            exchange_lost(exchange, end_ns);
        else if (exchange)
            exchange_abort(exchange, began ? connection->sent.body.seen_bytes : 0, end_ns,
                           SLICE_LITERAL("connection_aborted"));
    }
    head_store_drop(&connection->received.place);
    head_store_drop(&connection->sent.place);
}
