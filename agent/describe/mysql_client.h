// SPDX-License-Identifier: Apache-2.0
/* mysql_client.h - facts of a database call in the words of its span. */
#ifndef AGENT_MYSQL_CLIENT_H
#define AGENT_MYSQL_CLIENT_H

#include "agent/span/span.h"

/* Names and attributes that these facts (mysql_facts.h) make; nothing where they are not whole. */
void mysql_client_describe(struct span *span, const struct span_entry *facts);

#endif
