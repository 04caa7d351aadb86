// SPDX-License-Identifier: Apache-2.0
/* curl_span.h - what the span of a transfer says (OpenTelemetry HTTP and AWS conventions).
 *
 * One span a transfer: libcurl follows redirects by itself and shows only how many there were, so
 * the request's words are those of the first, the answer's those of the last. */
#ifndef AGENT_CURL_SPAN_H
#define AGENT_CURL_SPAN_H

#include "agent/libraries/curl/curl_handle.h"

#define CURL_CODE_CANCELLED (-1) /* taken out before it was over */
#define CURL_CODE_NOT_BEGUN (-2) /* taken out before anything was sent */
#define CURL_CODE_UNKNOWN   (-3) /* no whole answer; nobody asked the library why */

/* What the request asks of S3, if anything: when it begins, because the header list that says so
 * is the application's. */
void curl_span_recognise(struct curl_transfer *transfer, const struct curl_handle *handle);

/* The CURLcode of a multi's transfer whose message nobody read, or one of the above: as far as the
 * state and what the library says of the answer tell. */
int curl_span_code(const struct curl_transfer *transfer, const struct curl_handle *handle,
                   enum curl_state state);

/* How long the library says the transfer took; 0 where it does not. */
uint64_t curl_span_took_ns(const struct curl_handle *handle);

/* The transfer ended with that CURLcode, or one of the above. */
void curl_span_describe(struct client_page *page, const struct curl_transfer *transfer,
                        const struct curl_handle *handle, int code, uint64_t end_ns);

/* `error.type` of a CURLcode; OS errors of failed connects by their names. */
struct slice curl_error_type(int code, int os_error);

/* Was this a transfer over HTTP, as the library says after it? Not so where no URL was ever set. */
bool curl_span_is_http(const struct curl_transfer *transfer, const struct curl_handle *handle);

#endif
