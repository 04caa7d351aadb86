// SPDX-License-Identifier: Apache-2.0
/* The sources of the product, for a processor that can do nothing special. */
#undef __SSE2__
#define redact_prose plain_redact_prose

#include "agent/text/redact_prose.c" // NOLINT(bugprone-suspicious-include)

#include "tests/unit/text/plain.h"

const char *plain_either(const char *at, const char *end, char c, char d)
{
    return scan_either(at, end, c, d);
}

const char *plain_byte(const char *at, const char *end, char c)
{
    return scan_byte(at, end, c);
}

uint64_t plain_line_ends(const char *begin, const char *at, const char *end, unsigned *bare)
{
    return scan_line_ends(begin, at, end, bare);
}
