// SPDX-License-Identifier: Apache-2.0
/* json.h - a decoded batch as OTLP/JSON.
 *
 * Names in lowerCamelCase, ids in hexadecimal, 64-bit numbers as decimal strings, enumerations as
 * numbers, fields at their default left out. Source: OTLP specification, "JSON Protobuf Encoding",
 * and RFC 8259. */
#ifndef EXPORTER_JSON_H
#define EXPORTER_JSON_H

#include <stddef.h>

#include "exporter/otlp/otlp.pb-c.h"

/* Writes the message as one line with its newline. Returns its length in bytes, or 0 where it
 * does not fit into `capacity` bytes. */
size_t json_write(const Otlp__Request *request, char *into, size_t capacity);

#endif
