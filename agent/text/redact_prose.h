// SPDX-License-Identifier: Apache-2.0
/* redact_prose.h - texts with nothing to look at, which nearly every user agent and request id is.
 */
#ifndef AGENT_REDACT_PROSE_H
#define AGENT_REDACT_PROSE_H

#include "agent/text/redact_rules.h"

/* Is it surely text in which no key has a value, no user a password, and nothing is a secret by its
 * shape? */
bool redact_prose(const struct redact *redact, struct slice text);

#endif
