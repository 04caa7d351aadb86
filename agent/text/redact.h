// SPDX-License-Identifier: Apache-2.0
/* redact.h - secrets stay in the process.
 *
 * URLs and headers carry credentials, and a trace is read by more people than the request was
 * meant for. A value is hidden when its key says so: one of the fixed keys (redact_keys.def), or
 * a key that contains one of the configured words, in any case and behind percent-encoding; and
 * wherever it stands when it looks like a secret (redact_shapes.def), behind percent-encoding. In
 * doubt it hides: a malformed authority, a value that itself holds a word and then `=` or `:` (a
 * URL or JSON inside a parameter) or user information (`user:password@`), everything between a
 * sensitive key and the next `&` even where `;` may separate too. The keys themselves stay
 * readable.
 *
 * The functions write a text into the caller's buffer only when something has to change, else they
 * return their argument (of a text over REDACT_BYTES the beginning). The buffer's last
 * REDACT_WORK_BYTES are working memory, because the stack may be small: `capacity`, which counts
 * them, must not be less. A buffer too small cuts the end of the result: what is written is
 * redacted as it is written, so a cut can't uncover anything. Nothing allocates; work grows with
 * length times the number of words. */
#ifndef AGENT_REDACT_H
#define AGENT_REDACT_H

#include <stdint.h>

#include "agent/base/slice.h"
#include "config/config.h"

#define REDACT_WORDS      64 /* configured ones */
#define REDACT_WORD_BYTES 63
#define REDACT_BYTES      8192 /* of a text that is looked at; more than a span can hold */
#define REDACT_WORK_BYTES 400

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

/* A query without its `?`. Absent stays absent. */
struct slice redact_query(const struct redact *redact, struct slice query, char *out,
                          size_t capacity);

/* A request target: path, query, fragment. Path parameters (`;key=value`) are looked at, too. */
struct slice redact_target(const struct redact *redact, struct slice target, char *out,
                           size_t capacity);

/* An absolute URL, or one without a scheme as curl takes them; user information becomes
 * `REDACTED:REDACTED@`, then as redact_target. */
struct slice redact_url(const struct redact *redact, struct slice url, char *out, size_t capacity);

/* Any other text that came with a request: hidden as a whole when it holds a word and then `=` or
 * `:`, as redact_url when it looks like a URL. */
struct slice redact_value(const struct redact *redact, struct slice value, char *out,
                          size_t capacity);

/* Any text at all: only what is a secret by its shape. */
struct slice redact_text(const struct redact *redact, struct slice text, char *out,
                         size_t capacity);

/* A header's value: hidden as a whole when the name is sensitive (or fixed: Authorization,
 * Cookie, ...), else as redact_value. */
struct slice redact_header(const struct redact *redact, struct slice name, struct slice value,
                           char *out, size_t capacity);

#endif
