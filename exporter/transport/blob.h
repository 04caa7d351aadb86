// SPDX-License-Identifier: Apache-2.0
/* blob.h - a whole file in memory, for use when its path has gone out of reach. */
#ifndef EXPORTER_BLOB_H
#define EXPORTER_BLOB_H

#include "exporter/base/arena.h"

#define BLOB_BYTES_MOST ((size_t)4 << 20)

/* Reads a file of 1 byte to BLOB_BYTES_MOST into an arena that is not mapped yet. Returns NULL, or
 * what went wrong. Core dumps leave the memory out: it may be a key. */
const char *blob_read(struct arena *blob, const char *path);

#endif
