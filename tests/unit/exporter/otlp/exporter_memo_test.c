// SPDX-License-Identifier: Apache-2.0
/* What is remembered of facts, and that it is no other than what was found; the fuzz target
 * tests/fuzz/facts.c with requests drawn by chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exporter/otlp/memo.h"

#define INPUTS 300
#define BYTES  4000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct memo memo;
static void *memory;

static int begin(void **state)
{
    (void)state;
    memory = malloc(MEMO_BYTES);
    if (memory)
        memo_init(&memo, memory);
    return memory ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static struct describe_key key_of(uint64_t word, const char *text)
{
    struct slice slice = slice_of(text);
    return (struct describe_key){{word, slice.length, 0, 0}, {slice, SLICE_NONE}};
}

static void keep(const struct describe_key *key, unsigned char what)
{
    uint64_t hash;
    assert_null(memo_find(&memo, key, 0, &hash));
    unsigned char *at = memo_take(&memo, key, hash, 1);
    assert_non_null(at);
    *at = what;
}

static void holds(const struct describe_key *key, unsigned char what)
{
    uint64_t hash;
    const unsigned char *found = memo_find(&memo, key, 0, &hash);
    assert_non_null(found);
    assert_int_equal(*found, what);
}

static void a_key_is_found_by_all_of_it(void **state)
{
    (void)state;
    uint64_t hash;
    struct describe_key keys[] = {key_of(1, "a text of more than sixteen bytes, and of thirty-two"),
                                  key_of(2, "a text of more than sixteen bytes, and of thirty-two"),
                                  key_of(1, "a text of more than sixteen bytes, and of thirty-twO"),
                                  key_of(1, "A text of more than sixteen bytes, and of thirty-two"),
                                  key_of(1, "seventeen bytes!!"),
                                  key_of(1, "sevent\xe9"
                                            "en bytes!!"),
                                  key_of(1, "nine byte"),
                                  key_of(1, "nine bytE"),
                                  key_of(1, "four"),
                                  key_of(1, "fouR"),
                                  key_of(1, "one"),
                                  key_of(1, "onE"),
                                  key_of(1, "")};
    size_t count = sizeof keys / sizeof *keys;
    for (size_t i = 0; i < count; i++)
        keep(&keys[i], (unsigned char)i);
    for (size_t i = 0; i < count; i++)
        holds(&keys[i], (unsigned char)i);
    for (size_t i = count; i-- > 0;)
        holds(&keys[i], (unsigned char)i);
    struct describe_key other = keys[0];
    other.texts[1] = SLICE_LITERAL("more");
    other.words[2] = 4;
    assert_null(memo_find(&memo, &other, 0, &hash));
}

static void a_key_with_the_hash_of_another_is_not_taken_for_it(void **state)
{
    (void)state;
    uint64_t hash;
    struct describe_key key = key_of(1, "/one");
    struct describe_key stranger = key_of(1, "/two");
    assert_null(memo_find(&memo, &key, 0, &hash));
    *memo_take(&memo, &stranger, hash, 1) = 'x';
    assert_null(memo_find(&memo, &key, 0, &hash));
    keep(&key, 'y');
    holds(&key, 'y');
}

static void what_is_too_long_is_not_remembered(void **state)
{
    (void)state;
    char text[MEMO_SLOT_BYTES];
    struct describe_key key = {{1, sizeof text, 0, 0}, {{text, sizeof text}, SLICE_NONE}};
    assert_null(memo_take(&memo, &key, 1, 1));
    key.texts[0].length = 10;
    assert_null(memo_take(&memo, &key, 1, SIZE_MAX));
    assert_null(memo_take(&memo, &key, 1, MEMO_SLOT_BYTES));
    assert_non_null(memo_take(&memo, &key, 1, MEMO_SLOT_BYTES / 2));
}

/* Many more than there are places: each is what it was, or not there. */
static void a_new_key_takes_the_place_of_an_old_one(void **state)
{
    (void)state;
    unsigned kept = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        struct describe_key key = key_of(i, "/page");
        keep(&key, (unsigned char)(i * 7));
        holds(&key, (unsigned char)(i * 7));
    }
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t hash;
        struct describe_key key = key_of(i, "/page");
        const unsigned char *found = memo_find(&memo, &key, 0, &hash);
        kept += found != NULL;
        if (found)
            assert_int_equal(*found, (unsigned char)(i * 7));
    }
    assert_int_equal(kept, MEMO_SETS * MEMO_WAYS);
}

static void facts_remembered_say_what_facts_found_anew_do(void **state)
{
    (void)state;
    uint8_t input[BYTES];
    srandom(11);
    for (int i = 0; i < INPUTS; i++) {
        for (size_t j = 0; j < sizeof input; j++)
            input[j] = (uint8_t)random();
        LLVMFuzzerTestOneInput(input, sizeof input);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_is_found_by_all_of_it, begin, end),
        cmocka_unit_test_setup_teardown(a_key_with_the_hash_of_another_is_not_taken_for_it, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_is_too_long_is_not_remembered, begin, end),
        cmocka_unit_test_setup_teardown(a_new_key_takes_the_place_of_an_old_one, begin, end),
        cmocka_unit_test(facts_remembered_say_what_facts_found_anew_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
