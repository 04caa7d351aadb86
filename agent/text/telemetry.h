// SPDX-License-Identifier: Apache-2.0
/* telemetry.h - posts of spans, metrics and logs, which are no requests.
 *
 * A proxy in front of a collector would be told of each export, and make a span of it, which is
 * exported: it feeds itself for ever. So what goes to a collector has no span, neither where it is
 * sent nor where it comes. It is known by method, path and content type (telemetry_paths.def),
 * which an application might use for something else. Where they leave a doubt, a request is a
 * request: taken for telemetry, it would be lost to its users; the other way round there is a span
 * too many, and never one that feeds itself, because what this agent posts is beyond doubt.
 *
 * A post under a path that somebody chose himself is known by who sends it, if that is an exporter
 * that says so in its User-Agent. Pure. */
#ifndef AGENT_TELEMETRY_H
#define AGENT_TELEMETRY_H

#include "agent/base/slice.h"

enum telemetry {
    TELEMETRY_NONE,
    TELEMETRY_OTHER, /* metrics, logs, profiles, statistics; or nobody can say what */
    TELEMETRY_OTLP,  /* from here on: spans */
    TELEMETRY_ZIPKIN,
    TELEMETRY_DATADOG
};

static inline bool telemetry_is_spans(enum telemetry telemetry)
{
    return telemetry >= TELEMETRY_OTLP;
}

/* A request. What is not known is absent. */
struct telemetry_head {
    struct slice method; /* not empty */
    struct slice path;   /* without the query; url_target_path() */
    struct slice host;   /* with or without the port */
    struct slice content_type;
    struct slice user_agent;
};

/* No other request has to be judged. All that a GET pays. */
static inline bool telemetry_may_be(struct slice method)
{
    return method.at[0] == 'P' && (method.length == 4 || method.length == 3);
}

enum telemetry telemetry_judge(const struct telemetry_head *head);

#endif
