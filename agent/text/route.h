// SPDX-License-Identifier: Apache-2.0
/* route.h - which route a path belongs to.
 *
 * `GET /products/42/image` is one of a million names, `GET /products/{id}/image` one of a few. The
 * patterns the user configured come first and are the truth. Without one the shape of each segment
 * tells (route_segment.h), or how many others there are in its place (route_tree.h): each branch of
 * the path is bounded, and so the whole. Pure and bounded: a path over ROUTE_PATH_BYTES can only
 * match a pattern that ends in `*`. */
#ifndef AGENT_ROUTE_H
#define AGENT_ROUTE_H

#include "agent/base/slice.h"
#include "agent/text/faults.h"
#include "agent/text/route_tree.h"
#include "config/config.h"

#define ROUTE_PATTERNS    256
#define ROUTE_PATH_BYTES  1024 /* of a path, after normalisation */
#define ROUTE_WHOLE_BYTES 1500 /* a longer path may be the beginning of one, as a span keeps it */

/* Filled once, immutable afterwards; points into config->http_routes. */
struct route_patterns {
    struct slice list[ROUTE_PATTERNS];
    size_t count;
};

/* From config->http_routes, which must outlive it. Left out is what is no path, too long, more than
 * ROUTE_PATTERNS, or could never match: a query, dot segments, `//`, a `{` without its `}`.
 *
 * `{x}` matches one or more characters of a segment (`/files/{name}.png`), `*` within a segment
 * any number, `*` at the very end the rest of the path, slashes included. */
struct faults route_patterns_init(struct route_patterns *patterns, const struct config *config);

/* The route of a path (no query; what follows a `?` or `#` is ignored). Repeated slashes count as
 * one, path parameters (`;jsessionid=...`) are dropped, needless escapes (%41) undone.
 *
 * The result is a pattern's text, the path itself where it is its own route, or stands in `out`
 * (ROUTE_BYTES are enough) or `scratch`. SLICE_NONE: not a path, too long, no room, or dot
 * segments, even between escaped slashes: what such a path means only the server knows. With
 * `admit` false a heuristic route is found only when it is known already: for answers like 404, so
 * that scanners make no names. Any thread. */
struct slice route_of(const struct route_patterns *patterns, struct route_tree *tree,
                      struct slice path, bool admit, char *out, size_t capacity,
                      char scratch[ROUTE_PATH_BYTES]);

#endif
