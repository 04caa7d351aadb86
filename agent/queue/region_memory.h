// SPDX-License-Identifier: Apache-2.0
/* region_memory.h - the memory of a region's file, a part at a time.
 *
 * Only what makes, grows, maps and lends regions includes this. Offsets are from the region's base,
 * multiples of REGION_PAGE. */
#ifndef AGENT_REGION_MEMORY_H
#define AGENT_REGION_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#define REGION_PAGE 4096u

/* Bytes from..to are allocated: the kernel is asked to write to them, and says so if it can't.
 * False with errno. */
bool region_populate(char *base, size_t from, size_t to);

/* Memory of this process's alone from there on, where nobody has touched anything. */
bool region_do_without_file(char *base, size_t from, size_t to);

#endif
