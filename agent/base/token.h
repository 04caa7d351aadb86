// SPDX-License-Identifier: Apache-2.0
/* token.h - tokens as HTTP has them (RFC 9110, 5.6.2): methods, names of fields, keys of baggage.
 */
#ifndef AGENT_TOKEN_H
#define AGENT_TOKEN_H

#include <stdbool.h>

#include "agent/base/slice.h"

/* tchar. */
extern const bool token_byte[256];

/* One tchar at least, and nothing else. */
bool token_is(struct slice text);

#endif
