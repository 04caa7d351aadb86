// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/base/sha256.h"
#include "tests/unit/guarded.h"

static void expect(struct slice message, const char *hex)
{
    uint8_t digest[SHA256_BYTES];
    char found[2 * SHA256_BYTES + 1] = "";
    sha256(message, digest);
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        found[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        found[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    assert_string_equal(found, hex);
}

/* NIST's examples for FIPS 180-4 and the SHA-2 additional test vectors. */
static void the_examples_of_nist_come_out(void **state)
{
    (void)state;
    expect(SLICE_LITERAL("abc"),
           "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(SLICE_NONE, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(SLICE_LITERAL("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    expect(SLICE_LITERAL("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                         "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
           "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    expect(SLICE_LITERAL("\xbd"),
           "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b");
    expect(SLICE_LITERAL("\xc9\x8c\x8e\x55"),
           "7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504");
}

/* The same document: 55, 56, 57 and 64 bytes lie around the padding's edge. */
static void lengths_around_a_block_are_padded_right(void **state)
{
    (void)state;
    static const struct {
        size_t length;
        const char *hex;
    } zeros[] = {
        {55, "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7"},
        {56, "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb"},
        {57, "65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785"},
        {64, "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"},
        {1000, "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53"},
    };
    struct guarded guarded = guarded_make(1000);
    static const char nothing[1000];
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
        expect(guarded_copy(&guarded, (struct slice){nothing, zeros[i].length}), zeros[i].hex);
}

static void a_million_letters_come_out(void **state)
{
    (void)state;
    char *text = malloc(1000000);
    assert_non_null(text);
    memset(text, 'a', 1000000);
    expect((struct slice){text, 1000000},
           "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_nist_come_out),
        cmocka_unit_test(lengths_around_a_block_are_padded_right),
        cmocka_unit_test(a_million_letters_come_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
