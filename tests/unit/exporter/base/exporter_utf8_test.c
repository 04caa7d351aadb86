// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exporter/base/utf8.h"
#include "tests/unit/guarded.h"

#define FFFD "\xef\xbf\xbd"

static const struct {
    struct slice text;
    size_t limit;
    struct slice clean;
} cases[] = {
    {SLICE_LITERAL(""), 9, SLICE_LITERAL("")},
    {SLICE_LITERAL("plain"), 9, SLICE_LITERAL("plain")},
    {SLICE_LITERAL("longer than eight bytes"), 99, SLICE_LITERAL("longer than eight bytes")},
    {SLICE_LITERAL("longer than eight bytes"), 6, SLICE_LITERAL("longer")},
    {SLICE_LITERAL("anything"), 0, SLICE_LITERAL("")},
    {SLICE_LITERAL("Gr\xc3\xbc\xc3\x9f\x65"), 3, SLICE_LITERAL("Gr\xc3\xbc")},
    {SLICE_LITERAL("\xe2\x82\xac\xf0\x9f\x98\x80"), 2,
     SLICE_LITERAL("\xe2\x82\xac\xf0\x9f\x98\x80")},
    {SLICE_LITERAL("a\x80z"), 9, SLICE_LITERAL("a" FFFD "z")},
    {SLICE_LITERAL("0123456789\xff"), 99, SLICE_LITERAL("0123456789" FFFD)},
    {SLICE_LITERAL("a\0b"), 9, SLICE_LITERAL("a" FFFD "b")},
    {SLICE_LITERAL("\xc0\xaf"), 9, SLICE_LITERAL(FFFD FFFD)},          /* overlong */
    {SLICE_LITERAL("\xed\xa0\x80"), 9, SLICE_LITERAL(FFFD FFFD FFFD)}, /* surrogate */
    {SLICE_LITERAL("\xf4\x90\x80\x80"), 9, SLICE_LITERAL(FFFD FFFD FFFD FFFD)},
    {SLICE_LITERAL("\xe2\x82"), 9, SLICE_LITERAL(FFFD)}, /* cut off */
    {SLICE_LITERAL("\xe2\x82z"), 9, SLICE_LITERAL(FFFD "z")},
    {SLICE_LITERAL("\xff\xff\xff"), 2, SLICE_LITERAL(FFFD FFFD)},
};

static void text_comes_out_valid_and_within_its_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char scratch[128];
        struct slice clean = utf8_clean(cases[i].text, cases[i].limit, scratch);
        assert_int_equal(clean.length, cases[i].clean.length);
        assert_memory_equal(clean.at, cases[i].clean.at, clean.length);
    }
}

static void valid_text_is_not_copied(void **state)
{
    (void)state;
    char scratch[64];
    struct slice text = SLICE_LITERAL("Gr\xc3\xbc\xc3\x9f\x65");
    assert_ptr_equal(utf8_clean(text, 4, scratch).at, text.at);
}

static void one_bad_byte_is_found_wherever_it_stands(void **state)
{
    (void)state;
    struct guarded guarded = guarded_make(64);
    char bytes[40];
    char scratch[UTF8_SCRATCH(sizeof bytes)];
    memset(bytes, '\1', sizeof bytes);
    for (size_t length = 0; length <= sizeof bytes; length++) {
        struct slice text = guarded_copy(&guarded, (struct slice){bytes, length});
        assert_ptr_equal(utf8_clean(text, 99, scratch).at, text.at);
        assert_int_equal(utf8_clean(text, 99, scratch).length, length);
        for (size_t at = 0; at < length; at++) {
            char *byte = (char *)text.at + at;
            *byte = at % 2 ? '\0' : '\xff';
            struct slice clean = utf8_clean(text, 99, scratch);
            assert_int_equal(clean.length, length + 2);
            assert_memory_equal(clean.at + at, FFFD, 3);
            *byte = '\1';
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_comes_out_valid_and_within_its_limit),
        cmocka_unit_test(valid_text_is_not_copied),
        cmocka_unit_test(one_bad_byte_is_found_wherever_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
