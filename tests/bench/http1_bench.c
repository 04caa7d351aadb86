// SPDX-License-Identifier: Apache-2.0
/* What reading a head costs the application's thread: nanoseconds a head, the best of several
 * rounds, so that a busy machine does not make the parser look slow.
 *
 *     http1_bench            the table
 *     http1_bench N HEADS    parses head N only, HEADS times and without a clock: under
 *                            `valgrind --tool=callgrind` or `perf stat`, divide by HEADS */
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/clock.h"
#include "agent/protocols/http1/http1_body.h"

#define ROUNDS 15
#define HEADS  200000

struct head {
    const char *name;
    bool response;
    const char *bytes;
};

static const struct head heads[] = {
    {"request, the gate's", false,
     "GET /hello.txt HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench_load/1\r\n"
     "Accept: */*\r\n\r\n"},
    {"request, wrk to nginx", false,
     "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/7.88.1\r\n"
     "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n\r\n"},
    {"response, nginx static", true,
     "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Fri, 20 Nov 2026 13:19:40 GMT\r\n"
     "Content-Type: text/html\r\nContent-Length: 615\r\n"
     "Last-Modified: Tue, 04 Feb 2025 10:00:00 GMT\r\nConnection: keep-alive\r\n"
     "ETag: \"67a1e6a0-267\"\r\nAccept-Ranges: bytes\r\n\r\n"},
    {"request, browser", false,
     "GET /products/42?ref=home HTTP/1.1\r\nHost: shop.example.org\r\n"
     "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
     "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n"
     "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
     "Connection: keep-alive\r\nReferer: https://shop.example.org/\r\n"
     "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\n"
     "Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n"
     "Sec-Fetch-Site: same-origin\r\nPriority: u=0, i\r\n"
     "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n"},
    {"request, browser, short", false,
     "GET /products/42?ref=home HTTP/1.1\r\nHost: shop.example.org\r\n"
     "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
     "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n"
     "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
     "Connection: keep-alive\r\nReferer: https://shop.example.org/\r\n"
     "Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n"
     "Sec-Fetch-Site: same-origin\r\nPriority: u=0, i\r\n\r\n"},
};

#define HEAD_COUNT (sizeof heads / sizeof *heads)

/* Head and framing: all that is asked of every message of a server's. Returns something that
 * depends on all of it, so that none is optimised away. */
static size_t read_message(const struct head *head, struct slice bytes)
{
    struct http1_body body;
    if (head->response) {
        struct http1_response response;
        if (http1_parse_response(bytes, HTTP1_WANT_FRAMING, &response) != PARSE_OK)
            abort();
        http1_body_of_response(&body, &response, HTTP1_METHOD_OTHER);
        return response.head_length + body.framing;
    }
    struct http1_request request;
    if (http1_parse_request(bytes, HTTP1_WANT_ALL, &request) != PARSE_OK)
        abort();
    http1_body_of_request(&body, &request);
    return request.head_length + body.framing;
}

static size_t read_many(const struct head *head, unsigned long count)
{
    struct slice bytes = slice_of(head->bytes);
    size_t sum = 0;
    for (unsigned long i = 0; i < count; i++) {
        __asm__ volatile("" : "+r"(bytes.at) : : "memory");
        sum += read_message(head, bytes);
    }
    return sum;
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        unsigned long n = strtoul(argv[1], NULL, 10);
        return n < HEAD_COUNT && read_many(&heads[n], strtoul(argv[2], NULL, 10)) == 0;
    }
    for (size_t n = 0; n < HEAD_COUNT; n++) {
        uint64_t best = UINT64_MAX;
        for (int round = 0; round < ROUNDS; round++) {
            uint64_t start = clock_monotonic_ns();
            size_t sum = read_many(&heads[n], HEADS);
            uint64_t took = clock_monotonic_ns() - start;
            best = sum != 0 && took < best ? took : best;
        }
        (void)printf("%-24s %5zu bytes %7.1f ns a head\n", heads[n].name, strlen(heads[n].bytes),
                     (double)best / HEADS);
    }
    return 0;
}
