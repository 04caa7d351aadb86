// SPDX-License-Identifier: Apache-2.0
/* region_files.h - the files that regions lie in, as their directory shows them.
 *
 * A name says for whom the file may be of interest and whose it is, so that those who look for one
 * need not open the others:
 *
 *     otelagent-KEY-NAMESPACE-PID-IMAGE-RANDOM[.replaced]
 *
 * Files of killed processes that nobody follows would fill the directory, which is often small and
 * made for others. So a process counts them before it makes one of its own. */
#ifndef AGENT_REGION_FILES_H
#define AGENT_REGION_FILES_H

#include <stdbool.h>
#include <stdint.h>

#define REGION_PREFIX     "otelagent-"
#define REGION_PATH_BYTES 512

/* Files that ended processes of one user may leave in a directory; where there are so many, a new
 * process makes none. Some more, if many start at once. */
#define REGION_FILES_LEFT 64

struct region_name {
    uint64_t key;           /* of the service: only processes with the same one take it over */
    uint64_t pid_namespace; /* the inode of the namespace that `pid` was given in */
    uint32_t pid;
    uint32_t image; /* process_image() of the program that made it; 0: unknown */
    bool replaced;  /* that program has exec'd, or tried to */
    bool here;      /* region_files_visit(): the namespace is this process's */
};
bool region_name_parse(struct region_name *name, const char *text);

/* The path of a file that this process may make; empty and false where it would be too long. */
bool region_name_new(char path[REGION_PATH_BYTES], const char *directory, uint64_t key);

/* Visits those of a directory until a visit says true; false if none does. Any thread, also in a
 * signal handler. */
typedef bool region_visit(const struct region_name *name, const char *path, void *context);
bool region_files_visit(const char *directory, region_visit *visit, void *context);

/* How many files processes of this user left there that have ended, REGION_FILES_LEFT at most.
 * Removes those that hold nothing because their process could not. */
unsigned region_files_left(const char *directory);

#endif
