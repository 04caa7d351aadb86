// SPDX-License-Identifier: Apache-2.0
#include "agent/text/faults.h"

#include "agent/base/log.h"

void faults_add(struct faults *faults, struct slice entry, const char *reason)
{
    size_t number = faults->count++;
    if (number >= FAULTS_NAMED)
        return;
    faults->named[number].entry = entry;
    faults->named[number].reason = reason;
}

void faults_say(const struct faults *faults, const char *variable)
{
    size_t named = faults->count < FAULTS_NAMED ? faults->count : FAULTS_NAMED;
    for (size_t i = 0; i < named; i++)
        log_once(LOG_WARN, NULL, "%s: '%.*s' is not used: %s", variable,
                 (int)faults->named[i].entry.length, faults->named[i].entry.at,
                 faults->named[i].reason);
    if (faults->count > named)
        log_once(LOG_WARN, NULL, "%s: %zu more entries are not used", variable,
                 faults->count - named);
}
