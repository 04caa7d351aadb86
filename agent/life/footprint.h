// SPDX-License-Identifier: Apache-2.0
/* footprint.h - memory of programs that have no use for us.
 *
 * Where a page of a file is touched, the kernel maps up to 64 KiB around it, all that it has in its
 * cache. So loading us and reading the settings makes nearly the whole of our text and constants
 * resident, in each process, though most never serve a request. */
#ifndef AGENT_FOOTPRINT_H
#define AGENT_FOOTPRINT_H

/* At the end of the constructor: gives back what of this object is only mapped from its file. What
 * is needed again comes back from the kernel's cache with its first use. Keeps errno. */
void footprint_reduce(void);

#endif
