// SPDX-License-Identifier: Apache-2.0
/* mysql_facts.h - what was seen of a call of libmariadb or libmysqlclient.
 *
 * The program's thread writes it when the call has ended: numbers, where the connection leads to,
 * and the statement without its values. Of a plain one (sql_strip.h) the summary and the tables are
 * found by whoever exports; of others they are given. Errors and events are entries of their own,
 * because few calls have any. From `system` on a call that is repeated has the same bytes. */
#ifndef AGENT_MYSQL_FACTS_H
#define AGENT_MYSQL_FACTS_H

#include "agent/describe/facts.h"
#include "agent/span/span.h"

/* The texts, in the order in which they lie. */
enum mysql_told {
    MYSQL_TOLD_ADDRESS,
    MYSQL_TOLD_USER,
    MYSQL_TOLD_SCHEMA,
    MYSQL_TOLD_STATEMENT, /* without its values */
    MYSQL_TOLD_OPERATION, /* of the statement, or CONNECT and kin */
    MYSQL_TOLD_SUMMARY,   /* this and the next: only where it is not plain */
    MYSQL_TOLD_COLLECTION,
    MYSQL_TOLD_COUNT
};

#define MYSQL_PLACE_TEXTS (MYSQL_TOLD_SCHEMA + 1) /* they tell where the connection leads to */

enum mysql_system { MYSQL_SYSTEM_UNKNOWN, MYSQL_SYSTEM_MYSQL, MYSQL_SYSTEM_MARIADB };

enum mysql_fact {
    MYSQL_IS_UNIX = 1, /* the address is a socket's path */
    MYSQL_IS_PLAIN = 2,
    MYSQL_IS_SLOW = 4,
    MYSQL_HAS_WRITTEN = 8 /* affected_rows counts */
};

struct mysql_facts {
    uint64_t affected_rows;
    uint32_t attempt; /* 0 or 1: it is the first */
    uint16_t reserved;
    uint16_t flags;  /* enum mysql_fact */
    uint16_t system; /* enum mysql_system */
    uint16_t port;
    uint16_t statements; /* in the text */
    uint16_t lengths[MYSQL_TOLD_COUNT];
    char texts[];
};

#define MYSQL_FACTS_BYTES ((uint32_t)offsetof(struct mysql_facts, texts))

#endif
