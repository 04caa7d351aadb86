// SPDX-License-Identifier: Apache-2.0
/* own_directory.h - where a user's processes keep what they share: the files of regions, and notes.
 *
 *     STATE_DIR/otelagent-UID/
 *
 * All may write to the directory it lies in. So it is made with mode 0700 and used only if it is
 * this user's and no link, and while a file is in it no stranger can put something in its place. It
 * goes with the last file.
 *
 * A note is a small file under a fixed name, so that it is found without a look at the directory.
 * Any thread that may ask the kernel; the user is asked for each time, because a server may become
 * another one after it was started. */
#ifndef AGENT_OWN_DIRECTORY_H
#define AGENT_OWN_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#define OWN_DIRECTORY_PREFIX     "otelagent-" /* which the user's number ends */
#define OWN_DIRECTORY_PATH_BYTES 512

/* `state` may be empty: then there is none. False also where the path is too long. */
bool own_directory_path(char path[OWN_DIRECTORY_PATH_BYTES], const char *state);

/* NULL, or why it can't be used. It may be gone by then if another process has removed its last
 * file. */
const char *own_directory_make(const char *path);

/* A descriptor to close; -1 with errno where there is none that is this user's alone. */
int own_directory_open(const char *path);

/* Before those below. `state`: the directory of the state; empty for none. */
void note_init(const char *state);

/* A descriptor to close, by open(2)'s flags; -1 where there is no note, or something else under its
 * name: what is no regular file, another user's, or has a second name is left alone. One to write
 * to is had only where a file may have as many bytes; O_CREAT makes it, and its directory. */
int note_open(const char *name, int flags, size_t bytes);

/* A note that was opened; and the directory, if that was the last file in it. */
void note_remove(const char *name);

#endif
