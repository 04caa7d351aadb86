// SPDX-License-Identifier: Apache-2.0
/* faults.h - the entries of a list that are not used.
 *
 * Who wrote the list wants to know all of them at once, but a list of hundreds that is wrong all
 * through shall not fill the log: the first ones are named, the rest is counted. */
#ifndef AGENT_FAULTS_H
#define AGENT_FAULTS_H

#include "agent/base/slice.h"

#define FAULTS_NAMED 3

struct faults {
    size_t count;
    struct {
        struct slice entry; /* of the list, which outlives this */
        const char *reason;
    } named[FAULTS_NAMED]; /* the first ones */
};

void faults_add(struct faults *faults, struct slice entry, const char *reason);

/* Warns of them, as long as there are any; `variable` is where the list comes from. */
void faults_say(const struct faults *faults, const char *variable);

#endif
