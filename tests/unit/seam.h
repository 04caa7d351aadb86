// SPDX-License-Identifier: Apache-2.0
/* seam.h - the agent from the seam to the ring, for tests: bytes go in through observe_*, records
 * come out. No socket is opened; descriptors are numbers. A test group is set up by open_gate,
 * each test by start_empty. */
#ifndef TESTS_SEAM_H
#define TESTS_SEAM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/counters.h"
#include "agent/base/preparation.h"
#include "agent/describe/describe.h"
#include "agent/life/agent.h"
#include "agent/net/connection.h"
#include "agent/observe/observe.h"
#include "agent/protocols/table.h"
#include "agent/queue/queue.h"
#include "agent/work/context.h"
#include "agent/work/evidence.h"
#include "agent/work/exchange.h"
#include "agent/work/work.h"

#define FD          900
#define LISTENER_FD 899

static _Alignas(8) unsigned char memory[RING_RECORD_BYTES_MAX];
static _Alignas(8) unsigned char words[DESCRIBE_BYTES(RING_RECORD_BYTES_MAX)];

static inline const char *from_environment(void *context, const char *name)
{
    (void)context;
    static const char *const set[][2] = {
        {"OTEL_AGENT_CAPTURE_REQUEST_HEADERS", "X-Tenant,Authorization"},
        {"OTEL_AGENT_HTTP_ROUTES", "/shop/{name}"},
    };
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        if (strcmp(name, set[i][0]) == 0)
            return set[i][1];
    return NULL;
}

static inline int open_gate(void **state)
{
    (void)state;
    static struct config config;
    if (!config_parse(&config, from_environment, NULL, NULL))
        return -1;
    config.root_client_spans = WHEN_ALWAYS; /* most tests count calls, all of them */
    config.db_spans = DB_SPANS_ALL;
    table_use();
    agent_open(&config, &(struct agent_exporter){0});
    return preparation_do() && queue_make_region() ? 0 : -1;
}

static inline const struct span_record *next_span(void)
{
    return ring_read(queue.region.ring, memory, sizeof memory)
               ? describe((struct span_record *)memory, words, sizeof words)
               : NULL;
}

static inline int start_empty(void **state)
{
    (void)state;
    connection_release_range(FD - 9, FD + 9);
    while (next_span())
        ;
    work_reset();
    evidence_reset();
    memset(&counters, 0, sizeof counters);
    return 0;
}

static inline void accept_connection(int fd)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(4711)};
    peer.sin_addr.s_addr = htonl(0xC0A80001); /* 192.168.0.1 */
    socklen_t length = sizeof peer;
    struct accepting accepting;
    observe_accepting(&accepting, (struct sockaddr *)&peer, &length);
    observe_accepted(&accepting, LISTENER_FD, fd);
}

/* Has a call that begins now a parent? */
static inline bool has_context(void)
{
    struct span_context self, parent;
    work_call();
    context_begin_span(&self, &parent);
    return span_context_present(&parent);
}

static inline void receive(int fd, const char *text)
{
    observe_received(fd, text, (ssize_t)strlen(text), 0);
}

static inline void answer(int fd, const char *text)
{
    struct sending sending = observe_sending(fd);
    observe_sent(&sending, text, (ssize_t)strlen(text), 0);
}

static inline int64_t integer(const struct span_record *span, enum attribute attribute)
{
    int64_t value = -1;
    span_find_integer(span, attribute, &value);
    return value;
}

static inline void assert_text(struct slice found, const char *expected)
{
    char text[512] = "";
    assert_true(found.length < sizeof text);
    if (found.length)
        memcpy(text, found.at, found.length);
    assert_string_equal(text, expected);
}

#define TEST(name) cmocka_unit_test_setup(name, start_empty)

#endif
