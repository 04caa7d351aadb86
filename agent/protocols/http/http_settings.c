// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http/http_settings.h"

#include <sys/mman.h>

#include "agent/base/log.h"
#include "agent/base/random.h"

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

static void prepare_patterns(const struct config *config)
{
    struct faults faults = route_patterns_init(&http_settings.route_patterns, config);
    faults_say(&faults, "OTEL_AGENT_HTTP_ROUTES");
}

static bool make_route_tree(int64_t most)
{
    void *storage = NULL;
    if (most) {
        storage = mmap(NULL, route_tree_bytes(most), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (storage == MAP_FAILED)
            return false;
    }
    route_tree_init(&http_settings.route_tree, storage, most, random_next());
    return true;
}

bool http_settings_prepare(const struct config *config)
{
    http_settings.older_names = config->semconv & SEMCONV_HTTP_OLDER;
    http_settings.server_errors = config->http_server_error_statuses;
    prepare_patterns(config);
    prepare_capture(config);
    return make_route_tree(config->http_routes_max);
}
