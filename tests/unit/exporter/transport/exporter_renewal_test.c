// SPDX-License-Identifier: Apache-2.0
/* When addresses and connections are renewed, and which address is next; by a clock of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "exporter/transport/address.h"
#include "exporter/transport/renewal.h"

#define MS ((uint64_t)1000000)
#define S  (1000 * MS)

static void a_minute_is_the_most(void **state)
{
    (void)state;
    struct renewal renewal = {0};
    assert_true(renewal_due(&renewal, 5 * S));
    renewal_begin(&renewal, 5 * S);
    renewal_judge(&renewal, 200);
    assert_false(renewal_due(&renewal, 5 * S));
    assert_false(renewal_due(&renewal, 65 * S - 1));
    assert_true(renewal_due(&renewal, 65 * S));
    assert_true(renewal_due(&renewal, 4 * S)); /* a clock that was set back */
}

static void what_is_not_accepted_ends_it(void **state)
{
    (void)state;
    static const int refusals[] = {0, 199, 300, 304, 400, 401, 404, 429, 500, 503, 999};
    static const int successes[] = {200, 202, 204, 299};
    struct renewal renewal = {0};
    renewal_begin(&renewal, 0);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        renewal_judge(&renewal, refusals[i]);
        assert_true(renewal_due(&renewal, 1));
    }
    for (size_t i = 0; i < sizeof successes / sizeof *successes; i++) {
        renewal_judge(&renewal, successes[i]);
        assert_false(renewal_due(&renewal, 1));
    }
}

static void a_resolver_is_asked_the_less_the_longer_it_takes(void **state)
{
    (void)state;
    static const struct {
        uint64_t took, rest;
    } cases[] = {
        {0, 500 * MS}, {MS, 500 * MS}, {100 * MS, 900 * MS}, {2 * S, 18 * S}, {10 * S, 60 * S},
    };
    struct renewal renewal = {0};
    assert_true(renewal_may_look_up(&renewal, 0));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t end = 100 * S + cases[i].took;
        renewal_looked_up(&renewal, 100 * S, end);
        assert_false(renewal_may_look_up(&renewal, end));
        assert_false(renewal_may_look_up(&renewal, end + cases[i].rest - 1));
        assert_true(renewal_may_look_up(&renewal, end + cases[i].rest));
    }
}

/* Addresses of 10.0.0.x, a letter each. */
static void answer(struct addresses *addresses, const char *letters)
{
    addresses->count = (int)strlen(letters);
    for (int i = 0; letters[i]; i++) {
        struct sockaddr_in v4 = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(0x0a000000u + (unsigned char)letters[i])};
        addresses->list[i] = (struct address){.bytes = sizeof v4};
        memcpy(&addresses->list[i].address, &v4, sizeof v4);
    }
}

static const char *order(const struct addresses *addresses)
{
    static char letters[ADDRESSES_MOST + 1];
    for (int i = 0; i < addresses->count; i++) {
        struct sockaddr_in v4;
        memcpy(&v4, &addresses->list[i].address, sizeof v4);
        letters[i] = (char)(ntohl(v4.sin_addr.s_addr) & 0xff);
    }
    letters[addresses->count] = '\0';
    return letters;
}

static void addresses_keep_the_resolvers_order_until_one_fails(void **state)
{
    (void)state;
    struct addresses addresses = {0};
    address_arrange(&addresses, true);
    addresses = (struct addresses){0};
    answer(&addresses, "cab");
    address_arrange(&addresses, false);
    assert_string_equal(order(&addresses), "cab");
    address_used(&addresses, 0);
    answer(&addresses, "bca");
    address_arrange(&addresses, false);
    assert_string_equal(order(&addresses), "bca");
}

static void each_address_has_its_turn_in_whatever_order_they_come(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        bool refused;
        const char *order;
    } steps[] = {
        {"bca", false, "bca"}, {"bca", true, "cab"}, {"cab", true, "abc"},  {"acb", true, "bca"},
        {"abc", false, "bca"}, {"cab", true, "cab"}, {"ab", false, "ab"}, /* c is gone */
        {"dab", true, "bda"},  {"x", true, "x"},     {"abc", false, "abc"},
    };
    struct addresses addresses = {0};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        answer(&addresses, steps[i].answer);
        address_arrange(&addresses, steps[i].refused);
        if (strcmp(order(&addresses), steps[i].order) != 0)
            fail_msg("step %zu: %s", i, order(&addresses));
        address_used(&addresses, 0);
    }
}

/* One that swallows packets is not tried first again each minute. */
static void what_was_connected_to_comes_first_where_the_first_was_not(void **state)
{
    (void)state;
    struct addresses addresses = {0};
    answer(&addresses, "ab");
    address_arrange(&addresses, false);
    address_used(&addresses, 1);
    answer(&addresses, "ab");
    address_arrange(&addresses, false);
    assert_string_equal(order(&addresses), "ba");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minute_is_the_most),
        cmocka_unit_test(what_is_not_accepted_ends_it),
        cmocka_unit_test(a_resolver_is_asked_the_less_the_longer_it_takes),
        cmocka_unit_test(addresses_keep_the_resolvers_order_until_one_fails),
        cmocka_unit_test(each_address_has_its_turn_in_whatever_order_they_come),
        cmocka_unit_test(what_was_connected_to_comes_first_where_the_first_was_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
