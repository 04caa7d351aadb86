// SPDX-License-Identifier: Apache-2.0
/* sampler.h - whether a trace is recorded.
 *
 * Decided once, when a span begins, from the trace id alone or from the parent's flag, so that
 * every process that sees the same trace decides the same without talking. The ratio compares the
 * 56 random bits of the trace id (Trace Context level 2) with a threshold in the direction of
 * OpenTelemetry's consistent probability sampling: kept where they are not below it. A smaller
 * ratio keeps a subset of what a larger one keeps. */
#ifndef AGENT_SAMPLER_H
#define AGENT_SAMPLER_H

#include "agent/span/span.h"
#include "config/config.h"

/* Filled once, immutable afterwards. */
struct sampler {
    enum config_sampler kind;
    uint64_t threshold; /* 0: every trace is kept; 2^56: none */
};

/* From config->sampler and config->sampler_ratio; a ratio outside 0..1 is taken as the nearer
 * end, not-a-number as 0. */
void sampler_init(struct sampler *sampler, const struct config *config);

/* The flags of a new span in the trace `trace_id`. `parent` may be NULL or empty: then the trace
 * id is new, all of its bits are random, and TRACE_FLAG_RANDOM says so. Otherwise that flag is
 * the parent's. The caller records the span only where TRACE_FLAG_SAMPLED is set. */
uint8_t sampler_decide(const struct sampler *sampler, const uint8_t trace_id[16],
                       const struct span_context *parent);

/* This process's. Written by sampler_prepare(), before the first span; only read otherwise. */
extern struct sampler sampler_of_process;
void sampler_prepare(const struct config *config);

#endif
