// SPDX-License-Identifier: Apache-2.0
#include "agent/describe/http_naming.h"

#include <sys/mman.h>

#include "agent/base/random.h"

struct http_naming http_naming;

static void prepare_patterns(const struct config *config)
{
    struct faults faults = route_patterns_init(&http_naming.route_patterns, config);
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
    route_tree_init(&http_naming.route_tree, storage, most, random_next());
    return true;
}

bool http_naming_prepare(const struct config *config)
{
    http_naming.older_names = config->semconv & SEMCONV_HTTP_OLDER;
    http_naming.server_errors = config->http_server_error_statuses;
    prepare_patterns(config);
    return make_route_tree(config->http_routes_max);
}
