// SPDX-License-Identifier: Apache-2.0
/* open_agent.h - the agent as it is after a program's constructor, with an exporter that reads
 * nothing. */
#ifndef TESTS_FUZZ_OPEN_AGENT_H
#define TESTS_FUZZ_OPEN_AGENT_H

#include <stdlib.h>
#include <string.h>

#include "agent/base/preparation.h"
#include "agent/life/agent.h"
#include "agent/protocols/table.h"

static inline const char *only_otlp(void *unused, const char *name)
{
    (void)unused;
    return strcmp(name, "OTEL_TRACES_EXPORTER") == 0 ? "otlp" : NULL;
}

static inline void open_agent(void)
{
    static struct config config;
    if (!config_parse(&config, only_otlp, NULL, NULL))
        abort();
    table_use();
    agent_open(&config, &(struct agent_exporter){0});
    if (!preparation_do())
        abort();
}

#endif
