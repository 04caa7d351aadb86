// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/https.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/os.h"
#include "exporter/transport/door.h"
#include "exporter/transport/fields.h"
#include "exporter/transport/https_failure.h"
#include "exporter/transport/proxy.h"

#define ANSWER_BYTES_MOST ((size_t)4 << 20)
#define ANSWER_BYTES_KEPT ((size_t)65536)
#define CURL_LATE         (-1) /* beside its own results: we gave up */
#define IDLE_MS           5    /* where libcurl has nothing to wait for */
#define VISITS_AT_ONCE    16   /* that bring nothing of the post on its way; then there is a rest */
#define REST_MS           10
#define VISITS_MOST       100 /* behind these rests are longer */
#define LONG_REST_MS      50

/* --- Hosts --- */

static bool https_asks(const struct transport *transport)
{
    const struct https *https = (const struct https *)transport;
    for (int i = 0; i < https->place_count; i++)
        if (!https->places[i].literal)
            return true;
    return false;
}

static void look_up(struct https *https)
{
    bool asked = false;
    uint64_t begun = clock_monotonic_ns();
    for (int i = 0; i < https->place_count; i++) {
        struct https_place *place = &https->places[i];
        if (place->literal)
            continue;
        address_resolve(&place->at, &place->addresses);
        asked = true;
    }
    if (asked)
        renewal_looked_up(&https->renewal, begun, clock_monotonic_ns());
}

static void https_prepare(struct transport *transport)
{
    struct https *https = (struct https *)transport;
    look_up(https);
    renewal_begin(&https->renewal, clock_monotonic_ns());
}

/* The host that nothing can be sent without and no address is known of, or NULL. libcurl decides
 * between a proxy and the collector: one that is known will do. */
static const char *unknown_host(const struct https *https)
{
    for (int i = 0; i < https->place_count; i++)
        if (https->places[i].addresses.count)
            return NULL;
    return https->places[0].at.host;
}

/* An old libcurl keeps to what it was told first, unless it is told to forget it. */
static struct curl_list *resolved(struct https *https)
{
    struct curl_list *first = NULL;
    for (int i = 0; i < https->place_count; i++)
        if (https_place_write(&https->places[i])) {
            struct curl_list *lines = https->resolve[i];
            lines[1] = (struct curl_list){https->places[i].line, first};
            lines[0] = (struct curl_list){https->places[i].none, &lines[1]};
            first = lines;
        }
    return first;
}

/* Which address the post went to. */
static void note_address(struct https *https)
{
    const char *said = NULL;
    https->curl.curl_easy_getinfo(https->easy, CURL_INFO_PRIMARY_IP, &said);
    for (int i = 0; said && i < https->place_count; i++)
        https_place_used(&https->places[i], said);
}

static bool https_local(const struct transport *transport)
{
    const struct https *https = (const struct https *)transport;
    return !https->config->https_proxy[0] && address_local(&https->places[0].addresses);
}

/* --- A handle --- */

static bool add_line(struct https *https, const char *name, const char *separator,
                     const char *value)
{
    size_t room = sizeof https->fields_text - https->fields_used;
    char *text = https->fields_text + https->fields_used;
    if (https->field_count == HTTPS_FIELDS)
        return false;
    size_t length = (size_t)snprintf(text, room, "%s%s%s", name, separator, value);
    if (length >= room)
        return false;
    https->fields_used += length + 1;
    struct curl_list *line = &https->fields[https->field_count++];
    *line = (struct curl_list){text, NULL};
    if (https->field_count > 1)
        line[-1].next = line;
    return true;
}

static bool add_field(void *context, const char *name, const char *value)
{
    return add_line(context, name, value[0] ? ": " : ";",
                    value); /* libcurl's way of saying empty */
}

/* The first is left out where the body is not compressed. Names without a value take out what
 * libcurl would add. */
static void write_fields(struct https *https)
{
    https->field_count = 0;
    https->fields_used = 0;
    add_line(https, "Content-Encoding", ": ", "gzip");
    add_line(https, "Content-Type", ": ", "application/x-protobuf");
    add_line(https, "User-Agent", ": ", "otelagent/" OTELAGENT_VERSION);
    add_line(https, "Expect", ":", "");
    add_line(https, "Accept", ":", "");
    fields_configured(https->config, https->endpoint->user, add_field, https);
}

static bool set_bytes(struct https *https, int option, const struct arena *bytes)
{
    struct curl_bytes blob = {bytes->base, bytes->used, 0};
    return !bytes->base || https->curl.curl_easy_setopt(https->easy, option, &blob) == CURL_OK;
}

/* False where the library does not take them: nothing may be sent then. */
static bool set_certificates(struct https *https)
{
    const struct curl_library *curl = &https->curl;
    const struct config *config = https->config;
    /* Without one OpenSSL would ask for it at the terminal; GnuTLS would take a key for locked. */
    if (curl_library_is_openssl(curl))
        curl->curl_easy_setopt(https->easy, CURL_OPTION_KEYPASSWD, "");
    if (curl_library_takes_bytes(curl)) {
        set_bytes(https, CURL_OPTION_PROXY_CAINFO_BLOB, &https->authorities);
        return set_bytes(https, CURL_OPTION_CAINFO_BLOB, &https->authorities) &&
               set_bytes(https, CURL_OPTION_SSLCERT_BLOB, &https->certificate) &&
               set_bytes(https, CURL_OPTION_SSLKEY_BLOB, &https->key);
    }
    const struct {
        int option;
        const char *path;
    } files[] = {
        {CURL_OPTION_CAINFO, https->authorities_path},
        {CURL_OPTION_SSLCERT, config->otlp_client_certificate},
        {CURL_OPTION_SSLKEY, config->otlp_client_key},
    };
    curl->curl_easy_setopt(https->easy, CURL_OPTION_PROXY_CAINFO, https->authorities_path);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i].path[0] &&
            curl->curl_easy_setopt(https->easy, files[i].option, files[i].path) != CURL_OK)
            return false;
    return true;
}

static bool set_numbers(struct https *https)
{
    static const struct {
        int option;
        long value;
    } numbers[] = {
        {CURL_OPTION_SSL_VERIFYPEER, 1},
        {CURL_OPTION_SSL_VERIFYHOST, 2},
        {CURL_OPTION_SSLVERSION, CURL_TLS_1_2},
        {CURL_OPTION_PROTOCOLS, CURL_HTTPS_ONLY},
        {CURL_OPTION_HTTP_VERSION, CURL_HTTP_1_1},
        {CURL_OPTION_NOSIGNAL, 1},
        {CURL_OPTION_POST, 1},
        {CURL_OPTION_HEADEROPT, CURL_HEADEROPT_SEPARATE},
        {CURL_OPTION_SUPPRESS_CONNECT_HEADERS, 1},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (https->curl.curl_easy_setopt(https->easy, numbers[i].option, numbers[i].value) !=
            CURL_OK)
            return false;
    return true;
}

static bool set_pointers(struct https *https, const char *url)
{
    const struct {
        int option;
        const void *value;
    } pointers[] = {
        {CURL_OPTION_URL, url},
        {CURL_OPTION_PROXY, https->config->https_proxy}, /* "": not even from the environment */
        {CURL_OPTION_NOPROXY, https->config->no_proxy},
        {CURL_OPTION_ERRORBUFFER, https->said},
        {CURL_OPTION_READDATA, &https->exchange},
        {CURL_OPTION_SEEKDATA, &https->exchange},
        {CURL_OPTION_WRITEDATA, &https->exchange},
        {CURL_OPTION_HEADERDATA, &https->exchange},
        {CURL_OPTION_OPENSOCKETDATA, &https->sockets},
        {CURL_OPTION_CLOSESOCKETDATA, &https->sockets},
        {CURL_OPTION_READFUNCTION, (const void *)https_exchange_read},
        {CURL_OPTION_SEEKFUNCTION, (const void *)https_exchange_seek},
        {CURL_OPTION_WRITEFUNCTION, (const void *)https_exchange_write},
        {CURL_OPTION_HEADERFUNCTION, (const void *)https_exchange_header},
        {CURL_OPTION_OPENSOCKETFUNCTION, (const void *)https_socket_open},
        {CURL_OPTION_CLOSESOCKETFUNCTION, (const void *)https_socket_close},
    };
    for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++)
        if (https->curl.curl_easy_setopt(https->easy, pointers[i].option, pointers[i].value) !=
            CURL_OK)
            return false;
    return true;
}

static bool make_handles(struct https *https)
{
    const struct endpoint *endpoint = https->endpoint;
    bool v6 = strchr(endpoint->host, ':') != NULL;
    char url[1100];
    snprintf(url, sizeof url, "https://%s%s%s:%u%s", v6 ? "[" : "", endpoint->host, v6 ? "]" : "",
             (unsigned)endpoint->port, endpoint->target);
    https->dropped = false;
    https->multi = https->curl.curl_multi_init();
    https->easy = https->multi ? https->curl.curl_easy_init() : NULL;
    if (!https->easy || !set_numbers(https) || !set_pointers(https, url) ||
        !set_certificates(https)) {
        https->easy = NULL;
        return false;
    }
    https->curl.curl_multi_setopt(https->multi, CURL_MULTI_OPTION_MAXCONNECTS, 1L);
    write_fields(https);
    return true;
}

/* --- A post --- */

/* ANOTHER_IF_CAN: at most half of the time goes into making it, the rest is for the one there is.
 */
enum connection { KEPT, ANOTHER, ANOTHER_IF_CAN };

static bool begin(struct https *https, const struct transport_post *post, enum connection wanted)
{
    const struct curl_library *curl = &https->curl;
    if (https->dropped || !https->easy) {
        if (!make_handles(https))
            return false;
    }
    https_exchange_begin(&https->exchange, post);
    https->said[0] = '\0';
    curl->curl_easy_setopt(https->easy, CURL_OPTION_FRESH_CONNECT, (long)(wanted != KEPT));
    curl->curl_easy_setopt(https->easy, CURL_OPTION_RESOLVE, resolved(https));
    curl->curl_easy_setopt(https->easy, CURL_OPTION_HTTPHEADER, &https->fields[post->gzip ? 0 : 1]);
    curl->curl_easy_setopt(https->easy, CURL_OPTION_POSTFIELDSIZE_LARGE, (int64_t)post->bytes);
    long left = transport_left_ms(post);
    curl->curl_easy_setopt(https->easy, CURL_OPTION_CONNECTTIMEOUT_MS,
                           wanted == ANOTHER_IF_CAN ? left / 2 + 1 : left);
    return curl->curl_multi_add_handle(https->multi, https->easy) == CURL_OK;
}

/* One visit; true once the transfer is over, with its result. */
static bool move_on(struct https *https, int *code)
{
    int running = 0;
    int left = 0;
    struct curl_message *done;
    int failed = https->curl.curl_multi_perform(https->multi, &running);
    while ((done = https->curl.curl_multi_info_read(https->multi, &left)))
        if (done->kind == CURL_MESSAGE_DONE) {
            *code = done->data.code;
            return true;
        }
    *code = CURL_NO_MEMORY;
    return failed != CURL_OK || running == 0;
}

static void wait_for_socket(struct https *https, const struct transport_post *post)
{
    int ready = 0;
    int left = transport_left_ms(post);
    uint64_t begun = clock_monotonic_ns();
    https->curl.curl_multi_wait(https->multi, NULL, 0,
                                left < TRANSPORT_SLICE_MS ? left : TRANSPORT_SLICE_MS, &ready);
    if (ready == 0 && clock_monotonic_ns() - begun < 1000000u)
        os.poll(NULL, 0, IDLE_MS);
}

/* A collector that lets its answer trickle is not waited on byte by byte: those of a while are
 * taken together. The longer rests are for those that have megabytes to say, which libcurl reads
 * and tells nobody: extensions of chunks, for one. */
static void rest(struct https *https, const struct transport_post *post)
{
    struct https_exchange *exchange = &https->exchange;
    int rest_ms = exchange->visits < VISITS_MOST ? REST_MS : LONG_REST_MS;
    if (exchange->moved)
        exchange->visits = 0;
    exchange->moved = false;
    if (++exchange->visits > VISITS_AT_ONCE)
        os.poll(NULL, 0, transport_left_ms(post) < rest_ms ? 1 : rest_ms);
}

enum visit { VISIT_OVER, VISIT_LATE, VISIT_LOST, VISIT_SHUT };

static enum visit transfer(struct https *https, const struct transport_post *post, int *code)
{
    struct transport_post hurried = *post;
    for (;;) {
        if (!https_sockets_ours(&https->sockets))
            return VISIT_LOST;
        if (!door_enter())
            return VISIT_SHUT;
        bool over = move_on(https, code);
        door_leave();
        if (over)
            return VISIT_OVER;
        transport_hurry(&hurried, https->exchange.head_whole ? https->exchange.status : 0);
        if (transport_left_ms(&hurried) == 0)
            return VISIT_LATE;
        wait_for_socket(https, &hurried);
        rest(https, &hurried);
    }
}

static void https_close(struct transport *transport)
{
    struct https *https = (struct https *)transport;
    https_sockets_drop(&https->sockets);
    https->dropped = true;
}

static enum transport_outcome fail(struct transport_answer *answer, const char *what,
                                   const char *detail)
{
    snprintf(answer->error, sizeof answer->error, "%s%s", what, detail);
    return TRANSPORT_FAILED;
}

static enum transport_outcome describe(struct https *https, int code,
                                       struct transport_answer *answer)
{
    const struct curl_library *curl = &https->curl;
    long verified = 0;
    long system_error = 0;
    curl->curl_easy_getinfo(https->easy, CURL_INFO_SSL_VERIFYRESULT, &verified);
    curl->curl_easy_getinfo(https->easy, CURL_INFO_OS_ERRNO, &system_error);
    struct https_failure failure = {
        .code = code,
        .verified = verified,
        .system_error = (int)system_error,
        .said = https->said,
        .named = curl->curl_easy_strerror(code),
        .long_head = https->exchange.head_bytes > ANSWER_HEAD_BYTES_MOST,
        .shows_certificate = https->config->otlp_client_certificate[0] != '\0',
    };
    return https_failure_describe(&failure, answer);
}

/* A status holds as soon as its head is whole, whatever becomes of the body. */
static enum transport_outcome finish(struct https *https, int code, struct transport_answer *answer)
{
    if (!https->exchange.head_whole && code == CURL_LATE)
        return fail(answer, "no answer in time", "");
    if (!https->exchange.head_whole)
        return describe(https, code, answer);
    answer->status = https->exchange.status;
    if (code == CURL_OK)
        answer->body =
            (struct slice){(const char *)https->exchange.body.base, https->exchange.body.used};
    if (https->exchange.retry_after_length)
        answer->retry_after =
            (struct slice){https->exchange.retry_after, https->exchange.retry_after_length};
    return TRANSPORT_ANSWERED;
}

/* One attempt; `*code` is libcurl's result. */
static enum transport_outcome attempt(struct https *https, const struct transport_post *post,
                                      enum connection wanted, int *code,
                                      struct transport_answer *answer)
{
    *code = CURL_OK;
    arena_reset(&https->exchange.body, ANSWER_BYTES_KEPT);
    if (!arena_map(&https->exchange.body, ANSWER_BYTES_MOST))
        return fail(answer, "no memory", "");
    if (!https_sockets_ours(&https->sockets))
        https_close(&https->transport); /* the program has closed or replaced a number of ours */
    if (!door_enter())
        return fail(answer, "the process is ending", "");
    bool begun = begin(https, post, wanted);
    door_leave();
    if (!begun)
        return fail(answer, "libcurl refuses: no memory, or too old", "");

    enum visit visit = transfer(https, post, code);
    if (visit == VISIT_LOST) {
        https_close(&https->transport);
        return fail(answer, "the program closed our connection", "");
    }
    if (visit == VISIT_SHUT || !door_enter())
        return fail(answer, "the process is ending", "");
    note_address(https);
    https->curl.curl_multi_remove_handle(https->multi, https->easy);
    enum transport_outcome outcome = finish(https, visit == VISIT_LATE ? CURL_LATE : *code, answer);
    door_leave();
    return outcome;
}

/* Over another connection where that is due. One that has only become old will do where there is
 * no other: the program may have left the place where the collector can be reached from. */
static enum transport_outcome post_known(struct https *https, const struct transport_post *post,
                                         bool due, struct transport_answer *answer)
{
    int code;
    bool refused = https->renewal.refused;
    bool has_old = !refused && https_sockets_any(&https->sockets);
    if (due) {
        for (int i = 0; i < https->place_count; i++)
            address_arrange(&https->places[i].addresses, refused);
        renewal_begin(&https->renewal, clock_monotonic_ns());
    }
    enum transport_outcome outcome = attempt(https, post,
                                             !due      ? KEPT
                                             : has_old ? ANOTHER_IF_CAN
                                                       : ANOTHER,
                                             &code, answer);
    if (due && has_old && (code == CURL_NO_CONNECTION || code == CURL_TOO_LATE)) {
        *answer = (struct transport_answer){0};
        outcome = attempt(https, post, KEPT, &code, answer);
    }
    renewal_judge(&https->renewal, outcome == TRANSPORT_ANSWERED ? answer->status : 0);
    return outcome;
}

/* The time that a resolver takes is not taken from the post's, and one that hangs must not take the
 * last second of a process. */
static enum transport_outcome https_post(struct transport *transport,
                                         const struct transport_post *post,
                                         struct transport_answer *answer)
{
    struct https *https = (struct https *)transport;
    struct transport_post prolonged = *post;
    uint64_t begun = clock_monotonic_ns();
    bool ending = atomic_load_explicit(post->stop_ns, memory_order_relaxed) != 0;
    bool due = renewal_due(&https->renewal, begun);
    *answer = (struct transport_answer){0};
    if (https->problem[0]) {
        answer->advice = https->advice;
        fail(answer, https->problem, "");
        return TRANSPORT_REFUSED;
    }
    if (unknown_host(https) || (due && !ending && renewal_may_look_up(&https->renewal, begun)))
        look_up(https);
    if (unknown_host(https))
        return fail(answer, "host name not found: ", unknown_host(https));
    prolonged.deadline_ns += clock_monotonic_ns() - begun;
    return post_known(https, &prolonged, due, answer);
}

static const struct transport_operations operations = {
    .prepare = https_prepare,
    .asks = https_asks,
    .post = https_post,
    .close = https_close,
    .local = https_local,
};

static void add_place(struct https *https, const struct endpoint *at)
{
    struct https_place *place = &https->places[https->place_count++];
    place->at = *at;
    place->literal = address_literal(at, &place->addresses);
}

void https_init(struct https *https, const struct config *config, const struct endpoint *endpoint)
{
    struct endpoint proxy;
    bool again = https->transport.operations != NULL;
    https->transport.operations = &operations;
    https->config = config;
    https->endpoint = endpoint;
    https->multi = NULL;
    https->easy = NULL;
    https->sockets = (struct https_sockets){0};
    if (again)
        return;
    snprintf(https->problem, sizeof https->problem, "libcurl has not been opened");
    if (proxy_may_be_passed(config))
        add_place(https, endpoint);
    if (proxy_place(config, &proxy))
        add_place(https, &proxy);
    else if (!https->place_count)
        add_place(https, endpoint);
}
