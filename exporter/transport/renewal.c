// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/renewal.h"

#define REST_LEAST_NS ((uint64_t)500 * 1000000u)

bool renewal_due(const struct renewal *renewal, uint64_t now_ns)
{
    return !renewal->begun || renewal->refused || now_ns - renewal->renewed_ns >= RENEWAL_NS;
}

bool renewal_may_look_up(const struct renewal *renewal, uint64_t now_ns)
{
    return renewal->rest_ns == 0 || now_ns - renewal->answered_ns >= renewal->rest_ns;
}

void renewal_looked_up(struct renewal *renewal, uint64_t begun_ns, uint64_t ended_ns)
{
    uint64_t took_ns = ended_ns - begun_ns;
    renewal->answered_ns = ended_ns;
    renewal->rest_ns = took_ns < RENEWAL_NS / 9 ? took_ns * 9 : RENEWAL_NS;
    if (renewal->rest_ns < REST_LEAST_NS)
        renewal->rest_ns = REST_LEAST_NS;
}

void renewal_begin(struct renewal *renewal, uint64_t now_ns)
{
    renewal->begun = true;
    renewal->renewed_ns = now_ns;
}

void renewal_judge(struct renewal *renewal, int status)
{
    renewal->refused = status < 200 || status >= 300;
}
