// SPDX-License-Identifier: Apache-2.0
/* redact_runs.h - a quick look for secrets by their shape in a text of short words.
 *
 * Nearly every secret lies in one run of bytes that holds no blank, parenthesis, comma or the like,
 * and has REDACT_SHAPE_LEAST of them. In a statement without its values few runs are that long, so
 * only those are looked at. */
#ifndef AGENT_REDACT_RUNS_H
#define AGENT_REDACT_RUNS_H

#include "agent/text/redact_rules.h"

/* Is there surely no secret by its shape? Of a text without what a secret may go on behind: it has
 * no `%`, no two dashes in a row, and no word that ends in `bearer` or `basic`. */
bool redact_runs_shapeless(const struct redact *redact, struct slice text);

#endif
