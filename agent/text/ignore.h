// SPDX-License-Identifier: Apache-2.0
/* ignore.h - requests that get no span, by their path.
 *
 * A health check every second, or the scrape of a metrics page, is not worth a trace. An entry is a
 * whole path, `/healthz`, or with a `*` at its end the beginning of one: `/static/` and `*`. Both
 * sides are compared with their percent-encoding undone and repeated slashes taken as one; an
 * encoded slash is none, and case matters. A path with dot segments is never ignored: what it means
 * only the server knows, and `/static/../admin` would hide behind an entry. Pure. */
#ifndef AGENT_IGNORE_H
#define AGENT_IGNORE_H

#include "agent/base/slice.h"
#include "agent/text/faults.h"
#include "config/config.h"

#define IGNORE_PATHS 64

/* Filled once, immutable afterwards; points into config->http_ignore. */
struct ignore {
    struct slice list[IGNORE_PATHS];
    size_t count;
};

/* From config->http_ignore, which must outlive it. Left out is what does not begin with a slash or
 * could never match, and what is more than IGNORE_PATHS. */
struct faults ignore_init(struct ignore *ignore, const struct config *config);

/* Is this request target (RFC 9112, 3.2) one of a path to ignore? Any bytes. */
bool ignore_has(const struct ignore *ignore, struct slice target);

#endif
