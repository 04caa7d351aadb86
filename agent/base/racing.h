// SPDX-License-Identifier: Apache-2.0
/* racing.h - copies what another thread may be writing.
 *
 * What was copied counts only if something tells afterwards that nobody has written: a generation,
 * or a check of all of it. Byte by byte and volatile, because it is a race, if one whose loser is
 * thrown away; ThreadSanitizer is told so. */
#ifndef AGENT_RACING_H
#define AGENT_RACING_H

#include <stddef.h>

void racing_copy(void *into, const void *from, size_t length);

#endif
