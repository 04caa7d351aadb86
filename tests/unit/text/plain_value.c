// SPDX-License-Identifier: Apache-2.0
/* Another redact_value(), that asks the plain redact_prose(). */
#define redact_header plain_redact_header
#define redact_prose  plain_redact_prose
#define redact_query  plain_redact_query
#define redact_target plain_redact_target
#define redact_text   plain_redact_text
#define redact_url    plain_redact_url
#define redact_value  plain_redact_value

#include "agent/text/redact.c" // NOLINT(bugprone-suspicious-include)
