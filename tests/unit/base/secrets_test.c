// SPDX-License-Identifier: Apache-2.0
/* Secrets, as the lowest room sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/secrets.h"

static void until_somebody_knows_secrets_all_of_a_text_is_one(void **state)
{
    (void)state;
    char text[16] = "an open word";
    assert_int_equal(secrets_hide(text, strlen(text), sizeof text), 8);
    assert_memory_equal(text, "REDACTED", 8);
    char little[] = "open";
    assert_int_equal(secrets_hide(little, 4, 4), 4);
    assert_memory_equal(little, "REDA", 4);
    assert_int_equal(secrets_hide(little, 0, 4), 0);
}

static size_t hide_digits(char *text, size_t length, size_t capacity)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] >= '0' && text[i] <= '9')
            text[i] = '#';
    return length < capacity ? length : capacity;
}

static void who_knows_them_is_handed_in(void **state)
{
    (void)state;
    char text[] = "pin 1234";
    secrets_set_hider(hide_digits);
    assert_int_equal(secrets_hide(text, strlen(text), sizeof text), 8);
    assert_string_equal(text, "pin ####");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(until_somebody_knows_secrets_all_of_a_text_is_one),
        cmocka_unit_test(who_knows_them_is_handed_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
