// SPDX-License-Identifier: Apache-2.0
#include "agent/libraries/curl/curl_handle.h"

/* The value of the application's line of that name, in lower case; as libcurl sends it, but for its
 * white space. */
static struct slice header_value(const struct curl_list *list, struct slice name)
{
    for (; list; list = list->next) {
        struct slice line = slice_of(list->data);
        size_t colon = slice_find(line, ':');
        if (colon < line.length &&
            slice_equal_nocase(slice_trim((struct slice){line.at, colon}), name))
            return slice_trim(slice_after(line, colon + 1));
    }
    return SLICE_NONE;
}

/* The URL of a handle may lack its scheme. */
static void split(struct slice text, struct telemetry_head *head)
{
    size_t scheme = slice_find(text, ':');
    if (slice_starts(slice_after(text, scheme), SLICE_LITERAL("://")))
        text = slice_after(text, scheme + 3);
    text.length = slice_find(text, '?');
    text.length = slice_find(text, '#');
    size_t slash = slice_find(text, '/');
    head->host = (struct slice){text.at, slash};
    head->path = slice_after(text, slash);
    size_t at = slice_find(head->host, '@');
    if (at < head->host.length)
        head->host = slice_after(head->host, at + 1);
}

enum telemetry curl_handle_telemetry(const struct curl_handle *handle)
{
    struct telemetry_head head = {.method = curl_handle_method(handle)};
    if (!handle->url[0] || !telemetry_may_be(head.method))
        return TELEMETRY_NONE;
    split(slice_of(handle->url), &head);
    head.content_type = header_value(handle->headers, SLICE_LITERAL("content-type"));
    head.user_agent = header_value(handle->headers, SLICE_LITERAL("user-agent"));
    return telemetry_judge(&head);
}
