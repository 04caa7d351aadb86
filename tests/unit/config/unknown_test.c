// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "config/option.h"
#include "config/unknown.h"

enum { TOLD_BYTES = 4000 }; /* longer ones are cut */

/* "NAME>NEAREST " of each. */
static void note(void *context, struct slice name, const char *nearest)
{
    char *told = context;
    size_t used = strlen(told);
    snprintf(told + used, TOLD_BYTES - used, "%.*s>%s ", (int)name.length, name.at, nearest);
}

static void expect(const char *variable, const char *told)
{
    char found[TOLD_BYTES] = "";
    char *environment[] = {(char *)variable, NULL};
    unknown_find(environment, note, found);
    if (strcmp(found, told) != 0)
        fail_msg("%s: '%s', not '%s'", variable, found, told);
}

static void test_the_nearest_name_is_told(void **state)
{
    (void)state;
    expect("OTEL_AGENT_HTTP_IGNROE=/healthz", "OTEL_AGENT_HTTP_IGNROE>OTEL_AGENT_HTTP_IGNORE ");
    expect("OTEL_AGENT_HTTP_IGNORES=1", "OTEL_AGENT_HTTP_IGNORES>OTEL_AGENT_HTTP_IGNORE ");
    expect("OTEL_AGENT_DBSPANS=all", "OTEL_AGENT_DBSPANS>OTEL_AGENT_DB_SPANS ");
    expect("OTEL_AGENT_STACK_TRACE=true", "OTEL_AGENT_STACK_TRACE>OTEL_AGENT_STACKTRACE ");
    expect("OTEL_AGENT_STACKTRACES=true", "OTEL_AGENT_STACKTRACES>OTEL_AGENT_STACKTRACE ");
    expect("OTEL_AGENT_REDACTED_KEYS=x", "OTEL_AGENT_REDACTED_KEYS>OTEL_AGENT_REDACT_KEYS ");
    expect("OTEL_AGENT_SLOW_QUERY=5", "OTEL_AGENT_SLOW_QUERY>OTEL_AGENT_SLOW_QUERY_MS ");
    expect("OTEL_AGENT_CAPTURE_HEADERS=x",
           "OTEL_AGENT_CAPTURE_HEADERS>OTEL_AGENT_CAPTURE_REQUEST_HEADERS ");
    expect("OTEL_AGENT_STATE_DIRECTORY=/x", "OTEL_AGENT_STATE_DIRECTORY>OTEL_AGENT_STATE_DIR ");
}

static void test_slips_in_the_beginning_and_in_case(void **state)
{
    (void)state;
    expect("OTEL_AGNET_DB_SPANS=all", "OTEL_AGNET_DB_SPANS>OTEL_AGENT_DB_SPANS ");
    expect("OTELAGENT_DB_SPANS=all", "OTELAGENT_DB_SPANS>OTEL_AGENT_DB_SPANS ");
    expect("OTEL_AGENTS_DB_SPAN=all", "OTEL_AGENTS_DB_SPAN>OTEL_AGENT_DB_SPANS ");
    expect("otel_agent_db_spans=all", "otel_agent_db_spans>OTEL_AGENT_DB_SPANS ");
    expect("OTEL_SERVCE_NAME=shop", "OTEL_SERVCE_NAME>OTEL_SERVICE_NAME ");
    expect("OTEL_EXPORTER_OTLP_ENDPONT=http://x",
           "OTEL_EXPORTER_OTLP_ENDPONT>OTEL_EXPORTER_OTLP_ENDPOINT ");
}

static void test_other_peoples_variables_are_none_of_ours(void **state)
{
    static const char *const others[] = {
        "OTEL_BLRP_SCHEDULE_DELAY=1",
        "OTEL_LOGS_EXPORTER=otlp",
        "OTEL_METRICS_EXPORTER=otlp",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=x",
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS=x",
        "OTEL_METRIC_EXPORT_INTERVAL=1",
        "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT=1",
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT=1",
        "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT=1",
        "OTEL_ATTRIBUTE_COUNT_LIMIT=1",
        "OTEL_EXPORTER_ZIPKIN_ENDPOINT=x",
        "OTEL_INSTRUMENTATION_COMMON_DEFAULT_ENABLED=x",
        "OTEL_JAVAAGENT_ENABLED=x",
        "OTEL_PYTHON_EXCLUDED_URLS=x",
        "OTEL_NODE_RESOURCE_DETECTORS=x",
        "OTEL_GO_X_RESOURCE=x",
        "OTEL_EXPORTER_OTLP_INSECURE=true",
        "OTEL_EXPORTER_PROMETHEUS_PORT=1",
        "OTEL_CONFIG_FILE=x",
        "OTEL_EXPERIMENTAL_CONFIG_FILE=x",
        "OTELCOL_CONFIG=x",
        "OTEL=1",
        "OTEL_=1",
        "PATH=/bin",
        "=",
        "",
        "OTELAGENT_BUILD=/x",
        "HTTP_IGNORE=1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        expect(others[i], "");
}

static void test_every_known_name_is_known(void **state)
{
    char variable[100];
    (void)state;
    for (size_t row = 0; row < OPTION_ROWS; row++)
        for (const char *const *known = option_rows[row].variables; *known; known++) {
            assert_true(strlen(*known) < 64); /* of which all is compared */
            snprintf(variable, sizeof variable, "%s=x", *known);
            expect(variable, "");
        }
}

static void test_any_length_and_no_value(void **state)
{
    char variable[5000] = "OTEL_AGENT_";
    (void)state;
    memset(variable + strlen(variable), 'X', sizeof variable - strlen(variable) - 1);
    char found[TOLD_BYTES] = "";
    char *environment[] = {"OTEL_AGENT_", variable, "OTEL_AGENT_DB_SPAN", NULL};
    unknown_find(environment, note, found);
    assert_int_equal(strncmp(found, "OTEL_AGENT_>OTEL_AGENT_", 23), 0);
    unknown_find(NULL, note, found);
    expect("OTEL_AGENT_DB_SPAN", "OTEL_AGENT_DB_SPAN>OTEL_AGENT_DB_SPANS ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_nearest_name_is_told),
        cmocka_unit_test(test_slips_in_the_beginning_and_in_case),
        cmocka_unit_test(test_other_peoples_variables_are_none_of_ours),
        cmocka_unit_test(test_every_known_name_is_known),
        cmocka_unit_test(test_any_length_and_no_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
