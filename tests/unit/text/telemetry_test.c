// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/url.h"
#include "agent/text/telemetry.h"
#include "tests/unit/guarded.h"
#include "tests/unit/vectors.h"

static const char *const names[] = {
    [TELEMETRY_NONE] = "none",     [TELEMETRY_OTHER] = "other",     [TELEMETRY_OTLP] = "otlp",
    [TELEMETRY_ZIPKIN] = "zipkin", [TELEMETRY_DATADOG] = "datadog",
};

#define TEXTS 5 /* of a case, before what it is */

struct checked {
    struct guarded pages[TEXTS]; /* each text ends where no byte may be read */
    int counts[sizeof names / sizeof *names];
};

static void check(const struct vectors_case *one, void *context)
{
    struct checked *checked = context;
    struct slice text[TEXTS];
    for (int i = 0; i < TEXTS; i++)
        text[i] = one->fields[i].at ? guarded_copy(&checked->pages[i], one->fields[i]) : SLICE_NONE;
    struct telemetry_head head = {text[0], url_target_path(text[1]), text[2], text[3], text[4]};
    enum telemetry found = telemetry_judge(&head);
    checked->counts[found]++;
    if (!slice_equal(slice_of(names[found]), one->fields[TEXTS]))
        fail_msg("line %d: %s", one->line, names[found]);
    if (found)
        assert_true(telemetry_may_be(head.method));
    assert_int_equal(telemetry_is_spans(found), found >= TELEMETRY_OTLP);
}

static void telemetry_is_known_by_its_head(void **state)
{
    (void)state;
    struct checked checked = {.counts = {0}};
    for (int i = 0; i < TEXTS; i++)
        checked.pages[i] = guarded_make(4096);
    vectors_each("telemetry/judge.tsv", check, &checked);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(checked.counts[i] >= 5);
}

static void any_path_is_judged_however_short(void **state)
{
    (void)state;
    static const char path[] = "/a/v1/traces";
    struct guarded page = guarded_make(4096);
    for (size_t length = 0; length < sizeof path - 1; length++) {
        struct slice text = guarded_copy(&page, (struct slice){path, length});
        struct telemetry_head head = {.method = SLICE_LITERAL("POST"),
                                      .path = text,
                                      .content_type = SLICE_LITERAL("application/json")};
        assert_int_equal(telemetry_judge(&head), TELEMETRY_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(telemetry_is_known_by_its_head),
        cmocka_unit_test(any_path_is_judged_however_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
