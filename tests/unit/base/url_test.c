// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/url.h"
#include "tests/unit/guarded.h"
#include "tests/unit/vectors.h"

static int number(struct slice text)
{
    int value = 0;
    for (size_t i = 0; i < text.length; i++)
        value = value * 10 + (text.at[i] - '0');
    return value;
}

static void check_split(const struct vectors_case *one, void *context)
{
    struct slice text = one->fields[0];
    if (text.at)
        text = guarded_copy(context, text);
    struct url url;
    bool accepted = url_split(text, &url);
    if (accepted != (one->count > 1))
        fail_msg("line %d: %s", one->line, accepted ? "accepted" : "refused");
    if (!accepted)
        return;
    assert_true(vectors_same(one, "scheme", url.scheme, one->fields[1]));
    assert_true(vectors_same(one, "user", url.user, one->fields[2]));
    assert_true(vectors_same(one, "host", url.host, one->fields[3]));
    bool bracketed = url.authority.at[0] == '[';
    assert_ptr_equal(url.authority.at + bracketed, url.host.at);
    if (url.port != number(one->fields[4]))
        fail_msg("line %d: port %d", one->line, url.port);
    assert_true(vectors_same(one, "path", url.path, one->fields[5]));
    assert_true(vectors_same(one, "query", url.query, one->fields[6]));
    assert_true(vectors_same(one, "fragment", url.fragment, one->fields[7]));
}

static void an_absolute_url_falls_into_its_parts(void **state)
{
    (void)state;
    struct guarded guarded = guarded_make(4096);
    assert_true(vectors_each("url/split.tsv", check_split, &guarded) > 40);
}

static void a_host_header_may_carry_a_port(void **state)
{
    (void)state;
    struct slice host;
    uint16_t port = 7;
    assert_true(url_host_port(SLICE_LITERAL("localhost"), &host, &port));
    assert_int_equal(port, 0);
    assert_true(url_host_port(SLICE_LITERAL("[::1]:8080"), &host, &port));
    assert_true(slice_equal(host, SLICE_LITERAL("::1")));
    assert_int_equal(port, 8080);
    assert_false(url_host_port(SLICE_LITERAL("user@host"), &host, &port));
    assert_false(url_host_port(SLICE_LITERAL("::1"), &host, &port));
    assert_false(url_host_port(SLICE_LITERAL(":80"), &host, &port));
    assert_false(url_host_port(SLICE_LITERAL("[1:2]"), &host, &port));
    assert_false(url_host_port(SLICE_LITERAL("token=abc"), &host, &port));
    assert_false(url_host_port(SLICE_NONE, &host, &port));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_absolute_url_falls_into_its_parts),
        cmocka_unit_test(a_host_header_may_carry_a_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
