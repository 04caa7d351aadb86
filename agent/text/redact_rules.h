// SPDX-License-Identifier: Apache-2.0
/* redact_rules.h - what is secret, made ready to be looked for.
 *
 * redact_words.c makes it, with the help of redact_part.c and redact_shape.c: each knows what of it
 * is its own. redact.c knows where in a URL or header a secret may stand. */
#ifndef AGENT_REDACT_RULES_H
#define AGENT_REDACT_RULES_H

#include <stdint.h>

#include "agent/base/slice.h"
#include "config/config.h"

#define REDACT_WORDS      64 /* configured ones */
#define REDACT_WORD_BYTES 63

enum {
    REDACT_FIXED = 0
#define REDACT_KEY(name) +1 /* NOLINT(bugprone-macro-parentheses): a sum of rows */
#define REDACT_PART(name)
#define REDACT_HEADER(name)
#include "agent/text/redact_keys.def"
#undef REDACT_KEY
#undef REDACT_PART
#undef REDACT_HEADER
};

struct redact_word {
    uint8_t length;
    bool whole;                            /* must not stand within a longer word */
    unsigned char text[REDACT_WORD_BYTES]; /* folded */
};

/* Filled once, immutable afterwards. */
struct redact {
    uint64_t pairs[16];      /* the two characters words begin with, a bit each, 5 bits of each */
    unsigned char fold[256]; /* lower case; what separates the parts of a name is `_` */
    uint64_t sieve[256];     /* what a character can be to what may be hidden: redact_sieve.h */
    uint64_t stops;          /* its bits that make something worth a look */
    unsigned begun;          /* bytes of a short word that the sieve looks at */
    size_t count;
    bool hash;
    struct redact_word words[REDACT_FIXED + REDACT_WORDS];
};

/* From config->redact_keys (comma-separated) and config->redact_mode. Returns the number of words
 * that were left out because there are more than REDACT_WORDS: worth a warning. A word longer than
 * REDACT_WORD_BYTES counts with its beginning, which hides more, not less. */
size_t redact_init(struct redact *redact, const struct config *config);

/* Is this the name of something secret? */
bool redact_key(const struct redact *redact, struct slice key);

#endif
