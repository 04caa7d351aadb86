// SPDX-License-Identifier: Apache-2.0
/* orphan.h - a region's file whose process has ended, held so that nobody else reads it.
 *
 * It counts as the process's end, too, that its number belongs to another program by now (exec).
 * Whoever holds the lock on the file is its reader; the lock ends with its holder. Files of other
 * users, and those with more than one name, are left alone. */
#ifndef AGENT_ORPHAN_H
#define AGENT_ORPHAN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/own_fd.h"
#include "agent/queue/region.h"
#include "agent/queue/region_files.h"

struct orphan {
    struct region region; /* without a header where the file can't be read as one */
    struct own_fd lock;
    char path[REGION_PATH_BYTES];
    bool held;          /* not taken, because somebody else has it just now */
    bool is_void;       /* its process could not remove it; nothing is in it */
    int64_t written_ns; /* Unix time, of the file: as good as when it was made */
};

/* As far as the name tells, its process may have ended. */
bool orphan_is_likely(const struct region_name *name);

/* Takes it, where it is an orphan; else false. */
bool orphan_take(struct orphan *orphan, const struct region_name *name, const char *path);

/* `done`: the file goes. Else others may take it. */
void orphan_release(struct orphan *orphan, bool done);

#endif
