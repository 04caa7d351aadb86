// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http/http_settings.h"

#include "agent/base/log.h"

struct http_settings http_settings;

static void prepare_capture(const struct config *config)
{
    if (capture_init_request(&http_settings.request_capture, config))
        log_once(LOG_WARN, NULL,
                 "OTEL_AGENT_CAPTURE_REQUEST_HEADERS: more than %d names with those of "
                 "OTEL_AGENT_HEADER_*, the rest is not recorded",
                 CAPTURE_MOST);
    if (capture_init_response(&http_settings.response_capture, config))
        log_once(LOG_WARN, NULL,
                 "OTEL_AGENT_CAPTURE_RESPONSE_HEADERS: more than %d names, the rest is not "
                 "recorded",
                 CAPTURE_MOST);
}

void http_settings_prepare(const struct config *config)
{
    http_settings.tells_thread = config->capture_thread;
    prepare_capture(config);
}
