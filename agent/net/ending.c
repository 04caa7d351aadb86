// SPDX-License-Identifier: Apache-2.0
#include "agent/net/ending.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

#include "agent/base/os.h"

static const struct {
    int error;
    struct slice type;
} endings[] = {
    {0, {"connection_closed", 17}},       {ECONNRESET, {"ECONNRESET", 10}},
    {ETIMEDOUT, {"ETIMEDOUT", 9}},        {ECONNREFUSED, {"ECONNREFUSED", 12}},
    {EHOSTUNREACH, {"EHOSTUNREACH", 12}}, {ENETUNREACH, {"ENETUNREACH", 11}},
};

enum patience { PATIENT, READ_NOTHING, WAITED_IN_VAIN };

static __thread enum patience tl_patience;

struct slice ending_type(int error)
{
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (endings[i].error == error)
            return endings[i].type;
    return SLICE_NONE;
}

void ending_waited(int ready, bool patiently)
{
    if (ready > 0)
        tl_patience = PATIENT;
    else if (ready == 0 && patiently)
        tl_patience = WAITED_IN_VAIN;
}

void ending_read_nothing(void)
{
    if (tl_patience == PATIENT)
        tl_patience = READ_NOTHING;
}

void ending_went_on(void)
{
    tl_patience = PATIENT;
}

static bool waits_in_reading(int fd)
{
    int flags = os.fcntl(fd, F_GETFL);
    return flags >= 0 && !(flags & O_NONBLOCK);
}

struct slice ending_of_close(int fd)
{
    if (tl_patience == WAITED_IN_VAIN || (tl_patience == READ_NOTHING && waits_in_reading(fd)))
        return SLICE_LITERAL("timeout");
    return SLICE_LITERAL("connection_aborted");
}
