// SPDX-License-Identifier: Apache-2.0
/* stored_key.h - what may be shown of the key of a store (Redis, memcached).
 *
 * A key can be a credential: that of a PHP session is `PHPREDIS_SESSION:` and its cookie. So a
 * segment that looks like no word is hidden (16 and more letters and digits, hashes, UUIDs, random
 * text), and everything behind a word that says what follows: `sess`, `token`, `auth`, and what
 * redact.h calls secret. Numbers are shown: `user:42`. In doubt it hides. */
#ifndef AGENT_STORED_KEY_H
#define AGENT_STORED_KEY_H

#include "agent/text/redact.h"

/* The segments take no more room than the key. */
#define STORED_KEY_BYTES 160

/* Writes what may be shown at `out`, with `?` for what is hidden, and returns its length. `key` has
 * no more than STORED_KEY_BYTES - 1 bytes; `cut`: there were more, and so its last segment is
 * hidden. Sets *hidden where something is, and leaves it else. `redact` may be NULL. */
size_t stored_key_show(const struct redact *redact, struct slice key, bool cut,
                       char out[STORED_KEY_BYTES], bool *hidden);

/* Does it look like no word of a program? It holds no separator, and is no longer than a key. */
bool stored_key_is_secret(struct slice segment);

#endif
