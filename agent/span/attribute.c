// SPDX-License-Identifier: Apache-2.0
#include "agent/span/attribute.h"

#include <stddef.h>

const struct attribute_names attribute_names[ATTRIBUTE_COUNT] = {
#define ATTRIBUTE(identifier, type, stable, older, oldest)                                         \
    [ATTRIBUTE_##identifier] = {ATTRIBUTE_TYPE_##type, stable, {older, oldest}},
#include "agent/span/attributes.def"
#undef ATTRIBUTE
};

const char *const event_names[EVENT_COUNT] = {
    [EVENT_EXCEPTION] = "exception",       [EVENT_SLOW_QUERY_DETECTED] = "slow_query_detected",
    [EVENT_DB_RETRY] = "db_retry",         [EVENT_DNS_DONE] = "dns.done",
    [EVENT_CONNECT_DONE] = "connect.done", [EVENT_TLS_DONE] = "tls.done",
    [EVENT_FIRST_BYTE] = "first_byte",
};
