// SPDX-License-Identifier: Apache-2.0
/* statements.h - what is said of a statement without values, remembered for the next such one.
 *
 * A program sends few statements, many times. What was found of one is kept by its text, and used
 * again where the text is the same. */
#ifndef AGENT_STATEMENTS_H
#define AGENT_STATEMENTS_H

#include "agent/sql/sql.h"

/* What sql_summarise() finds of the text, which is sanitised once more: it may be a stranger's.
 * Until the next call, on one thread. */
const struct sql *statements_summarise(struct slice text);

#endif
