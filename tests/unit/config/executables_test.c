// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"

struct lists {
    const char *allow;
    const char *deny;
};

static const char *get(void *context, const char *name)
{
    const struct lists *lists = context;
    if (strcmp(name, "OTEL_AGENT_EXECUTABLES_ALLOW") == 0)
        return lists->allow;
    return strcmp(name, "OTEL_AGENT_EXECUTABLES_DENY") == 0 ? lists->deny : NULL;
}

static bool allowed(struct lists lists, const char *path)
{
    struct config config;
    assert_true(config_parse(&config, get, NULL, &lists));
    bool answer = config_executable_allowed(&config, path);
    config_destroy(&config);
    return answer;
}

static void shells_and_health_checks_are_not_traced_by_default(void **state)
{
    (void)state;
    const struct lists unset = {NULL, NULL};
    static const char *const denied[] = {"/bin/sh",       "/usr/bin/bash", "/bin/busybox", "dash",
                                         "/usr/bin/wget", "/sbin/tini",    "/healthcheck"};
    static const char *const others[] = {
        "/usr/sbin/nginx", "/usr/bin/python3.11", "/opt/sh/app", "/usr/bin/zsh", "shop",
        "/bin/sh/"};
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++)
        assert_false(allowed(unset, denied[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_true(allowed(unset, others[i]));
}

static void entries_match_names_or_whole_paths(void **state)
{
    (void)state;
    static const struct {
        const char *entry;
        const char *path;
        bool matches;
    } cases[] = {
        {"nginx", "/usr/sbin/nginx", true},
        {"nginx", "/usr/sbin/nginx-debug", false},
        {"nginx", "/usr/sbin/nginx (deleted)", true},
        {"Nginx", "/usr/sbin/nginx", false},
        {"ngin", "/usr/sbin/nginx", false},
        {"", "/usr/sbin/nginx", false},
        {"python3*", "/usr/bin/python3.11", true},
        {"python3.??", "/usr/bin/python3.11", true},
        {"python3.??", "/usr/bin/python3.9", false},
        {"*", "/usr/bin/anything", true},
        {"*thon*", "/usr/bin/python3", true},
        {"*a*b", "/x/aaab", true},
        {"*a*b", "/x/aaabc", false},
        {"***", "/x/y", true},
        {"?", "/x/y", true},
        {"?", "/x/yy", false},
        {"/usr/sbin/nginx", "/usr/sbin/nginx", true},
        {"/usr/sbin/nginx", "/usr/local/sbin/nginx", false},
        {"/usr/sbin/nginx", "nginx", false},
        {"/usr/*/nginx", "/usr/local/sbin/nginx", true},
        {"/opt/*", "/opt/app/bin/server", true},
        {"*/bin/*", "/opt/app/bin/server", true},
        {"a, nginx ,b", "/usr/sbin/nginx", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lists denied = {NULL, cases[i].entry};
        if (*cases[i].entry && allowed(denied, cases[i].path) == cases[i].matches)
            fail_msg("deny %s, %s", cases[i].entry, cases[i].path);
        struct lists only = {cases[i].entry, "nothing-else"};
        if (*cases[i].entry && allowed(only, cases[i].path) != cases[i].matches)
            fail_msg("allow %s, %s", cases[i].entry, cases[i].path);
    }
}

static void the_deny_list_wins(void **state)
{
    (void)state;
    assert_false(allowed((struct lists){"nginx", "nginx"}, "/usr/sbin/nginx"));
    assert_false(allowed((struct lists){"*", NULL}, "/bin/sh"));
    assert_true(allowed((struct lists){"sh", "bash"}, "/bin/sh"));
}

static void an_allow_list_shuts_out_the_rest(void **state)
{
    (void)state;
    assert_true(allowed((struct lists){"nginx,node", NULL}, "/usr/bin/node"));
    assert_false(allowed((struct lists){"nginx,node", NULL}, "/usr/bin/ls"));
    assert_true(allowed((struct lists){"  ", NULL}, "/usr/bin/ls"));
}

static void an_unknown_executable_is_allowed_without_an_allow_list(void **state)
{
    (void)state;
    assert_true(allowed((struct lists){NULL, NULL}, NULL));
    assert_true(allowed((struct lists){NULL, NULL}, ""));
    assert_false(allowed((struct lists){"nginx", NULL}, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shells_and_health_checks_are_not_traced_by_default),
        cmocka_unit_test(entries_match_names_or_whole_paths),
        cmocka_unit_test(the_deny_list_wins),
        cmocka_unit_test(an_allow_list_shuts_out_the_rest),
        cmocka_unit_test(an_unknown_executable_is_allowed_without_an_allow_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
