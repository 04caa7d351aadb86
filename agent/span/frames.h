// SPDX-License-Identifier: Apache-2.0
/* frames.h - a stack trace as it lies in a record: where the return addresses are, not what they
 * are called.
 *
 * Names are looked up in the modules' files, by the exporter's thread or by whoever sends a dead
 * process's spans; so an address is one of the file (as `nm` shows it), and a module is the file's
 * path and what tells it from another file that has taken its place. Nothing else of the process
 * is in it. */
#ifndef AGENT_FRAMES_H
#define AGENT_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#define FRAMES_MOST          ((size_t)64)
#define FRAMES_MODULES_MOST  32
#define FRAMES_PATH_BYTES    512  /* longer ones are no paths of files any more, but names */
#define FRAMES_IDENTITY_READ 1024 /* bytes of a file's beginning: headers and build id */

struct frames_head {
    uint16_t modules; /* that many modules follow, then the frames */
    uint16_t frames;
    uint32_t reserved;
};

struct frames_module {
    uint64_t identity; /* frames_identity() of its beginning; 0: not known */
    uint32_t length;   /* of the path */
    uint32_t reserved;
    char path[]; /* padded to 8 */
};

/* A frame is an address in the lower 56 bits and the module's number above them. */
#define FRAMES_ADDRESS_BITS 56
#define FRAMES_ADDRESS_MASK ((UINT64_C(1) << FRAMES_ADDRESS_BITS) - 1)

#define FRAMES_PADDED(length) (((size_t)(length) + 7) & ~(size_t)7)
#define FRAMES_BYTES_MOST                                                                          \
    (sizeof(struct frames_head) +                                                                  \
     FRAMES_MODULES_MOST * (sizeof(struct frames_module) + FRAMES_PATH_BYTES) + FRAMES_MOST * 8)

/* FNV-1a; never 0. */
static inline uint64_t frames_identity(const unsigned char bytes[FRAMES_IDENTITY_READ])
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < FRAMES_IDENTITY_READ; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash ? hash : 1;
}

#endif
