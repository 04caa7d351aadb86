// SPDX-License-Identifier: Apache-2.0
/* table.h - the protocols that connections are read by, a row each. */
#ifndef AGENT_TABLE_H
#define AGENT_TABLE_H

/* Before the first connection. */
void table_use(void);

#endif
