// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/table.h"

#include "agent/protocols/http1/http1_protocol.h"
#include "agent/protocols/http1_client/http1_client.h"

#define PROTOCOL(id, name, names) extern const struct protocol name##_protocol;
#include "agent/span/scopes.def"

static const struct protocol *const rows[] = {
    &http1_protocol,
    &http1_client_protocol,
#define PROTOCOL(id, name, names) &name##_protocol,
#include "agent/span/scopes.def"
};

void table_use(void)
{
    flow_set_protocols(rows, sizeof rows / sizeof rows[0]);
}
