// SPDX-License-Identifier: Apache-2.0
#include "agent/span/sampler.h"

#include <endian.h>
#include <string.h>

#define RANDOM_BITS 56

/* Counted from the kept side, because a double holds a small ratio exactly and 1 - ratio not. */
static uint64_t threshold_of(double ratio)
{
    const uint64_t all = UINT64_C(1) << RANDOM_BITS;
    if (!(ratio > 0))
        return all;
    if (ratio >= 1)
        return 0;
    return all - (uint64_t)(ratio * (double)all + 0.5);
}

void sampler_init(struct sampler *sampler, const struct config *config)
{
    sampler->kind = config->sampler;
    switch (config->sampler) {
    case SAMPLER_ALWAYS_ON:
    case SAMPLER_PARENTBASED_ALWAYS_ON:
        sampler->threshold = threshold_of(1);
        return;
    case SAMPLER_ALWAYS_OFF:
    case SAMPLER_PARENTBASED_ALWAYS_OFF:
        sampler->threshold = threshold_of(0);
        return;
    case SAMPLER_TRACEIDRATIO:
    case SAMPLER_PARENTBASED_TRACEIDRATIO:
        break;
    }
    sampler->threshold = threshold_of(config->sampler_ratio);
}

static bool follows_parent(enum config_sampler kind)
{
    return kind == SAMPLER_PARENTBASED_ALWAYS_ON || kind == SAMPLER_PARENTBASED_ALWAYS_OFF ||
           kind == SAMPLER_PARENTBASED_TRACEIDRATIO;
}

/* The right-most seven bytes, most significant first. */
static uint64_t randomness(const uint8_t trace_id[16])
{
    uint64_t value;
    memcpy(&value, trace_id + 8, sizeof value);
    return be64toh(value) & ((UINT64_C(1) << RANDOM_BITS) - 1);
}

uint8_t sampler_decide(const struct sampler *sampler, const uint8_t trace_id[16],
                       const struct span_context *parent)
{
    bool child = parent && span_context_present(parent);
    uint8_t random = child ? parent->flags & TRACE_FLAG_RANDOM : TRACE_FLAG_RANDOM;
    if (child && follows_parent(sampler->kind))
        return random | (parent->flags & TRACE_FLAG_SAMPLED);
    bool kept = randomness(trace_id) >= sampler->threshold;
    return kept ? random | TRACE_FLAG_SAMPLED : random;
}

struct sampler sampler_of_process;

void sampler_prepare(const struct config *config)
{
    sampler_init(&sampler_of_process, config);
}
