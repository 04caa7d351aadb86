// SPDX-License-Identifier: Apache-2.0
/* redact_shape.h - finding what is a secret by its looks, also behind percent-encoding.
 *
 * The table is redact_shapes.def. Nothing here needs a configuration, so that messages of ours can
 * be looked at before there is one; only redact_shape_prepare() makes it fast. */
#ifndef AGENT_REDACT_SHAPE_H
#define AGENT_REDACT_SHAPE_H

#include "agent/text/redact_rules.h"

#define REDACT_SHAPE_LEAST 13 /* bytes of the shortest secret, its prefix included */

struct redact_extent {
    size_t from;
    size_t to; /* the same: there is none */
};

/* The first secret that begins at from or later, and before `until`. Work grows with the length of
 * the text. */
struct redact_extent redact_shape_find(struct slice text, size_t from, size_t until);

/* Writes `REDACTED` over each in text[0..length), and returns the new length, which is at most
 * `capacity`. */
size_t redact_shape_blot(char *text, size_t length, size_t capacity);

/* Does one begin just here, read as it stands? May say so in doubt. */
bool redact_shape_at(struct slice text, size_t at);

/* Makes the sieve of *redact let the shapes' beginnings through. */
void redact_shape_prepare(struct redact *redact);

#endif
