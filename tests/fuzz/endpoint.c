// SPDX-License-Identifier: Apache-2.0
/* What is taken for a collector's address can be put into a request and shown to people: no
 * character ends a line, no user information and no query is shown. What the configuration lets
 * through is an address.
 *
 * Input: a byte (bit 0: a base address), then what a person wrote. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/endpoint.h"
#include "exporter/transport/endpoint.h"

#define MOST 2048
#define MARK "zQ9xW7vU5"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds, const char *url)
{
    if (holds)
        return;
    (void)fprintf(stderr, "%s\n", url);
    abort();
}

static bool plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    return true;
}

static bool check(const char *url)
{
    struct endpoint endpoint;
    if (!endpoint_parse(&endpoint, url))
        return false;
    demand(plain(endpoint.host) && plain(endpoint.target) && plain(endpoint.shown), url);
    demand(endpoint.target[0] == '/' && !strchr(endpoint.target, '#'), url);
    demand(!strpbrk(endpoint.host, "/?#@"), url);
    demand(!strstr(endpoint.shown, MARK), url);
    demand(endpoint.host[0] != '\0', url);
    if (endpoint.scheme == ENDPOINT_UNIX)
        demand(plain(endpoint.socket) && endpoint.socket[0] == '/', url);
    else
        demand(endpoint.port != 0 && !strchr(endpoint.shown, '?'), url);
    return true;
}

/* A secret where secrets stand. */
static void secrets(const char *text)
{
    char url[MOST + 64];
    if (strpbrk(text, "/?#"))
        return;
    snprintf(url, sizeof url, "https://%s:" MARK "@host/path", text);
    check(url);
    snprintf(url, sizeof url, "http://host/%s?key=" MARK, text);
    check(url);
    snprintf(url, sizeof url, "http://host/%s#" MARK, text);
    check(url);
}

static void configured(const char *text, bool base)
{
    char url[MOST + 64];
    struct slice slice = {text, strlen(text)};
    if (!endpoint_readable(slice) || endpoint_bytes(slice.length) > sizeof url)
        return;
    demand(endpoint_write(slice, base, url) < endpoint_bytes(slice.length), text);
    bool parsed = check(url);
    /* Shorter than any of its parts may be. */
    if (strlen(url) <= 107)
        demand(parsed, url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > MOST)
        return 0;
    char *text = malloc(size);
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (!strstr(text, MARK)) {
        check(text);
        secrets(text);
        configured(text, data[0] & 1);
    }
    free(text);
    return 0;
}
