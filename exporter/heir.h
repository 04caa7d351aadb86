// SPDX-License-Identifier: Apache-2.0
/* heir.h - this process as the heir of others: it sends what processes of its service left behind
 * that were killed, or could not wait for the collector (agent/recovery.h).
 *
 * Used by the exporter's thread. */
#ifndef EXPORTER_HEIR_H
#define EXPORTER_HEIR_H

#include <stdint.h>

#include "exporter/outlet.h"

#define HEIR_DOUBTFUL_NS 100000000u /* for the end, where the collector is known not to answer */

/* Sends what there is, a bounded number of processes at a time. */
void heir_inherit(struct outlet *outlet);

/* Only looks whether the collector kept one of them waiting: a process that is ending already sends
 * its own spans first. */
void heir_ask(struct outlet *outlet);

#endif
