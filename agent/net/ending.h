// SPDX-License-Identifier: Apache-2.0
/* ending.h - how the stream of a client's server ends. */
#ifndef AGENT_ENDING_H
#define AGENT_ENDING_H

#include "agent/base/slice.h"

/* What a read of nothing more (0), or one that failed with that errno, makes of the calls that
 * wait: their error.type. SLICE_NONE: it ends nothing, and more may come. */
struct slice ending_type(int error);

#endif
