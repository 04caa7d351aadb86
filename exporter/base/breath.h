// SPDX-License-Identifier: Apache-2.0
/* breath.h - the exporter's thread works in small slices, and sleeps for a moment between two.
 *
 * On a processor that it shares with the program, a batch in one go would make some requests wait
 * as long as it takes. So it looks at the clock after each small piece of work, and takes a breath
 * when it has been at it for BREATH_SLICE_NS; not where there is a hurry. A yield would not do: the
 * scheduler comes back to who has slept most, which is this thread.
 *
 * The exporter's thread's own. What others use besides (tests, libcurl's threads) never breathes,
 * because nobody has begun. */
#ifndef EXPORTER_BREATH_H
#define EXPORTER_BREATH_H

#include <stdbool.h>
#include <stdint.h>

#define BREATH_SLICE_NS 50000u /* of work, without a breath */
#define BREATH_NS       50000u /* a breath; the kernel's timers add up to as much */

/* Work begins. `hurries`: is there no time to breathe now? */
void breath_begin(bool (*hurries)(void));
void breath_end(void);

/* Between two pieces of work, of some microseconds each. */
void breath_take(void);

#endif
