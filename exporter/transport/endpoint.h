// SPDX-License-Identifier: Apache-2.0
/* endpoint.h - the collector's address, as the transports want it.
 *
 * config/endpoint.h takes it apart. What is shown in messages leaves out user information and
 * query, where secrets may stand. */
#ifndef EXPORTER_ENDPOINT_H
#define EXPORTER_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "config/endpoint.h"

struct endpoint {
    enum endpoint_scheme scheme;
    uint16_t port;
    char host[256];    /* a name or a numeric address, without brackets */
    char target[768];  /* what stands in the request line: path and query */
    char socket[108];  /* ENDPOINT_UNIX: the socket's path */
    struct slice user; /* user information, percent-encoded, in the text parsed; may be empty */
    char shown[512];
};

/* From the complete URL that is posted to, which must outlive the endpoint. A unix socket's target
 * is always /v1/traces, and a base endpoint's "/v1/traces" at the end of the socket's path is taken
 * off. False: not an address. */
bool endpoint_parse(struct endpoint *endpoint, const char *url);

#endif
