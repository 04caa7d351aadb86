// SPDX-License-Identifier: Apache-2.0
/* lookup.h - the collector's address is looked up once before the first post, by whoever comes
 * first: the program's thread at its first listen(), or the exporter's. */
#ifndef EXPORTER_LOOKUP_H
#define EXPORTER_LOOKUP_H

#include <stdbool.h>

#include "exporter/outlet.h"

/* In the constructor. Nothing is opened or looked up. `outlet` stays where it is. */
void lookup_init(struct outlet *outlet);

/* In a forked child: a look-up that its parent was at is nobody's. */
void lookup_child(void);

/* Opens what an https:// collector needs, once. Before there is a thread of ours, because a library
 * that is opened in one thread while another forks leaves the child with the loader locked. */
void lookup_open(void);

/* Nobody looks it up, or has: the caller is to. */
bool lookup_claim(void);

/* Has not: somebody else may. */
void lookup_disclaim(void);

/* After lookup_claim(), on a thread of the program's, which waits for 0.2 s at most. */
void lookup_do(void);

/* On the exporter's thread: the address is needed now, whoever looks it up. */
void lookup_await(void);

bool lookup_is_done(void);

#endif
