// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/ip.h"
#include "agent/protocols/http/forwarded.h"
#include "tests/unit/guarded.h"
#include "tests/unit/vectors.h"

static int number(struct slice text)
{
    int value = 0;
    for (size_t i = 0; i < text.length; i++)
        value = value * 10 + (text.at[i] - '0');
    return value;
}

static void check_forwarded(const struct vectors_case *one, void *context)
{
    struct slice in[4];
    for (size_t i = 0; i < 4; i++) {
        in[i] = one->fields[i];
        if (in[i].at)
            in[i] = guarded_copy((struct guarded *)context + i, in[i]);
    }
    struct forwarded found;
    forwarded_read(&(struct forwarded_lines){in[0], in[1], in[2], in[3]}, &found);
    assert_int_equal(one->count, 10);
    assert_true(vectors_same(one, "client", found.client, one->fields[4]));
    assert_true(vectors_same(one, "scheme", found.scheme, one->fields[6]));
    assert_true(vectors_same(one, "host", found.host, one->fields[7]));
    assert_true(vectors_same(one, "authority", found.authority, one->fields[9]));
    if (found.client_port != number(one->fields[5]) || found.port != number(one->fields[8]))
        fail_msg("line %d: ports %d and %d", one->line, found.client_port, found.port);
}

static void the_first_proxy_says_who_asked(void **state)
{
    (void)state;
    struct guarded guarded[4];
    for (size_t i = 0; i < 4; i++)
        guarded[i] = guarded_make(4096);
    assert_true(vectors_each("forwarded/values.tsv", check_forwarded, guarded) > 70);
}

static void check_address(const struct vectors_case *one, void *context)
{
    struct slice text = one->fields[0];
    if (text.at)
        text = guarded_copy(context, text);
    int version = one->count > 1 ? number(one->fields[1]) : 0;
    if (ip_is_v4(text) != (version == 4) || ip_is_v6(text) != (version == 6))
        fail_msg("line %d", one->line);
}

static void an_address_is_told_from_what_resembles_one(void **state)
{
    (void)state;
    struct guarded guarded = guarded_make(4096);
    assert_true(vectors_each("address/addresses.tsv", check_address, &guarded) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_proxy_says_who_asked),
        cmocka_unit_test(an_address_is_told_from_what_resembles_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
