// SPDX-License-Identifier: Apache-2.0
#include "agent/net/unseen.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>

#include "agent/base/log.h"
#include "agent/net/detect.h"
#include "agent/queue/family.h"
#include "agent/queue/queue.h"
#include "agent/work/with_sdk.h"

/* A word of family->unseen: 0, or one of these with the port. */
#define UNSEEN_NOTED 0x10000u
#define UNSEEN_SAID  0x20000u
#define UNSEEN_PORT  0xffffu /* 0: none, as of a unix socket */

_Static_assert(UNSEEN_KINDS <= FAMILY_UNSEEN, "each kind has its word");

static const struct {
    enum log_level level;
    const char *text;
} messages[UNSEEN_KINDS] = {
    [UNSEEN_TLS] = {LOG_WARN,
                    "%s is served by TLS, which the agent can't read: requests there have no "
                    "spans; trace the proxy in front, or let TLS end there"},
    [UNSEEN_HTTP2] = {LOG_WARN,
                      "%s is served by HTTP/2, which the agent can't read: requests there have no "
                      "spans; let a proxy in front, or the clients, speak HTTP/1.1 to it"},
    [UNSEEN_OTHER] = {LOG_INFO, "%s is served by another protocol than HTTP/1, which the agent "
                                "can't read: what is asked there has no spans"},
};

/* RFC 8446, 5.1: handshakes and alerts; the record's version is 3.x. A byte is enough, because the
 * other end has to begin so, too. */
static bool is_tls(struct slice bytes)
{
    return (bytes.at[0] == 0x16 || bytes.at[0] == 0x15) && (bytes.length == 1 || bytes.at[1] == 3);
}

/* RFC 9113, 3.4: the client's preface. */
static bool is_preface(struct slice bytes)
{
    return slice_starts(bytes, SLICE_LITERAL("PRI * HTTP/2"));
}

/* RFC 9113, 4.1 and 6.5: SETTINGS on stream 0, which the server may send before it reads. */
static bool is_settings(struct slice bytes)
{
    static const char rest[] = {4, 0, 0, 0, 0, 0};
    return bytes.length >= 9 && !bytes.at[0] && !bytes.at[1] && bytes.at[2] % 6 == 0 &&
           memcmp(bytes.at + 3, rest, sizeof rest) == 0;
}

static uint32_t local_port(const struct connection *connection)
{
    struct sockaddr_in6 address = {0}; /* of others a part */
    socklen_t length = sizeof address;
    int fd = atomic_load_explicit(&connection->flow.channel.fd, memory_order_relaxed);
    if (connection_of(fd) != connection ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return 0;
    _Static_assert(offsetof(struct sockaddr_in, sin_port) ==
                       offsetof(struct sockaddr_in6, sin6_port),
                   "the port lies in one place");
    if (address.sin6_family == AF_INET || address.sin6_family == AF_INET6)
        return ntohs(address.sin6_port);
    return 0;
}

/* With TLS alone there is no span, and so no thread that could speak. */
__attribute__((cold, noinline)) static void note(const struct connection *connection,
                                                 enum unseen kind)
{
    _Atomic uint32_t *word = &family->unseen[kind];
    uint32_t none = 0;
    if (kind != UNSEEN_OTHER)
        with_sdk_serves_unseen();
    if (log_level() < messages[kind].level || !queue.has_exporters ||
        atomic_load_explicit(word, memory_order_relaxed) ||
        !atomic_compare_exchange_strong(word, &none, UNSEEN_NOTED | local_port(connection)))
        return;
    queue_begin_exporting();
}

/* What a proxy in front may write before the client's first byte (HAProxy, "The PROXY protocol",
 * 2.1 and 2.2). A head does not go on with a NUL behind two empty lines. */
static bool is_proxied(struct slice bytes)
{
    static const char binary[] = {'\r', '\n', '\r', '\n', 0};
    return slice_starts(bytes, SLICE_LITERAL("PROXY ")) ||
           slice_starts(bytes, (struct slice){binary, sizeof binary});
}

static bool is_first(const struct connection *connection)
{
    return connection_role(connection) == CONNECTION_SERVER &&
           atomic_load_explicit(&connection->flow.channel.pipeline.placed, memory_order_relaxed) ==
               0;
}

static bool began(struct connection *connection, struct slice bytes)
{
    if (detect_may_know(&connection->flow, SIDE_IN, bytes))
        return false;
    enum unseen kind = is_tls(bytes) ? UNSEEN_TLS : is_preface(bytes) ? UNSEEN_HTTP2 : UNSEEN_OTHER;
    /* What is passed on goes out before it is answered. */
    if (is_proxied(bytes))
        with_sdk_serves_unseen();
    atomic_store_explicit(&connection->unseen, (uint8_t)kind, memory_order_relaxed);
    return true;
}

/* To a server of HTTP it is noise. */
static void note_other(const struct connection *connection)
{
    if (!family_serves())
        note(connection, UNSEEN_OTHER);
}

/* HTTP/0.9 has no head: so some answer what they don't understand. */
static bool is_page(struct slice bytes)
{
    return bytes.at[0] == '<';
}

static void answered(struct connection *connection, struct slice bytes)
{
    if (detect_may_know(&connection->flow, SIDE_OUT, bytes))
        return;
    enum unseen asked =
        (enum unseen)atomic_load_explicit(&connection->unseen, memory_order_relaxed);
    if (is_settings(bytes))
        note(connection, UNSEEN_HTTP2);
    else if (asked == UNSEEN_TLS && is_tls(bytes))
        note(connection, UNSEEN_TLS);
    else if (!is_page(bytes))
        note_other(connection);
}

void unseen_answered(const struct connection *connection)
{
    if (is_first(connection) &&
        atomic_load_explicit(&connection->unseen, memory_order_relaxed) == UNSEEN_OTHER)
        note_other(connection);
}

bool unseen_lost(struct connection *connection, enum side side, struct slice bytes)
{
    if (!bytes.length || !bytes.at || !is_first(connection))
        return false;
    if (side == SIDE_IN)
        return began(connection, bytes);
    answered(connection, bytes);
    return false;
}

static void say(enum unseen kind)
{
    _Atomic uint32_t *word = &family->unseen[kind];
    uint32_t noted = atomic_load_explicit(word, memory_order_relaxed);
    if (!(noted & UNSEEN_NOTED) || !atomic_compare_exchange_strong(word, &noted, UNSEEN_SAID))
        return;
    if (kind == UNSEEN_OTHER && family_serves())
        return; /* since then */
    char place[32] = "a unix socket";
    if (noted & UNSEEN_PORT)
        snprintf(place, sizeof place, "port %u", noted & UNSEEN_PORT);
    log_once(messages[kind].level, NULL, messages[kind].text, place);
}

void unseen_say(void)
{
    for (int kind = UNSEEN_TLS; kind < UNSEEN_KINDS; kind++)
        say((enum unseen)kind);
}
