// SPDX-License-Identifier: Apache-2.0
/* What is written for a processor gives what the plain C beside it gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/http1_scan.h"
#include "tests/unit/guarded.h"
#include "tests/unit/text/plain.h"

#define TEXTS      50000
#define BYTES_MOST 100

static uint64_t next_random(void)
{
    static uint64_t random = 1;
    random = random * 6364136223846793005 + 1442695040888963407;
    return random >> 32;
}

/* Of that alphabet; it ends at a page that may not be touched. */
static struct slice random_text(const struct guarded *guarded, struct slice alphabet)
{
    char text[BYTES_MOST];
    size_t length = next_random() % (sizeof text + 1);
    size_t used = 1 + next_random() % alphabet.length; /* sometimes few, so that runs are long */
    for (size_t i = 0; i < length; i++)
        text[i] = alphabet.at[next_random() % used];
    return guarded_copy(guarded, (struct slice){text, length});
}

static void heads_are_scanned_alike(void **state)
{
    (void)state;
    const struct guarded guarded = guarded_make(BYTES_MOST);
    unsigned found = 0;
    for (int i = 0; i < TEXTS; i++) {
        struct slice text = random_text(&guarded, SLICE_LITERAL("aaaaaaaaaaaa\n\r\nc\rd:\xff\x80"));
        const char *end = text.at + text.length;
        assert_ptr_equal(scan_either(text.at, end, 'c', '\n'),
                         plain_either(text.at, end, 'c', '\n'));
        assert_ptr_equal(scan_byte(text.at, end, '\n'), plain_byte(text.at, end, '\n'));
        assert_ptr_equal(scan_byte(text.at, end, '\xff'), plain_byte(text.at, end, '\xff'));
        if (text.length == 0)
            continue;
        const char *at = text.at + 1 + next_random() % text.length;
        unsigned bare = 0, plain = 0;
        uint64_t ends = scan_line_ends(text.at, at, end, &bare);
        bool holds_bare = false;
        for (unsigned bit = 0; bit < SCAN_BLOCK; bit++) {
            bool there = bit < end - at;
            assert_int_equal(ends >> bit & 1, there && at[bit] == '\n');
            holds_bare |= there && at[bit] != '\n' && at[(int)bit - 1] == '\r';
        }
        assert_true(ends == plain_line_ends(text.at, at, end, &plain));
        assert_true(ends == scan_line_ends(text.at, at, end, NULL));
        assert_int_equal(bare != 0, plain != 0);
        assert_true(bare || !holds_bare);
        found += holds_bare;
    }
    assert_in_range(found, TEXTS / 100, TEXTS - TEXTS / 100);
}

/* Of what secrets begin with, are made of, and end at. */
static struct slice random_value(const struct guarded *guarded)
{
    static const char *const pieces[] = {
        "xoxb-", "eyJ",      "Bearer ", "basIc ", "AKIA", "sk_live_", "token", "key",
        "a:b@",  "https://", "b",       "a",      "aB3",  "QWER",     "7",     "0123456",
        " ",     " ",        "/",       ";",      ".",    "-",        "word ", "text, ",
        "\xff",  "%3D",      "=",       "abcd",   "EFGH", "ij12",     "K",     "lmno",
        "z ",    "y",        "x",       "w",      "v",    "u",        "t",     "s"};
    const size_t count = sizeof pieces / sizeof *pieces;
    char text[BYTES_MOST];
    size_t most = next_random() % (sizeof text + 1);
    size_t length = 0;
    for (;;) {
        struct slice piece = slice_of(pieces[next_random() % count]);
        if (piece.length > most - length)
            return guarded_copy(guarded, (struct slice){text, length});
        memcpy(text + length, piece.at, piece.length);
        length += piece.length;
    }
}

static void values_are_hidden_alike(void **state)
{
    (void)state;
    const struct config config = {.redact_keys = "token,secret,password,key"};
    const struct guarded guarded = guarded_make(BYTES_MOST);
    char ours[1024], plain[1024];
    struct redact redact;
    unsigned hidden = 0;
    assert_int_equal(redact_init(&redact, &config), 0);
    for (int i = 0; i < TEXTS; i++) {
        struct slice text = random_value(&guarded);
        struct slice found = redact_value(&redact, text, ours, sizeof ours);
        struct slice wanted = plain_redact_value(&redact, text, plain, sizeof plain);
        if (!slice_equal(found, wanted))
            fail_msg("%.*s: %.*s, not %.*s", (int)text.length, text.at, (int)found.length, found.at,
                     (int)wanted.length, wanted.at);
        hidden += found.at != text.at;
    }
    assert_in_range(hidden, TEXTS / 100, TEXTS - TEXTS / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_scanned_alike),
        cmocka_unit_test(values_are_hidden_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
