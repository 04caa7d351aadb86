// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/collector.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/counters.h"
#include "agent/base/log.h"
#include "exporter/otlp/response.h"
#include "exporter/transport/retry.h"

#define TOPIC_BYTES 600

/* Stands in where the endpoint can't be read. */
static void no_preparation(struct transport *transport)
{
    (void)transport;
}

static enum transport_outcome refuse(struct transport *transport, const struct transport_post *post,
                                     struct transport_answer *answer)
{
    (void)transport;
    (void)post;
    *answer = (struct transport_answer){0};
    snprintf(answer->error, sizeof answer->error,
             "the address can't be read; http://, https:// and unix:// are spoken");
    return TRANSPORT_REFUSED;
}

static bool never(const struct transport *transport)
{
    (void)transport;
    return false;
}

static const struct transport_operations no_operations = {no_preparation, never, refuse,
                                                          no_preparation, never};
static struct transport no_transport = {&no_operations};

void collector_init(struct collector *collector, const struct config *config, const char *url,
                    const _Atomic uint64_t *stop_ns, void (*pause)(int64_t wait_ms))
{
    *collector = (struct collector){
        .config = config,
        .transport = &no_transport,
        .loader = collector->loader,
        .http = collector->http,
        .https = collector->https,
        .gzip = collector->gzip,
        .answer = collector->answer,
        .stop_ns = stop_ns,
        .pause = pause,
        .random = (uint32_t)clock_monotonic_ns() | 1,
    };
    collector->http.socket = OWN_FD_NONE;
    if (!endpoint_parse(&collector->endpoint, url)) {
        snprintf(collector->endpoint.shown, sizeof collector->endpoint.shown, "%s",
                 "the configured endpoint");
        return;
    }
    if (collector->endpoint.scheme == ENDPOINT_HTTPS) {
        https_init(&collector->https, config, &collector->endpoint);
        collector->transport = &collector->https.transport;
        return;
    }
    http_init(&collector->http, config, &collector->endpoint);
    collector->transport = &collector->http.transport;
}

void collector_open(struct collector *collector)
{
    if (collector->transport == &collector->https.transport && collector->loader)
        https_open(&collector->https, collector->loader);
}

bool collector_asks(const struct collector *collector)
{
    return collector->transport->operations->asks(collector->transport);
}

void collector_prepare(struct collector *collector)
{
    collector->transport->operations->prepare(collector->transport);
}

void collector_close(struct collector *collector)
{
    collector->transport->operations->close(collector->transport);
}

/* xorshift32 (Marsaglia, 2003): jitter needs no more. */
static uint32_t next_random(struct collector *collector)
{
    uint32_t x = collector->random;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return collector->random = x;
}

/* What to look at, by the kind of failure. */
static const char *advice(enum transport_outcome outcome, int status)
{
    if (outcome == TRANSPORT_FAILED)
        return "check that a collector listens there (OTEL_EXPORTER_OTLP_ENDPOINT)";
    if (outcome == TRANSPORT_REFUSED)
        return "check OTEL_EXPORTER_OTLP_ENDPOINT: an OTLP/HTTP receiver, usually on port 4318";
    switch (status) {
    case 401:
    case 403:
        return "check OTEL_EXPORTER_OTLP_HEADERS, or the user in the collector's address";
    case 404:
    case 405:
        return "check the path: /v1/traces is added to OTEL_EXPORTER_OTLP_ENDPOINT, but not to "
               "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    case 413:
        return "lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE or raise the collector's limit";
    case 101:
    case 400:
    case 415:
        return "check that the address is an OTLP/HTTP receiver (usually port 4318)";
    default:
        return "check the collector's log";
    }
}

/* An outage is one, whatever the reason that each process is given. */
static void write_topic(char topic[TOPIC_BYTES], const struct collector *collector)
{
    snprintf(topic, TOPIC_BYTES, "can't export spans to %s", collector->endpoint.shown);
}

static void say_failure(struct collector *collector, enum transport_outcome outcome,
                        const struct transport_answer *answer)
{
    char topic[TOPIC_BYTES];
    if (collector->failing)
        return;
    write_topic(topic, collector);
    collector->failing = true;
    collector->failing_since_ns = clock_monotonic_ns();
    collector->dropped_since = 0;
    if (outcome != TRANSPORT_ANSWERED) {
        log_once(LOG_WARN, topic, "can't export spans to %s: %s; %s", collector->endpoint.shown,
                 answer->error, answer->advice ? answer->advice : advice(outcome, 0));
        return;
    }
    struct slice message = response_failure(&collector->answer, answer->body);
    log_once(LOG_WARN, topic, "can't export spans to %s: HTTP status %d%s%.*s; %s",
             collector->endpoint.shown, answer->status, message.length ? ": " : "",
             (int)message.length, message.length ? message.at : "",
             advice(outcome, answer->status));
}

/* What the queue had no room for, while the collector did not take any, was lost through it. A
 * process whose first batch is taken may end what an earlier one of its tree has said. */
static void say_recovery(struct collector *collector)
{
    char topic[TOPIC_BYTES];
    if (!collector->failing && collector->answered)
        return;
    write_topic(topic, collector);
    bool first = log_over(topic);
    collector->answered = true;
    if (!collector->failing)
        return;
    collector->failing = false;
    uint64_t seconds = (clock_monotonic_ns() - collector->failing_since_ns) / 1000000000u;
    uint64_t lost = collector->dropped_since + counters_get(&counters.dropped_queue_full) -
                    collector->queue_full_before;
    if (!first && !lost)
        return;
    log_write(LOG_WARN, "exporting spans to %s works again after %llu s; %llu spans were lost",
              collector->endpoint.shown, (unsigned long long)seconds, (unsigned long long)lost);
}

/* Spans refused in a success. */
static uint64_t read_rejected(struct collector *collector, struct slice body, unsigned spans)
{
    struct response response = response_read(&collector->answer, body, spans);
    if ((response.rejected || response.message[0]) && !collector->partial_said) {
        collector->partial_said = true;
        log_once(LOG_WARN, response.message[0] ? response.message : "spans are refused",
                 "the collector at %s refused %llu of %u spans: %s", collector->endpoint.shown,
                 (unsigned long long)response.rejected, spans, response.message);
    }
    return response.rejected;
}

static bool wants_gzip(const struct collector *collector)
{
    enum config_compression compression = collector->config->otlp_compression;
    if (compression == COMPRESSION_AUTO)
        return !collector->transport->operations->local(collector->transport);
    return compression == COMPRESSION_GZIP;
}

static int64_t left_ms(const struct collector *collector, uint64_t deadline_ns)
{
    struct transport_post post = {.deadline_ns = deadline_ns, .stop_ns = collector->stop_ns};
    return transport_left_ms(&post);
}

static bool is_ending(const struct collector *collector)
{
    return atomic_load_explicit(collector->stop_ns, memory_order_relaxed) != 0;
}

/* Of a batch whose only post, or last, failed while the process ends. A server that has trouble of
 * its own (5xx) gets another chance from another process, whatever the number says. */
static struct collector_verdict leave_batch(const struct retry_attempt *attempt)
{
    bool late = !attempt->answered && attempt->left_ms == 0;
    bool again = !attempt->answered || attempt->status == 429 || attempt->status >= 500;
    return (struct collector_verdict){.again = late || (again && attempt->enabled), .late = late};
}

struct collector_verdict collector_export(struct collector *collector, const struct otlp_body *body,
                                          unsigned spans)
{
    uint64_t deadline_ns =
        clock_monotonic_ns() + (uint64_t)collector->config->export_timeout_ms * 1000000u;
    struct transport_post post = {.pieces = body->pieces,
                                  .count = body->count,
                                  .bytes = body->bytes,
                                  .stop_ns = collector->stop_ns};
    if (!collector->failing)
        collector->queue_full_before = counters_get(&counters.dropped_queue_full);
    struct slice packed =
        wants_gzip(collector) ? gzip_compress(&collector->gzip, body) : SLICE_NONE;
    struct iovec one = {(void *)(uintptr_t)packed.at, packed.length};
    if (packed.at) {
        post.pieces = &one;
        post.count = 1;
        post.bytes = packed.length;
        post.gzip = true;
    }

    for (unsigned number = 1;; number++) {
        struct transport_answer answer;
        post.deadline_ns =
            clock_monotonic_ns() + (uint64_t)collector->config->otlp_timeout_ms * 1000000u;
        if (post.deadline_ns > deadline_ns)
            post.deadline_ns = deadline_ns;
        enum transport_outcome outcome =
            collector->transport->operations->post(collector->transport, &post, &answer);

        struct retry_attempt attempt = {
            .enabled = collector->config->export_retry && outcome != TRANSPORT_REFUSED,
            .answered = outcome == TRANSPORT_ANSWERED,
            .status = answer.status,
            .retry_after_ms =
                answer.retry_after.at
                    ? retry_after_ms(answer.retry_after, (int64_t)(clock_unix_ns() / 1000000000u))
                    : -1,
            .number = number,
            .left_ms = left_ms(collector, deadline_ns),
            .chance = next_random(collector),
        };
        struct retry_decision decision = retry_decide(&attempt);
        if (decision.verdict == RETRY_SUCCESS) {
            say_recovery(collector);
            return (struct collector_verdict){
                .accepted = true, .rejected = read_rejected(collector, answer.body, spans)};
        }
        say_failure(collector, outcome, &answer);
        if (is_ending(collector))
            return leave_batch(&attempt);
        if (decision.verdict == RETRY_AGAIN)
            collector->pause(decision.wait_ms);
        if (decision.verdict == RETRY_DROP || left_ms(collector, deadline_ns) == 0) {
            if (is_ending(collector))
                return (struct collector_verdict){.again = true};
            collector->dropped_since += spans;
            return (struct collector_verdict){.accepted = false};
        }
    }
}
