// SPDX-License-Identifier: Apache-2.0
#include "agent/base/racing.h"

__attribute__((no_sanitize("thread"))) void racing_copy(void *into, const void *from, size_t length)
{
    const volatile char *source = from;
    char *copy = into;
    for (size_t i = 0; i < length; i++)
        copy[i] = source[i];
}
