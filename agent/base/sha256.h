// SPDX-License-Identifier: Apache-2.0
/* sha256.h - SHA-256 of a slice (FIPS 180-4).
 *
 * For the hash mode of redaction, and to tell services and program images apart: the agent must not
 * depend on the program's OpenSSL. It hides values from readers; nothing is authenticated with it.
 */
#ifndef AGENT_SHA256_H
#define AGENT_SHA256_H

#include <stdint.h>

#include "agent/base/slice.h"

#define SHA256_BYTES 32

#define SHA256_BLOCK 64

/* Working memory, for callers whose stack may be small. */
struct sha256 {
    uint32_t state[8];
    uint32_t schedule[16];
    uint32_t letters[8];
    uint8_t tail[SHA256_BLOCK];
    uint8_t digest[SHA256_BYTES];
};

/* Leaves the result in work->digest. */
void sha256_in(struct sha256 *work, struct slice message);

void sha256(struct slice message, uint8_t digest[SHA256_BYTES]);

#endif
