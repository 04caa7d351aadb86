// SPDX-License-Identifier: Apache-2.0
/* plain.h - what is written twice, for a processor and for any: here the second one, on each. */
#ifndef TESTS_PLAIN_H
#define TESTS_PLAIN_H

#include "agent/text/redact.h"

const char *plain_either(const char *at, const char *end, char c, char d);
const char *plain_byte(const char *at, const char *end, char c);
uint64_t plain_line_ends(const char *begin, const char *at, const char *end, unsigned *bare);
struct slice plain_redact_value(const struct redact *redact, struct slice value, char *out,
                                size_t capacity);

#endif
