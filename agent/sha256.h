// SPDX-License-Identifier: Apache-2.0
/* sha256.h - SHA-256 of a slice (FIPS 180-4).
 *
 * For the hash mode of redaction, and to tell services and program images apart: the agent must not
 * depend on the program's OpenSSL. It hides values from readers; nothing is authenticated with it.
 */
#ifndef AGENT_SHA256_H
#define AGENT_SHA256_H

#include <stdint.h>

#include "agent/slice.h"

#define SHA256_BYTES 32

void sha256(struct slice message, uint8_t digest[SHA256_BYTES]);

#endif
