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

#include "agent/text/redact_rules.h"

#define REDACT_BYTES      8192 /* of a text that is looked at; more than a span can hold */
#define REDACT_WORK_BYTES 400

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

/* This process's. Written by redact_prepare(), before anything is recorded; only read otherwise.
 * Warns of what is not used. */
extern struct redact redact_of_process;
void redact_prepare(const struct config *config);

#endif
