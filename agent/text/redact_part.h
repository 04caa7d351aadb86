// SPDX-License-Identifier: Apache-2.0
/* redact_part.h - short words, which make a key secret only where they are a word of it.
 *
 * `pass`, `user-pass`, `userPass` and `pass2` are, `passenger` is not: words are parted by what is
 * no letter, and by camelCase. The table is redact_keys.def. */
#ifndef AGENT_REDACT_PART_H
#define AGENT_REDACT_PART_H

#include "agent/text/redact_rules.h"

/* Is there one in the text, in a key that a `=` or `:` ends? `whole`: or the text itself is the
 * key. */
bool redact_part_in(struct slice text, bool whole);

/* Does one, of such a key, begin just here, read as it stands? */
bool redact_part_at(struct slice text, size_t at);

/* Makes the sieve of *redact let them through. */
void redact_part_prepare(struct redact *redact);

#endif
