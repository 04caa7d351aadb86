// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/table.h"

#include "agent/protocols/http1/http1_protocol.h"
#include "agent/protocols/http1_client/http1_client.h"
#include "agent/protocols/redis/redis_protocol.h"

static const struct protocol *const rows[] = {
    &http1_protocol,
    &redis_protocol,
    &http1_client_protocol,
};

void table_use(void)
{
    flow_set_protocols(rows, sizeof rows / sizeof rows[0]);
}
