// SPDX-License-Identifier: Apache-2.0
/* region_files.h - the files that regions lie in, as their directory shows them.
 *
 * They lie in the user's own directory (own_directory.h), so that strangers' files beside it are
 * never looked at, however many they are.
 *
 *     STATE_DIR/otelagent-UID/otelagent-KEY-NAMESPACE-PID-IMAGE-RANDOM[.replaced]
 *
 * A name says for whom the file may be of interest and whose it is, so that those who look for one
 * need not open the others.
 *
 * Files of killed processes that nobody follows would fill the file system, which is often small
 * and made for others. So there is an end to them: who comes then makes none of its own. */
#ifndef AGENT_REGION_FILES_H
#define AGENT_REGION_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/own_directory.h"

#define REGION_PREFIX     "otelagent-"
#define REGION_REPLACED   ".replaced" /* at the end of a file's name: as region_replace() left it */
#define REGION_PATH_BYTES OWN_DIRECTORY_PATH_BYTES

/* Files that ended processes of one user may leave in a directory: as many as take a
 * REGION_SHARE'th of the file system, within these bounds. Some more, if many start at once. */
#define REGION_SHARE       16
#define REGION_BYTES_LEAST ((size_t)256 << 20)
#define REGION_BYTES_MOST  ((size_t)2 << 30)
#define REGION_FILES_LEAST 64u
#define REGION_FILES_MOST  2048u

/* What is looked at in directories of others, at most, on a thread of the program. */
#define REGION_ENTRIES_MOST 1024u

struct region_name {
    uint64_t key;           /* of the service: only processes with the same one take it over */
    uint64_t pid_namespace; /* the inode of the namespace that `pid` was given in */
    uint32_t pid;
    uint32_t image;   /* process_image() of the program that made it; 0: unknown */
    bool replaced;    /* that program has exec'd, or tried to */
    bool here;        /* in a visit: the namespace is this process's */
    int directory;    /* in a visit: open, where it lies under the next one */
    const char *text; /* likewise */
};
bool region_name_parse(struct region_name *name, const char *text);

/* The path of a file that this process may make; its directory is made, but may be gone by then if
 * another process has removed its last file. NULL, or why there is none; then the path is empty. */
const char *region_name_new(char path[REGION_PATH_BYTES], const char *directory, uint64_t key);

/* Removes the file, and its directory if that was the last. False where it can't be removed. */
bool region_file_remove(const char *path);

/* Visits this user's files until a visit says true; false if none does. Any thread, also in a
 * signal handler. */
typedef bool region_visit(const struct region_name *name, const char *path, void *context);
bool region_files_visit(const char *directory, region_visit *visit, void *context);

/* Visits those of all users that this one may see, as far as REGION_ENTRIES_MOST entries tell. The
 * path is not to be used: there may be links in it. */
bool region_files_visit_all(const char *directory, region_visit *visit, void *context);

/* May there be another file of so many bytes? Opens none; on tmpfs, where living and ended
 * processes have fewer together, not even the directory. */
bool region_files_room(const char *directory, size_t bytes);

/* Why there can be no file of so many bytes in the directory; NULL: nothing is in the way. */
const char *region_files_find_obstacle(const char *directory, size_t bytes);

#endif
