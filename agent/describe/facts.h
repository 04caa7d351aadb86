// SPDX-License-Identifier: Apache-2.0
/* facts.h - texts of facts, which lie one after the other. */
#ifndef AGENT_FACTS_H
#define AGENT_FACTS_H

#include <stdint.h>

#include "agent/base/slice.h"

#define FACTS_ABSENT UINT16_MAX /* as a text's length: there is none */

/* Finds `count` texts of those lengths in the `left` bytes at `at`, which a stranger may have
 * written. False: they do not lie within. */
static inline bool facts_split(const char *at, size_t left, const uint16_t *lengths, int count,
                               struct slice *texts)
{
    for (int i = 0; i < count; i++) {
        size_t length = lengths[i];
        texts[i] = SLICE_NONE;
        if (length == FACTS_ABSENT)
            continue;
        if (length > left)
            return false;
        texts[i] = (struct slice){at, length};
        at += length;
        left -= length;
    }
    return true;
}

#endif
