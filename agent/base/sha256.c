// SPDX-License-Identifier: Apache-2.0
#include "agent/base/sha256.h"

/* FIPS 180-4, 4.2.2 */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

/* The schedule's word t in the place of word t - 16, which is not needed any more. */
static uint32_t schedule(uint32_t w[16], size_t t)
{
    uint32_t far = w[(t - 15) % 16];
    uint32_t near = w[(t - 2) % 16];
    uint32_t s0 = rotate(far, 7) ^ rotate(far, 18) ^ far >> 3;
    uint32_t s1 = rotate(near, 17) ^ rotate(near, 19) ^ near >> 10;
    return w[t % 16] += s1 + w[(t - 7) % 16] + s0;
}

/* 6.2.2, one block. */
static void compress(struct sha256 *work, const uint8_t *block)
{
    uint32_t *w = work->schedule;
    for (size_t t = 0; t < 16; t++)
        w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
               (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];

    uint32_t *v = work->letters; /* a, b, ... h */
    memcpy(v, work->state, sizeof work->letters);
    for (size_t t = 0; t < 64; t++) {
        uint32_t sum1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
        uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t first = v[7] + sum1 + choice + constants[t] + (t < 16 ? w[t] : schedule(w, t));
        uint32_t sum0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
        uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += first;
        v[0] = first + sum0 + majority;
    }
    for (size_t i = 0; i < 8; i++)
        work->state[i] += v[i];
}

void sha256_in(struct sha256 *work, struct slice message)
{
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    const uint64_t bits = (uint64_t)message.length * 8;
    memcpy(work->state, initial, sizeof initial);
    while (message.length >= SHA256_BLOCK) {
        compress(work, (const uint8_t *)message.at);
        message = slice_after(message, SHA256_BLOCK);
    }

    uint8_t *tail = work->tail; /* the rest, 0x80, zeros, the length in bits (5.1.1) */
    memset(tail, 0, SHA256_BLOCK);
    if (message.length)
        memcpy(tail, message.at, message.length);
    tail[message.length] = 0x80;
    if (message.length + 9 > SHA256_BLOCK) {
        compress(work, tail);
        memset(tail, 0, SHA256_BLOCK);
    }
    for (size_t i = 0; i < 8; i++)
        tail[SHA256_BLOCK - 1 - i] = (uint8_t)(bits >> (8 * i));
    compress(work, tail);
    for (size_t i = 0; i < SHA256_BYTES; i++)
        work->digest[i] = (uint8_t)(work->state[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256(struct slice message, uint8_t digest[SHA256_BYTES])
{
    struct sha256 work;
    sha256_in(&work, message);
    memcpy(digest, work.digest, SHA256_BYTES);
}
