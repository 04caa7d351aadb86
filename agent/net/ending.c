// SPDX-License-Identifier: Apache-2.0
#include "agent/net/ending.h"

#include <errno.h>
#include <stddef.h>

static const struct {
    int error;
    struct slice type;
} endings[] = {
    {0, {"connection_closed", 17}},       {ECONNRESET, {"ECONNRESET", 10}},
    {ETIMEDOUT, {"ETIMEDOUT", 9}},        {ECONNREFUSED, {"ECONNREFUSED", 12}},
    {EHOSTUNREACH, {"EHOSTUNREACH", 12}}, {ENETUNREACH, {"ENETUNREACH", 11}},
};

struct slice ending_type(int error)
{
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (endings[i].error == error)
            return endings[i].type;
    return SLICE_NONE;
}
