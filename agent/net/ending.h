// SPDX-License-Identifier: Apache-2.0
/* ending.h - how a client's connection ends before what it asked is answered.
 *
 * Its server ends the stream, which a read tells. Or the program has waited long enough and closes
 * it: nobody says why, but the thread that does so has waited for something last, and nothing came.
 */
#ifndef AGENT_ENDING_H
#define AGENT_ENDING_H

#include <stdbool.h>

#include "agent/base/slice.h"

/* What a read of nothing more (0), or one that failed with that errno, makes of the calls that
 * wait: their error.type. SLICE_NONE: it ends nothing, and more may come. */
struct slice ending_type(int error);

/* The calling thread has waited, as poll() and kin do, for so many descriptors that are ready.
 * `patiently`: it would have waited for a while. */
void ending_waited(int ready, bool patiently);
/* It found nothing to read on a client's connection; on one that waits in reading that is the end
 * of its patience, too. */
void ending_read_nothing(void);
/* It has moved bytes of one. */
void ending_went_on(void);

/* The calling thread closes a client's connection, by that descriptor: the error.type of the calls
 * that wait. May ask the kernel. */
struct slice ending_of_close(int fd);

#endif
