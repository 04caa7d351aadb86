// SPDX-License-Identifier: Apache-2.0
/* https_place.h - a host whose addresses libcurl is told. */
#ifndef EXPORTER_HTTPS_PLACE_H
#define EXPORTER_HTTPS_PLACE_H

#include <stdbool.h>

#include "exporter/transport/address.h"
#include "exporter/transport/endpoint.h"

struct https_place {
    struct endpoint at;
    struct addresses addresses;
    bool literal; /* a number: nothing to look up, and nothing to tell */
    /* As CURL_OPTION_RESOLVE takes them, one behind the other: */
    char none[272];  /* -HOST:PORT, forget what you know */
    char line[1024]; /* HOST:PORT:ADDRESS,ADDRESS */
};

/* Writes the lines. False where libcurl needs not, or can't, be told: the host has a colon in it
 * and is a number, or no address is known. */
bool https_place_write(struct https_place *place);

/* A connection was made to the address that libcurl gives as `said`, if it is one of these. */
void https_place_used(struct https_place *place, const char *said);

#endif
