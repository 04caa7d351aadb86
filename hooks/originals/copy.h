// SPDX-License-Identifier: Apache-2.0
/* copy.h - several copies of this library in one process.
 *
 * An image's LD_PRELOAD and a launcher's, or /etc/ld.so.preload, may each name a file of its own,
 * of another version too; then each call goes through the hooks of all. Each copy exports a mark,
 * and of those that do the first in the loader's order works: it is the one that the program calls,
 * and which one that is does not depend on whose constructor runs first. The others keep their
 * gates closed, so their hooks only pass calls on. */
#ifndef HOOKS_COPY_H
#define HOOKS_COPY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Read and written by copies of other versions: what is here stays as it is. */
struct copy_mark {
    uint32_t version;           /* 1 */
    _Atomic uint32_t speaking;  /* the copy that works has said what it knows of others */
    _Atomic uint32_t following; /* copies that found this one to be the first */
};

/* The path of the copy that works instead of this one; NULL: this one does. `*tell`: it is this
 * one's to say so, because the other has spoken already. Once, in the constructor. */
__attribute__((cold)) const char *copy_instead(bool *tell);

/* The path of another copy in the process, or NULL. From then on others speak for themselves. */
__attribute__((cold)) const char *copy_follower(void);

#endif
