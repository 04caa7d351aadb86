// SPDX-License-Identifier: Apache-2.0
#include "corpus.h"

#include <stdio.h>

struct choices {
    const struct slice *at;
    size_t count;
};

struct making {
    uint64_t random;
    unsigned oddness; /* choices in a hundred */
    struct stream *stream;
};

/* Texts may hold NUL, so their length is taken by the compiler. */
#define L(text)                                                                                    \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }
#define CHOICES(name, ...)                                                                         \
    static const struct slice name##_list[] = {__VA_ARGS__};                                       \
    static const struct choices name = {name##_list, sizeof name##_list / sizeof name##_list[0]}

CHOICES(methods, L("GET"), L("POST"), L("PUT"), L("HEAD"), L("DELETE"), L("OPTIONS"), L("PATCH"),
        L("TRACE"), L("CONNECT"), L("PROPFIND"), L("M-SEARCH"), L("PURGE"));
CHOICES(odd_methods, L("get"), L("FOO"), L("G"), L("GETX"), L("QUERY"), L("BREW"), L("GE T"), L(""),
        L("P\xd6ST"), L("G@T"), L("BASELINE-CONTROL"), L("VERSION-CONTROL"), L("!#$%&'*+"),
        L("HEADER"), L("\x16\x03\x01"), L("PRI"), L("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ"),
        L("GET\0"), L(" GET"), L("HTTP/1.1"), L("CON"), L("MKCOL"), L("SOURCE"));

CHOICES(targets, L("/"), L("/a"), L("/a/b?c=d&e=%20"), L("*"), L("http://example.org/x?y#z"),
        L("https://user@example.org:8443/"), L("/static/app.js"), L("//a//b"), L("/?q"),
        L("/a;b=c/d"), L("http://[2001:db8::1]:80/"));
CHOICES(authorities, L("example.org:443"), L("[2001:db8::1]:443"), L("10.0.0.1:8080"));
CHOICES(odd_targets, L("/caf\xc3\xa9"), L("/a b"), L("a"), L("/a#b#c"), L("?x"), L("#x"), L(""),
        L("/\x01"), L("/a\tb"), L("/a\0b"), L("/a\rb"), L("http:/x"), L("http//x"), L("[::1]:443"),
        L("../etc"), L("/\x7f"), L("/\"<>\\^`{|}"), L("http://a b/"), L("/a HTTP/1.1 b"),
        L("h2://x/"), L("http://a@b@c/"), L("http://"), L("/\x0c"), L("/HTTP/1.0"), L("1:2"),
        L("example.org"), L("http://exa_mple.org/"), L("http://a?b"));

CHOICES(versions, L("HTTP/1.1"), L("HTTP/1.1"), L("HTTP/1.1"), L("HTTP/1.0"));
CHOICES(odd_versions, L("HTTP/0.9"), L("HTTP/2.0"), L("HTTP/1.2"), L("HTTP/1.10"), L("HTTP/11"),
        L("HTTP/1."), L("HTTP/.1"), L("http/1.1"), L("HTTP/1.1 "), L("HTTP/ 1.1"), L("HTTPS/1.1"),
        L("HTTP/1.1x"), L("HTTP/01.1"), L("HTTP/1.01"), L("HTTP 1.1"), L("ICY"), L(""), L("HTTP/1"),
        L("HTTP/3.1"), L("HTTP/1.999"), L("HTTP/1.1\t"), L("HTTP/1.1\x0b"), L("ICE/1.0"));

CHOICES(spaces, L(" "));
CHOICES(odd_spaces, L("  "), L("\t"), L(" \t"), L(""), L("\x0b"), L("\xc2\xa0"), L("\r"), L("   "));

CHOICES(line_ends, L("\r\n"));
CHOICES(odd_line_ends, L("\n"), L("\n"), L("\r"), L("\r\r\n"), L(" \r\n"), L("\n\r"), L(""),
        L("\t\n"), L("\0\r\n"), L("\r\n\r\n"));

CHOICES(statuses, L("200"), L("200"), L("200"), L("201"), L("204"), L("304"), L("404"), L("500"),
        L("100"), L("103"), L("205"), L("302"));
CHOICES(odd_statuses, L("101"), L("101"), L("199"), L("299"), L("999"), L("099"), L("20"),
        L("2000"), L("2xx"), L(""), L("+20"), L("000"), L("102"), L("600"), L(" 200"), L("2 0"));
CHOICES(reasons, L(" OK"), L(" Not Found"), L(" "), L(""), L(" No Content"));
CHOICES(odd_reasons, L("  two"), L("\tOK"), L(" caf\xc3\xa9"), L(" a\0b"), L(" a\rb"), L("OK"),
        L(" HTTP/1.1 200 OK"), L("-"), L(" \x01"), L("  "));

CHOICES(colons, L(": "), L(": "), L(":"));
CHOICES(odd_colons, L(" : "), L("\t:"), L(":\t"), L(":  \t "), L(":\r\n "), L(":\n\t"), L(" "),
        L("::"), L(":\x0b"), L("\r: "), L("\0:"), L(":\r"));
CHOICES(trails, L(""));
CHOICES(odd_trails, L(" "), L("\t"), L("\r\n "), L("\r\n\t "), L("\n "), L("\x0b"), L("\0"),
        L("\r"), L("\x80"), L(" \t "));

CHOICES(names, L("Host"), L("Accept"), L("User-Agent"), L("X-Forwarded-For"), L("Cookie"),
        L("Content-Type"), L("a"), L("Date"), L("ETag"), L("traceparent"), L("Expect"),
        L("Proxy-Connection"), L("Cache-Control"), L("Trailer"), L("TE"));
CHOICES(odd_names, L("X Y"), L(""), L(" Host"), L("\tX"), L("Transfer_Encoding"),
        L("Content_Length"), L("Contentlength"), L("Content-Length-X"), L("X\x80"), L("(c)"),
        L("X\0Y"), L("X\rY"), L("Transfer-Encodin"), L("Content-Lengt"), L("@"), L("[x]"),
        L("Connectio"), L("X\x01"), L("\"q\""), L("Upgrad"), L("Transfer-Encoding2"), L("{}"));
CHOICES(values, L("a"), L("example.org"), L("text/html, */*;q=0.8"), L(""), L("x: y"),
        L("Mon, 01 Jan 2024 00:00:00 GMT"), L("\"quoted, text\""), L("b=1; c=2"),
        L("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
CHOICES(odd_values, L("\x01"), L("a\0b"), L("a\rb"), L("\xff\xfe"), L("a\r\n b"), L("a\n\tb"),
        L("\x7f"), L("a\rContent-Length: 5"), L("a\r\n Transfer-Encoding: chunked"),
        L("a\nContent-Length: 3"), L("\r"), L("\r\n \r\n x"), L("  "),
        L("a\rTransfer-Encoding: chunked\r"));

CHOICES(cases_length, L("Content-Length"), L("Content-Length"), L("content-length"));
CHOICES(odd_cases_length, L("CONTENT-LENGTH"), L("cOnTeNt-LeNgTh"), L("Content-Length "),
        L(" Content-Length"), L("Content-Length\t"), L("Content-length"),
        L("\x0b"
          "Content-Length"));
CHOICES(cases_coding, L("Transfer-Encoding"), L("transfer-encoding"));
CHOICES(odd_cases_coding, L("TRANSFER-ENCODING"), L("tRANSFER-eNCODING"), L("Transfer-Encoding "),
        L(" Transfer-Encoding"), L("Transfer-Encoding\t"), L("Transfer-encoding"));

/* N stands for the body's length. */
CHOICES(lengths, L("N"));
CHOICES(odd_lengths, L("0N"), L("000000000000000000000N"), L("+N"), L("-N"), L("N, N"), L("N,N"),
        L("N, 7"), L(""), L("0xN"), L("N N"), L("99999999999999999999"), L("18446744073709551615"),
        L("18446744073709551616"), L("9223372036854775807"), L("9223372036854775808"), L("N;"),
        L("N,"), L(",N"), L("\x0bN"), L("N\0"), L("N."), L("Na"), L("\"N\""), L("\r\n N"),
        L("N\r\n "), L("N\r\n 0"), L("1844674407370955161N"), L("922337203685477580"), L("N\t"),
        L("Nm"));
CHOICES(codings, L("chunked"), L("chunked"), L("chunked"), L("Chunked"), L("gzip, chunked"));
CHOICES(odd_codings, L("CHUNKED"), L("gzip,chunked"), L("chunked, chunked"), L("chunked, identity"),
        L("identity"), L("identity, chunked"), L("gzip"), L("xchunked"), L("chunkedx"),
        L("chunked;q=1"), L(""), L(","), L(", chunked"), L("chunked,"), L("\"chunked\""),
        L("chunke"), L("\r\n chunked"), L("chunked\r\n "),
        L("\x0b"
          "chunked"),
        L("chunked\x0b"), L("chunked, gzip"), L("chunked gzip"), L("gzip chunked"),
        L("chun\r\n ked"), L("chunked\0"), L("identity, identity"), L("chunked , chunked"),
        L("gzip,\tchunked"), L("chunked,,"), L("gzip,\r\n chunked"), L("chunk ed"), L("cow"),
        L("chunked, "), L(" ,chunked"));

CHOICES(connections, L("keep-alive"), L("close"), L("Keep-Alive"), L("keep-alive"));
CHOICES(odd_connections, L("Close"), L("close, TE"), L("TE, close"), L("keep-alive, close"),
        L("Upgrade"), L("keep-alive, Upgrade"), L("upgrade,close"), L("closed"), L("xclose"), L(""),
        L(","), L(",close"), L("close,"), L("close keep-alive"), L("close;"), L("\"close\""),
        L("close\r\n "), L("TE,\r\n close"), L("clo\r\n se"), L("keep-alive2"), L("close\x0b"),
        L("TE,,close"), L(" close"), L("upgrade, keep-alive"), L("close , x"),
        L("Host, Content-Length"));
CHOICES(upgrades, L("websocket"), L("h2c"));
CHOICES(odd_upgrades, L(""), L("TLS/1.0, HTTP/1.1"));

CHOICES(sizes, L("%zx"));
CHOICES(odd_sizes, L("%zX"), L("0%zx"), L("00000000000000000000%zx"), L(" %zx"), L("%zx "),
        L("%zx\t"), L("0x%zx"), L("+%zx"), L("-%zx"), L("f0000000%zx"), L("fffffffffffffff%zx"),
        L("%zx_0"), L("%zx\x0b"), L("g%zx"), L("%zx,"), L("\t%zx"), L("%zx  "), L("%zxh"),
        L("8000000000000000"), L("7fffffffffffffff"), L("ffffffffffffffff"),
        L("10000000000000000%zx"), L("%zx\"\""), L("%zx\x80"));
CHOICES(extensions, L(""), L(""), L(""), L(";a=b"));
CHOICES(odd_extensions, L(";"), L(";a"), L(" ;a"), L("; a=\"x;y\""), L(";a=\"\r\n\""), L(";a\rb"),
        L(";\r"), L(";a=b;c"), L(";\0"), L(";\x80"), L(";a=\"\\\"\""), L(";\x01"), L("\t;x"),
        L(";a\r\r"));
CHOICES(chunk_ends, L("\r\n"));
CHOICES(odd_chunk_ends, L("\n"), L("\r"), L(""), L("\r\r\n"), L("\n\n"), L("x\r\n"), L("\r\n\r\n"),
        L(" \r\n"), L("\rX"));

CHOICES(gaps, L(""));
CHOICES(odd_gaps, L("\r\n"), L("\n"), L("\r\n\r\n"), L("\r"), L("\r\r\n"), L(" "), L("\0"),
        L("\n\r\n"), L("x"), L("\t\r\n"));

/* What bodies are made of: much of it looks like framing. */
CHOICES(payloads, L("hello"), L("a"), L("\r\n"), L("0\r\n\r\n"),
        L("GET /smuggled HTTP/1.1\r\n\r\n"), L("HTTP/1.1 200 OK\r\n\r\n"), L("\0\xff"),
        L("5\r\nabcde\r\n"), L("{\"key\": 1}"), L("X: y\r\n\r\n"), L("Content-Length: 4\r\n"),
        L("0123456789abcdef0123456789abcdef"));

static unsigned below(struct making *making, unsigned bound)
{
    return (unsigned)(reading_random(&making->random) % bound);
}

static void put(struct making *making, struct slice text)
{
    struct stream *stream = making->stream;
    size_t room = STREAM_BYTES - stream->length;
    size_t length = text.length < room ? text.length : room;
    memcpy(stream->bytes + stream->length, text.at, length);
    stream->length += length;
}

static bool odd(struct making *making)
{
    return below(making, 100) < making->oddness;
}

static struct slice choose(struct making *making, struct choices usual, struct choices unusual)
{
    struct choices list = odd(making) ? unusual : usual;
    return list.at[below(making, (unsigned)list.count)];
}

static void put_choice(struct making *making, struct choices usual, struct choices unusual)
{
    put(making, choose(making, usual, unusual));
}

static void put_line_end(struct making *making)
{
    put_choice(making, line_ends, odd_line_ends);
}

static void put_field(struct making *making, struct slice name, struct slice value)
{
    put(making, name);
    put_choice(making, colons, odd_colons);
    put(making, value);
    put_choice(making, trails, odd_trails);
    put_line_end(making);
}

static void put_plain_field(struct making *making)
{
    struct slice name = choose(making, names, odd_names);
    put_field(making, name, choose(making, values, odd_values));
}

/* The value with the first N replaced by a number. */
static void put_length(struct making *making, size_t length)
{
    char text[96];
    size_t used = 0;
    struct slice value = choose(making, lengths, odd_lengths);
    for (size_t i = 0; i < value.length && used < 64; i++) {
        if (value.at[i] == 'N')
            used += (size_t)snprintf(text + used, sizeof text - used, "%zu", length);
        else
            text[used++] = value.at[i];
    }
    struct slice name = choose(making, cases_length, odd_cases_length);
    put_field(making, name, (struct slice){text, used});
}

static void put_coding(struct making *making)
{
    struct slice name = choose(making, cases_coding, odd_cases_coding);
    put_field(making, name, choose(making, codings, odd_codings));
}

/* One message's body and what its head says about it. */
struct payload {
    char bytes[512];
    size_t length;
    bool has_length;
    bool chunked;
};

static void make_payload(struct making *making, struct payload *payload)
{
    unsigned kind = below(making, 8);
    /* Without either field a response lasts until close, and nothing behind it is reached. */
    if (making->stream->responses && kind > 4 && below(making, 4) != 0)
        kind = 0;
    payload->length = 0;
    payload->has_length = kind < 3;
    payload->chunked = kind == 3 || kind == 4;
    if (kind > 4 && !odd(making))
        return;
    for (unsigned pieces = below(making, 5); pieces > 0; pieces--) {
        struct slice piece = payloads.at[below(making, (unsigned)payloads.count)];
        memcpy(payload->bytes + payload->length, piece.at, piece.length);
        payload->length += piece.length;
    }
}

static void put_framing(struct making *making, const struct payload *payload)
{
    bool both = odd(making) && odd(making);
    if (payload->has_length || (both && below(making, 2)))
        put_length(making, payload->length);
    if (payload->has_length && odd(making) && below(making, 2))
        put_length(making, below(making, 2) ? payload->length : payload->length + 1);
    if (payload->chunked || (both && below(making, 2)))
        put_coding(making);
    if (payload->chunked && odd(making) && below(making, 2))
        put_coding(making);
    if (both && payload->chunked)
        put_length(making, payload->length);
    if (payload->chunked && odd(making)) {
        put_coding(making);
        put_field(making, SLICE_LITERAL("Connection"), SLICE_LITERAL("Upgrade"));
        put_field(making, SLICE_LITERAL("Upgrade"), choose(making, upgrades, odd_upgrades));
    }
}

static void put_connection(struct making *making)
{
    if (below(making, 3) != 0)
        return;
    put_field(making, SLICE_LITERAL("Connection"), choose(making, connections, odd_connections));
    if (odd(making))
        put_field(making, SLICE_LITERAL("connection"),
                  choose(making, connections, odd_connections));
    if (odd(making) || below(making, 12) == 0) {
        put_field(making, SLICE_LITERAL("Upgrade"), choose(making, upgrades, odd_upgrades));
        if (below(making, 2))
            put_field(making, SLICE_LITERAL("Connection"), SLICE_LITERAL("Upgrade"));
    }
}

static void put_fields(struct making *making, const struct payload *payload)
{
    for (unsigned count = below(making, 5); count > 0; count--)
        put_plain_field(making);
    bool framing_first = below(making, 2);
    if (framing_first)
        put_framing(making, payload);
    put_connection(making);
    if (!framing_first)
        put_framing(making, payload);
    for (unsigned count = below(making, 3); count > 0; count--)
        put_plain_field(making);
    put_line_end(making);
}

static void put_chunk_line(struct making *making, size_t size)
{
    char text[64];
    struct slice format = choose(making, sizes, odd_sizes);
    size_t used = 0;
    for (size_t i = 0; i < format.length && used < 40; i++) {
        bool capital = i + 2 < format.length && format.at[i + 2] == 'X';
        if (format.at[i] != '%') {
            text[used++] = format.at[i];
            continue;
        }
        used += (size_t)snprintf(text + used, sizeof text - used, capital ? "%zX" : "%zx", size);
        i += 2;
    }
    put(making, (struct slice){text, used});
    put_choice(making, extensions, odd_extensions);
    put_choice(making, chunk_ends, odd_chunk_ends);
}

static void put_chunks(struct making *making, struct slice payload)
{
    while (payload.length > 0) {
        size_t size = 1 + below(making, (unsigned)payload.length);
        put_chunk_line(making, size);
        put(making, (struct slice){payload.at, size});
        put_choice(making, chunk_ends, odd_chunk_ends);
        payload = slice_after(payload, size);
    }
    put_chunk_line(making, 0);
    while (below(making, 5) == 0)
        put_plain_field(making);
    if (odd(making))
        put_length(making, 4);
    if (odd(making) && below(making, 3) == 0)
        put_coding(making);
    if (odd(making))
        put_field(making, SLICE_LITERAL("Connection"),
                  choose(making, connections, odd_connections));
    put_choice(making, chunk_ends, odd_chunk_ends);
}

static void put_body(struct making *making, const struct payload *payload)
{
    struct slice bytes = {payload->bytes, payload->length};
    if (payload->chunked)
        put_chunks(making, bytes);
    else
        put(making, bytes);
}

static void put_request(struct making *making)
{
    struct payload payload;
    make_payload(making, &payload);
    struct slice method = choose(making, methods, odd_methods);
    /* What follows CONNECT is seldom HTTP, so there should be few of them. */
    if (slice_equal(method, SLICE_LITERAL("CONNECT")) && below(making, 4) != 0)
        method = SLICE_LITERAL("GET");
    put(making, method);
    put_choice(making, spaces, odd_spaces);
    bool connect = slice_equal(method, SLICE_LITERAL("CONNECT"));
    put_choice(making, connect ? authorities : targets, odd_targets);
    put_choice(making, spaces, odd_spaces);
    put_choice(making, versions, odd_versions);
    put_line_end(making);
    put_fields(making, &payload);
    put_body(making, &payload);
}

/* True: it is the answer to a request of that method, no interim one. */
static bool put_response(struct making *making, enum http1_method *method)
{
    static const enum http1_method of[] = {
        HTTP1_METHOD_OTHER, HTTP1_METHOD_OTHER, HTTP1_METHOD_OTHER, HTTP1_METHOD_OTHER,
        HTTP1_METHOD_OTHER, HTTP1_METHOD_HEAD,  HTTP1_METHOD_OTHER, HTTP1_METHOD_CONNECT};
    struct payload payload;
    *method = of[below(making, 8)];
    make_payload(making, &payload);
    put_choice(making, versions, odd_versions);
    put_choice(making, spaces, odd_spaces);
    struct slice status = choose(making, statuses, odd_statuses);
    put(making, status);
    put_choice(making, reasons, odd_reasons);
    put_line_end(making);
    bool bodiless = (status.length > 0 && status.at[0] == '1') ||
                    slice_equal(status, SLICE_LITERAL("204")) ||
                    slice_equal(status, SLICE_LITERAL("304"));
    if (bodiless && !odd(making))
        payload = (struct payload){.length = 0};
    put_fields(making, &payload);
    if ((*method == HTTP1_METHOD_OTHER && !bodiless) || odd(making))
        put_body(making, &payload);
    return status.length == 0 || status.at[0] != '1' || slice_equal(status, SLICE_LITERAL("101"));
}

/* One byte of a stream becomes another, goes, comes, or some of them change places. */
static void damage(struct making *making)
{
    static const char bytes[] = "\r\n\t :,;0aG/\0\x80\xff\x01";
    struct stream *stream = making->stream;
    if (stream->length < 4)
        return;
    size_t at = below(making, (unsigned)stream->length - 3);
    char byte = bytes[below(making, sizeof bytes - 1)];
    size_t behind = stream->length - at - 1;
    switch (below(making, 6)) {
    case 0:
        stream->bytes[at] = (char)(stream->bytes[at] ^ 1 << below(making, 8));
        break;
    case 1:
        stream->bytes[at] = byte;
        break;
    case 2:
        memmove(stream->bytes + at, stream->bytes + at + 1, behind);
        stream->length--;
        break;
    case 3:
        if (stream->length == STREAM_BYTES)
            break;
        memmove(stream->bytes + at + 1, stream->bytes + at, behind + 1);
        stream->bytes[at] = byte;
        stream->length++;
        break;
    case 4:
        memmove(stream->bytes + at, stream->bytes + at + 2, behind - 1);
        stream->length -= 2;
        break;
    default:
        memcpy(stream->bytes + at, stream->bytes + below(making, (unsigned)at + 1), 2);
        break;
    }
}

void corpus_stream(uint64_t seed, uint64_t number, struct stream *stream)
{
    static const unsigned oddnesses[] = {0, 0, 0, 1, 1, 1, 2, 2, 4, 10};
    struct making making = {.random = seed ^ number * UINT64_C(0xd1342543de82ef95),
                            .stream = stream};
    making.oddness = oddnesses[below(&making, sizeof oddnesses / sizeof oddnesses[0])];
    stream->length = 0;
    stream->responses = below(&making, 5) < 2;
    stream->messages = 1 + below(&making, 6);
    stream->cuts = reading_random(&making.random) | 1;
    memset(stream->methods, 0, sizeof stream->methods);
    size_t answered = 0;
    for (size_t i = 0; i < stream->messages; i++) {
        put_choice(&making, gaps, odd_gaps);
        if (!stream->responses)
            put_request(&making);
        else if (put_response(&making, &stream->methods[answered]))
            answered++;
    }
    if (answered < READING_MOST)
        stream->methods[answered] = HTTP1_METHOD_OTHER;
    if (below(&making, 10) == 0)
        stream->length = below(&making, (unsigned)stream->length + 1);
    if (below(&making, 8) == 0)
        for (unsigned times = 1 + below(&making, 3); times > 0; times--)
            damage(&making);
}
