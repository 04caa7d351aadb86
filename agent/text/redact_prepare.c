// SPDX-License-Identifier: Apache-2.0
#include "agent/base/log.h"
#include "agent/text/redact.h"

struct redact redact_of_process;

void redact_prepare(const struct config *config)
{
    if (redact_init(&redact_of_process, config))
        log_once(LOG_WARN, NULL, "OTEL_AGENT_REDACT_KEYS: more than %d words, the rest is not used",
                 REDACT_WORDS);
}
