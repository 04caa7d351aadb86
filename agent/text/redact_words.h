// SPDX-License-Identifier: Apache-2.0
/* redact_words.h - finding sensitive words, also behind percent-encoding.
 *
 * What a secret is called; redact_init() and redact_key() of redact_rules.h are here, too. */
#ifndef AGENT_REDACT_WORDS_H
#define AGENT_REDACT_WORDS_H

#include "agent/text/redact_rules.h"

/* Does the text hold a word and, later, a `=` or `:`, a URL with a user, or `user:password@`? Then
 * it is a query, form, JSON, URL or data source name of its own, and the secret may be in it. */
bool redact_words_secret(const struct redact *redact, struct slice text);

/* Does a path hold a URL with a user? One of the two slashes may be gone. */
bool redact_words_user(struct slice text);

/* Is there surely nothing to hide in this text, whatever its parts are? One pass, for the common
 * case. */
bool redact_words_quiet(const struct redact *redact, struct slice text);

/* Is there surely no secret by its shape, as the text stands? */
bool redact_words_shapeless(const struct redact *redact, struct slice text);

#endif
