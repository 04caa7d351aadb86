// SPDX-License-Identifier: Apache-2.0
/* http_naming.h - what was configured of the words of HTTP spans, and which routes were learnt.
 *
 * Written by http_naming_prepare(), before the first span; only read otherwise, so there is no
 * lock. What routes were learnt changes (route_tree.h says how). */
#ifndef AGENT_HTTP_NAMING_H
#define AGENT_HTTP_NAMING_H

#include <stdbool.h>

#include "agent/text/route.h"
#include "config/config.h"

struct http_naming {
    struct route_patterns route_patterns;
    struct route_tree route_tree;
    struct config_statuses server_errors;
    bool older_names; /* attributes of the older conventions, too */
};

extern struct http_naming http_naming;

/* `config` outlives it. Warns of what is not used. Once, on one thread. False: no memory. */
bool http_naming_prepare(const struct config *config);

#endif
