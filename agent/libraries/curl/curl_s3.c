// SPDX-License-Identifier: Apache-2.0
#include "agent/libraries/curl/curl_span.h"

#include "agent/base/url.h"

static struct slice header_of(const struct curl_handle *handle, struct slice name)
{
    for (const struct curl_list *list = handle->headers; list; list = list->next) {
        struct slice line = slice_of(list->data);
        size_t colon = line.at ? slice_find(line, ':') : 0;
        if (colon && colon < line.length &&
            slice_equal_nocase((struct slice){line.at, colon}, name))
            return slice_trim(slice_after(line, colon + 1));
    }
    return SLICE_NONE;
}

/* Not on the stack, which may be small. */
struct recognising {
    struct s3_query query;
    char made[sizeof((struct curl_handle *)0)->sigv4 + 64];
};

_Static_assert(sizeof(struct recognising) <= sizeof((struct curl_transfer *)0)->room, "it fits");

static char *append(char *at, struct slice text)
{
    if (text.length)
        memcpy(at, text.at, text.length);
    return at + text.length;
}

/* The label before a dot; *text keeps what follows. */
static struct slice take_label(struct slice *text)
{
    size_t end = slice_find(*text, '.');
    struct slice label = {text->at, end};
    *text = slice_after(*text, end < text->length ? end + 1 : end);
    return label;
}

/* PROVIDER:PROVIDER:REGION:SERVICE of CURLOPT_AWS_SIGV4, as the header that libcurl makes of it.
 * What is left out libcurl takes from a host SERVICE.REGION.…, and so do we. */
static struct slice from_sigv4(const struct curl_handle *handle, struct slice host,
                               char out[sizeof handle->sigv4 + 64])
{
    struct slice parts[4] = {SLICE_NONE, SLICE_NONE, SLICE_NONE, SLICE_NONE};
    struct slice left = slice_of(handle->sigv4);
    for (size_t i = 0; i < 4 && left.length; i++) {
        size_t end = slice_find(left, ':');
        parts[i] = (struct slice){left.at, end};
        left = slice_after(left, end < left.length ? end + 1 : end);
    }
    struct slice service = take_label(&host);
    struct slice region = take_label(&host);
    if (handle->sigv4[0] && !parts[3].length && slice_equal_nocase(service, SLICE_LITERAL("s3"))) {
        parts[3] = SLICE_LITERAL("s3");
        if (!parts[2].length && region.length <= 32)
            parts[2] = region;
    }
    if (!parts[3].length)
        return SLICE_NONE;
    char *at = append(out, SLICE_LITERAL("AWS4-HMAC-SHA256 Credential=-/-/"));
    at = append(at, parts[2]);
    at = append(at, SLICE_LITERAL("/"));
    at = append(at, parts[3]);
    at = append(at, SLICE_LITERAL("/aws4_request"));
    return (struct slice){out, (size_t)(at - out)};
}

/* Moves what lies in the application's memory to the transfer's. */
static void settle(struct slice *text, char **at, const char *end)
{
    if (!text->at)
        return;
    if (text->length > (size_t)(end - *at)) {
        *text = SLICE_NONE;
        return;
    }
    char *moved = *at;
    *at = append(moved, *text);
    text->at = moved;
}

void curl_span_recognise(struct curl_transfer *transfer, const struct curl_handle *handle)
{
    struct url url;
    struct recognising *working = (struct recognising *)(void *)transfer->room;
    if (!url_split(slice_of(transfer->url), &url))
        return;
    struct slice authorization = header_of(handle, SLICE_LITERAL("authorization"));
    struct s3_request request = {
        .method = slice_of(transfer->method),
        .host = url.host,
        .port = url.port,
        .path = url.path.length ? url.path : SLICE_LITERAL("/"),
        .query = url.query,
        .authorization =
            authorization.at ? authorization : from_sigv4(handle, url.host, working->made),
        .copy_source = header_of(handle, SLICE_LITERAL("x-amz-copy-source")),
    };
    /* The region may be the header's; bucket and the rest are the URL's or in `text`. */
    char *const end = transfer->text + sizeof transfer->text;
    char *at = end - 64;
    transfer->is_s3 = s3_recognise(&s3_endpoints_of_process, &request, &working->query,
                                   &transfer->s3, transfer->text, sizeof transfer->text - 64) &&
                      transfer->s3.operation.at;
    settle(&transfer->s3.region, &at, end);
}
