// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/text/redact.h"
#include "tests/unit/guarded.h"
#include "tests/unit/vectors.h"

#define DEFAULT_WORDS                                                                              \
    "password,passwd,pwd,token,secret,key,authorization,credit_card,ssn,email,phone,address"

static struct redact made(const char *words, enum config_redact_mode mode)
{
    struct config config = {.redact_keys = words, .redact_mode = mode};
    struct redact redact;
    assert_int_equal(redact_init(&redact, &config), 0);
    return redact;
}

struct subject {
    struct redact redact;
    struct guarded guarded;
    struct slice (*function)(const struct redact *, struct slice, char *, size_t);
};

/* Also with every smaller buffer: the result is a prefix of the right one, so nothing shows. */
static void check_prefixes(const struct subject *subject, struct slice in, struct slice expected)
{
    char out[1024];
    for (size_t capacity = 0; capacity < expected.length; capacity++) {
        struct slice found =
            subject->function(&subject->redact, in, out, REDACT_WORK_BYTES + capacity);
        if (found.at == in.at)
            assert_true(slice_equal(found, expected));
        else
            assert_true(found.length <= capacity && slice_starts(expected, found));
    }
}

static void check_one(const struct vectors_case *one, void *context)
{
    struct subject *subject = context;
    char out[1024];
    struct slice in = one->fields[0];
    if (in.at)
        in = guarded_copy(&subject->guarded, in);
    struct slice found = subject->function(&subject->redact, in, out, sizeof out);
    assert_true(vectors_same(one, "result", found, one->fields[1]));
    if (slice_equal(in, one->fields[1]))
        assert_ptr_equal(found.at, in.at); /* nothing to change: nothing copied */
    if (found.at)
        check_prefixes(subject, in, one->fields[1]);
}

static void run(const char *file, int least,
                struct slice (*function)(const struct redact *, struct slice, char *, size_t))
{
    struct subject subject = {.redact = made(DEFAULT_WORDS, REDACT_TEXT),
                              .guarded = guarded_make(4096),
                              .function = function};
    assert_true(vectors_each(file, check_one, &subject) >= least);
}

static void secrets_in_queries_are_hidden(void **state)
{
    (void)state;
    run("redact/query.tsv", 60, redact_query);
}

static void secrets_in_urls_are_hidden(void **state)
{
    (void)state;
    run("redact/url.tsv", 30, redact_url);
}

static void a_target_is_a_url_without_authority(void **state)
{
    (void)state;
    char out[512];
    struct redact redact = made(DEFAULT_WORDS, REDACT_TEXT);
    assert_true(
        slice_equal(redact_target(&redact, SLICE_LITERAL("/a;token=x?key=y#z"), out, sizeof out),
                    SLICE_LITERAL("/a;token=REDACTED?key=REDACTED#z")));
    assert_null(redact_target(&redact, SLICE_NONE, out, sizeof out).at);
}

static void check_header(const struct vectors_case *one, void *context)
{
    struct subject *subject = context;
    char out[1024];
    struct slice value = guarded_copy(&subject->guarded, one->fields[1]);
    struct slice found = redact_header(&subject->redact, one->fields[0], value, out, sizeof out);
    assert_true(vectors_same(one, "header", found, one->fields[2]));
}

static void headers_are_hidden_by_name_and_looked_into_otherwise(void **state)
{
    (void)state;
    struct subject subject = {.redact = made(DEFAULT_WORDS, REDACT_TEXT),
                              .guarded = guarded_make(4096)};
    assert_true(vectors_each("redact/header.tsv", check_header, &subject) > 15);
}

static void credentials_stay_hidden_without_any_configured_word(void **state)
{
    (void)state;
    char out[512];
    struct redact redact = made("", REDACT_TEXT);
    struct slice found =
        redact_header(&redact, SLICE_LITERAL("AUTHORIZATION"), SLICE_LITERAL("x"), out, sizeof out);
    assert_true(slice_equal(found, SLICE_LITERAL("REDACTED")));
    found = redact_query(&redact, SLICE_LITERAL("password=1&sig=2"), out, sizeof out);
    assert_true(slice_equal(found, SLICE_LITERAL("password=1&sig=REDACTED")));
}

static void configured_words_replace_the_default_ones(void **state)
{
    (void)state;
    char out[512];
    struct redact redact = made(" kennwort ,, PIN,", REDACT_TEXT);
    struct slice found =
        redact_query(&redact, SLICE_LITERAL("Kennwort1=a&spin=b&password=c"), out, sizeof out);
    assert_true(slice_equal(found, SLICE_LITERAL("Kennwort1=REDACTED&spin=REDACTED&password=c")));
}

static void hash_mode_shows_the_beginning_of_the_digest(void **state)
{
    (void)state;
    char out[512];
    struct redact redact = made(DEFAULT_WORDS, REDACT_HASH);
    struct slice found = redact_url(&redact, SLICE_LITERAL("http://u:p@h/?token=abc&a=1"), out,
                                    sizeof out); /* SHA-256("abc") = ba7816bf 8f01cfea ... */
    assert_true(slice_equal(
        found, SLICE_LITERAL("http://REDACTED:REDACTED@h/?token=ba7816bf8f01cfea&a=1")));
    found = redact_query(&redact, SLICE_LITERAL("token=abc&a=1"), out + 1, REDACT_WORK_BYTES + 10);
    assert_true(slice_equal(found, SLICE_LITERAL("token=ba78")));
}

static void words_beyond_the_limit_are_counted(void **state)
{
    (void)state;
    char list[1024] = "";
    for (int i = 0; i < REDACT_WORDS + 3; i++) {
        char word[16];
        snprintf(word, sizeof word, "w%02dx,", i);
        strcat(list, word);
    }
    struct config config = {.redact_keys = list, .redact_mode = REDACT_TEXT};
    struct redact redact;
    assert_int_equal(redact_init(&redact, &config), 3);
    assert_true(redact_key(&redact, SLICE_LITERAL("W63X")));
    assert_false(redact_key(&redact, SLICE_LITERAL("W64X")));
}

static void a_word_too_long_hides_by_its_beginning(void **state)
{
    (void)state;
    char word[101];
    memset(word, 'z', 100);
    word[100] = 0;
    struct redact redact = made(word, REDACT_TEXT);
    assert_true(redact_key(&redact, (struct slice){word, 100}));
    assert_false(redact_key(&redact, (struct slice){word, REDACT_WORD_BYTES - 1}));
}

static void without_room_a_secret_is_cut_off(void **state)
{
    (void)state;
    char out[REDACT_WORK_BYTES];
    struct redact redact = made(DEFAULT_WORDS, REDACT_TEXT);
    assert_int_equal(redact_query(&redact, SLICE_LITERAL("token=abc"), out, sizeof out).length, 0);
}

static void a_text_too_long_to_look_at_is_cut(void **state)
{
    (void)state;
    static char text[REDACT_BYTES + 100];
    static char out[2 * REDACT_BYTES];
    struct redact redact = made(DEFAULT_WORDS, REDACT_TEXT);
    memset(text, 'a', sizeof text);
    memcpy(text + REDACT_BYTES, "&token=abc", 10);
    struct slice found = redact_query(&redact, (struct slice){text, sizeof text}, out, sizeof out);
    assert_int_equal(found.length, REDACT_BYTES);
    memcpy(text + 10, "&token=abc&", 11);
    found = redact_query(&redact, (struct slice){text, sizeof text}, out, sizeof out);
    assert_int_equal(found.length, REDACT_BYTES + 5);

    memcpy(text, "https://u:", 10); /* the '@' lies beyond */
    memset(text + 10, '1', sizeof text - 10);
    text[sizeof text - 1] = '@';
    found = redact_url(&redact, (struct slice){text, sizeof text}, out, sizeof out);
    assert_true(slice_equal(found, SLICE_LITERAL("https://REDACTED")));
}

/* As vendors make them: any of 64 characters, a fixed beginning, so that marks stand anywhere. */
static void a_random_key_is_hidden_wherever_its_marks_are(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static const char *const begins[] = {"sk-proj-", "sk-ant-api03-", "sk-svcacct-"};
    (void)state;
    struct redact redact = made("", REDACT_TEXT);
    uint64_t random = 1;
    for (unsigned i = 0; i < 60000; i++) {
        char text[80];
        char out[REDACT_WORK_BYTES + 80];
        int length = snprintf(text, sizeof text, "a=%s", begins[i % 3]);
        for (int left = 48; left; left--, length++) {
            random = random * 6364136223846793005 + 1442695040888963407;
            text[length] = alphabet[random >> 58];
        }
        struct slice in = {text, (size_t)length};
        struct slice found = redact_query(&redact, in, out, sizeof out);
        if (!slice_equal(found, SLICE_LITERAL("a=REDACTED")))
            fail_msg("%.*s", (int)found.length, found.at);
    }
}

static void a_token_at_the_end_is_hidden_whatever_is_before_it(void **state)
{
    (void)state;
    const struct redact redact = made("", REDACT_TEXT);
    for (int before = 0; before <= 64; before++) {
        char text[96], wanted[96], out[REDACT_WORK_BYTES + 96];
        (void)snprintf(text, sizeof text, "%*s xoxb-0123456789", before, "");
        (void)snprintf(wanted, sizeof wanted, "%*s REDACTED", before, "");
        struct slice found = redact_value(&redact, slice_of(text), out, sizeof out);
        if (!slice_equal(found, slice_of(wanted)))
            fail_msg("%d: %.*s", before, (int)found.length, found.at);
    }
}

static void a_word_of_one_letter_counts(void **state)
{
    (void)state;
    struct redact redact = made("q", REDACT_TEXT);
    assert_true(redact_key(&redact, SLICE_LITERAL("q")));
    assert_true(redact_key(&redact, SLICE_LITERAL("aQ1")));
    assert_true(redact_key(&redact, SLICE_LITERAL("a%71")));
    assert_false(redact_key(&redact, SLICE_LITERAL("a")));
    assert_false(redact_key(&redact, SLICE_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_in_queries_are_hidden),
        cmocka_unit_test(secrets_in_urls_are_hidden),
        cmocka_unit_test(a_target_is_a_url_without_authority),
        cmocka_unit_test(headers_are_hidden_by_name_and_looked_into_otherwise),
        cmocka_unit_test(credentials_stay_hidden_without_any_configured_word),
        cmocka_unit_test(configured_words_replace_the_default_ones),
        cmocka_unit_test(hash_mode_shows_the_beginning_of_the_digest),
        cmocka_unit_test(words_beyond_the_limit_are_counted),
        cmocka_unit_test(a_word_too_long_hides_by_its_beginning),
        cmocka_unit_test(a_text_too_long_to_look_at_is_cut),
        cmocka_unit_test(a_word_of_one_letter_counts),
        cmocka_unit_test(a_random_key_is_hidden_wherever_its_marks_are),
        cmocka_unit_test(a_token_at_the_end_is_hidden_whatever_is_before_it),
        cmocka_unit_test(without_room_a_secret_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
