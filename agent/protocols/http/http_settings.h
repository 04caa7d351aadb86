// SPDX-License-Identifier: Apache-2.0
/* http_settings.h - what was configured of HTTP, in the form that requests want it in.
 *
 * Written by http_settings_prepare(), before the first request; only read otherwise, so there is no
 * lock. */
#ifndef AGENT_HTTP_SETTINGS_H
#define AGENT_HTTP_SETTINGS_H

#include <stdbool.h>

#include "agent/protocols/http/capture.h"
#include "config/config.h"

struct http_settings {
    struct capture request_capture;
    struct capture response_capture;
    bool tells_thread; /* which one read the request */
};

extern struct http_settings http_settings;

/* `config` outlives it. Warns of what is not used. Once, on one thread. */
void http_settings_prepare(const struct config *config);

#endif
