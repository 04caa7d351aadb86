// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http/http1_telemetry.h"

#include "agent/base/url.h"

/* A fragment never comes: to look for one would cost each post as much as the query does. */
static struct slice path_of(struct slice target)
{
    if (target.at[0] != '/')
        return url_target_path(target);
    return (struct slice){target.at, slice_find(target, '?')};
}

__attribute__((noinline)) enum telemetry http1_judge_telemetry(const struct http1_request *request)
{
    const struct http1_fields *fields = &request->fields;
    const struct telemetry_head head = {
        .method = request->method,
        .path = path_of(request->target),
        .host = http1_field(fields, HTTP1_FIELD_HOST),
        .content_type = http1_field(fields, HTTP1_FIELD_CONTENT_TYPE),
        .user_agent = http1_field(fields, HTTP1_FIELD_USER_AGENT),
    };
    return telemetry_judge(&head);
}
