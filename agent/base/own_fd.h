// SPDX-License-Identifier: Apache-2.0
/* own_fd.h - descriptors of ours in a process that is not ours.
 *
 * The application may close any number, or put a file of its own there, at any moment, also while
 * our thread waits. So a descriptor is known by what it refers to, and is neither used nor closed
 * where that has changed. */
#ifndef AGENT_OWN_FD_H
#define AGENT_OWN_FD_H

#include <stdbool.h>
#include <sys/types.h>

struct own_fd {
    int fd; /* -1: none */
    dev_t device;
    ino_t inode;
};

#define OWN_FD_NONE ((struct own_fd){.fd = -1})

/* Takes `fd`, which was opened a moment ago and close-on-exec: moves it to a high number, where the
 * application is least likely to trip over it. Where none is free it stays. -1 makes none. */
struct own_fd own_fd_take(int fd);

/* Is it there, and still ours? */
bool own_fd_is_valid(const struct own_fd *own);

/* If it is. */
void own_fd_close(struct own_fd *own);

#endif
