// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/protocols/memcached/memcached_stream.h"
#include "tests/unit/vectors.h"

/* ---- bytes ---- */

static struct memcached_told told;

struct streams {
    struct guarded memory;
    bool answers;
};

/* Whole, cut in two anywhere, and byte by byte. */
static void check_stream(const struct vectors_case *one, void *context)
{
    struct streams *streams = context;
    struct slice bytes = one->fields[1];
    assert_int_equal(one->count, 2);
    for (size_t cut = 0; cut <= bytes.length; cut++) {
        struct memcached_pieces pieces = {cut, cut ? 0 : 1};
        memcached_stream_tell(bytes, streams->answers, pieces, &streams->memory, &told);
        if (!vectors_same(one, "stream", (struct slice){told.at, told.length}, one->fields[0]))
            fail_msg("line %d, cut at %zu", one->line, cut);
    }
}

static void requests_are_read_however_they_are_cut(void **state)
{
    struct streams streams = {guarded_make(8192), false};
    (void)state;
    assert_true(vectors_each("memcached/requests.tsv", check_stream, &streams) > 30);
}

static void answers_are_read_however_they_are_cut(void **state)
{
    struct streams streams = {guarded_make(8192), true};
    (void)state;
    assert_true(vectors_each("memcached/answers.tsv", check_stream, &streams) > 30);
}

static void a_large_value_goes_by_under_a_countdown(void **state)
{
    static const char value[4096];
    struct memcached_requests requests = {.state = 0};
    struct slice begin = SLICE_LITERAL("set k 0 0 5000000000\r\n");
    struct slice some = {value, sizeof value};
    struct slice end = SLICE_LITERAL("\r\n");
    enum memcached_event event;
    (void)state;
    while ((event = memcached_read_requests(&requests, &begin)) != MEMCACHED_LINE)
        assert_true(event == MEMCACHED_BEGIN || event == MEMCACHED_WORD);
    assert_int_equal(memcached_read_requests(&requests, &some), MEMCACHED_MORE);
    assert_true(memcached_amid_request(&requests));
    assert_true(memcached_skip_requests(&requests, UINT64_C(5000000000) - sizeof value));
    assert_int_equal(memcached_read_requests(&requests, &end), MEMCACHED_OVER);
    assert_false(memcached_amid_request(&requests));
}

static void unseen_bytes_that_are_no_value_lose_the_stream(void **state)
{
    struct memcached_requests requests = {.state = 0};
    struct memcached_answers answers = {.state = 0};
    struct slice command = SLICE_LITERAL("get");
    struct slice answer = SLICE_LITERAL("VALUE k 0 4\r\nab");
    (void)state;
    assert_int_equal(memcached_read_requests(&requests, &command), MEMCACHED_BEGIN);
    assert_int_equal(memcached_read_requests(&requests, &command), MEMCACHED_MORE);
    assert_true(memcached_skip_requests(&requests, 0));
    assert_false(memcached_skip_requests(&requests, 3));
    assert_int_equal(memcached_read_requests(&requests, &command), MEMCACHED_LOST);
    assert_int_equal(memcached_read_answers(&answers, &answer), MEMCACHED_MORE);
    assert_true(memcached_skip_answers(&answers, 2));
    assert_false(memcached_skip_answers(&answers, 1));
    assert_int_equal(memcached_read_answers(&answers, &answer), MEMCACHED_LOST);
}

static void a_name_and_an_answers_first_word_are_bounded(void **state)
{
    static char word[2000];
    struct memcached_requests requests = {.state = 0};
    struct memcached_answers answers = {.state = 0};
    struct slice name = {word, sizeof word};
    struct slice first = name;
    (void)state;
    memset(word, 'a', sizeof word);
    assert_int_equal(memcached_read_requests(&requests, &name), MEMCACHED_BEGIN);
    assert_int_equal(memcached_read_requests(&requests, &name), MEMCACHED_LOST);
    assert_int_equal(memcached_read_answers(&answers, &first), MEMCACHED_LOST);
}

static void a_line_may_have_any_number_of_keys(void **state)
{
    struct memcached_requests requests = {.state = 0};
    struct slice name = SLICE_LITERAL("get");
    (void)state;
    assert_int_equal(memcached_read_requests(&requests, &name), MEMCACHED_BEGIN);
    assert_int_equal(memcached_read_requests(&requests, &name), MEMCACHED_MORE);
    for (unsigned i = 0; i < 100000; i++) {
        struct slice key = SLICE_LITERAL(" some:key");
        while (key.length)
            (void)memcached_read_requests(&requests, &key);
    }
    struct slice end = SLICE_LITERAL("\r\n");
    assert_int_equal(memcached_read_requests(&requests, &end), MEMCACHED_WORD);
    assert_int_equal(memcached_read_requests(&requests, &end), MEMCACHED_LINE);
    assert_int_equal(requests.words.count, 100001);
}

static void state_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct memcached_requests) <= 256);
    assert_true(sizeof(struct memcached_answers) <= 256);
    assert_true(sizeof(struct memcached_dialogue) <= 1984);
}

/* ---- what is memcached's ---- */

static void check_first(const struct vectors_case *one, void *context)
{
    static const char *const words[] = {
        [PARSE_OK] = "yes", [PARSE_MORE] = "more", [PARSE_BAD] = "no"};
    (void)context;
    enum parse parse = memcached_recognise(one->fields[1]);
    assert_true(vectors_same(one, "first", slice_of(words[parse]), one->fields[0]));
    for (size_t length = 0; length < one->fields[1].length; length++) {
        struct slice part = {one->fields[1].at, length};
        enum parse of_part = memcached_recognise(part);
        if (of_part != PARSE_MORE && of_part != parse)
            fail_msg("line %d: the first %zu bytes say otherwise", one->line, length);
    }
}

static void only_what_is_surely_a_command_is_recognised(void **state)
{
    (void)state;
    assert_true(vectors_each("memcached/first.tsv", check_first, NULL) > 40);
}

static void the_binary_protocol_is_recognised_and_lost(void **state)
{
    static const char get[] = "\x80\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x05"
                              "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00Hello";
    char other[24];
    struct memcached_requests requests = {.state = 0};
    struct slice bytes = {get, sizeof get - 1};
    (void)state;
    for (size_t length = 0; length < 24; length++)
        assert_int_equal(memcached_recognise_binary((struct slice){get, length}), PARSE_MORE);
    assert_int_equal(memcached_recognise_binary(bytes), PARSE_OK);
    assert_int_equal(memcached_read_requests(&requests, &bytes), MEMCACHED_LOST);
    for (size_t i = 0; i < sizeof other; i++) {
        memset(other, 0xff, sizeof other);
        other[0] = i == 0 ? '\x81' : '\x80';
        assert_int_equal(memcached_recognise_binary((struct slice){other, sizeof other}),
                         PARSE_BAD);
    }
}

static void check_answer_begins(const struct vectors_case *one, void *context)
{
    struct slice bytes = one->fields[1];
    (void)context;
    if (slice_equal(one->fields[0], SLICE_LITERAL("lost")))
        return;
    for (size_t length = 1; length <= bytes.length; length++)
        if (!memcached_answer_begins((struct slice){bytes.at, length}))
            fail_msg("line %d: not the first %zu bytes", one->line, length);
}

static void an_answer_is_known_by_its_beginning(void **state)
{
    (void)state;
    (void)vectors_each("memcached/answers.tsv", check_answer_begins, NULL);
    assert_false(memcached_answer_begins(SLICE_LITERAL("HTTP/1.1 200 OK\r\n")));
    assert_false(memcached_answer_begins(SLICE_LITERAL("+OK\r\n")));
    assert_false(memcached_answer_begins(SLICE_LITERAL("VALUES ")));
}

static void every_command_is_found(void **state)
{
    size_t count;
    const struct memcached_command *commands = memcached_commands(&count);
    (void)state;
    for (size_t i = 0; i < count; i++)
        if (memcached_command_find(slice_of(commands[i].name)) != &commands[i])
            fail_msg("%s is not found: is the table sorted?", commands[i].name);
    assert_null(memcached_command_find(SLICE_LITERAL("ge")));
    assert_null(memcached_command_find(SLICE_LITERAL("getss")));
    assert_null(memcached_command_find(SLICE_LITERAL("GET")));
    assert_null(memcached_command_find(SLICE_LITERAL("get\0")));
    assert_null(memcached_command_find(SLICE_LITERAL("")));
}

/* ---- spans ---- */

static struct memcached_spans spans;

struct talk {
    struct memcached_dialogue dialogue;
    struct memcached_listener listener;
    uint64_t step; /* is the time */
    bool lost;
};

/* `>bytes` is one write call, `<bytes` what is read, `+bytes` a part of a write call, `.` the end.
 */
static void take_step(struct talk *talk, struct slice step)
{
    char what = step.at[0];
    struct slice bytes = slice_after(step, 1);
    talk->step++;
    if (what == '.')
        memcached_dialogue_end(&talk->dialogue, &talk->listener, talk->step);
    if (what == '.' || talk->lost)
        return;
    if (what == '<') {
        talk->lost |=
            !memcached_dialogue_receive(&talk->dialogue, &talk->listener, bytes, talk->step);
        return;
    }
    talk->lost |= !memcached_dialogue_send(&talk->dialogue, &talk->listener, bytes, talk->step);
    if (!talk->lost && what == '>')
        memcached_dialogue_sent(&talk->dialogue, &talk->listener, talk->step);
}

static void begin_talk(struct talk *talk)
{
    memset(&spans, 0, sizeof spans);
    memset(talk, 0, sizeof *talk);
    talk->listener = memcached_spans_listener(&spans);
}

static void check_dialogue(const struct vectors_case *one, void *context)
{
    static struct talk talk;
    (void)context;
    begin_talk(&talk);
    for (size_t i = 1; i < one->count; i++)
        take_step(&talk, one->fields[i]);
    memcached_spans_tell(&spans, &told);
    if (talk.lost)
        strcat(told.at, told.length ? " !" : "!");
    if (spans.broken)
        fail_msg("line %d: %s", one->line, spans.broken);
    assert_true(vectors_same(one, "spans", slice_of(told.at), one->fields[0]));
}

static void commands_become_spans(void **state)
{
    (void)state;
    assert_true(vectors_each("memcached/dialogues.tsv", check_dialogue, NULL) > 60);
}

static void more_than_can_wait_has_no_span_until_there_is_room(void **state)
{
    static struct talk talk;
    (void)state;
    begin_talk(&talk);
    for (unsigned i = 0; i < 1000; i++)
        take_step(&talk, SLICE_LITERAL(">get a\r\n"));
    assert_int_equal(spans.begun, MEMCACHED_SPANS_MOST - 1);
    assert_int_equal(spans.missed, 1000 - spans.begun);
    for (unsigned i = 0; i < 999; i++)
        take_step(&talk, SLICE_LITERAL("<END\r\n"));
    assert_int_equal(spans.ended, MEMCACHED_SPANS_MOST - 1);
    take_step(&talk, SLICE_LITERAL(">get b\r\n"));
    take_step(&talk, SLICE_LITERAL("<END\r\n"));
    assert_int_equal(spans.ended, MEMCACHED_SPANS_MOST - 1);
    take_step(&talk, SLICE_LITERAL("<SERVER_ERROR b\r\n"));
    assert_int_equal(spans.ended, MEMCACHED_SPANS_MOST);
    assert_string_equal(spans.spans[MEMCACHED_SPANS_MOST - 1].what, "get \"get b\"");
    assert_true(spans.spans[MEMCACHED_SPANS_MOST - 1].answered.failed);
    assert_false(talk.lost);
    assert_null(spans.broken);
}

static void a_span_that_is_refused_leaves_the_others_right(void **state)
{
    static struct talk talk;
    (void)state;
    begin_talk(&talk);
    spans.refuse_from = 1;
    take_step(&talk, SLICE_LITERAL(">get a\r\n"));
    take_step(&talk, SLICE_LITERAL(">get b\r\n"));
    spans.refuse_from = 0;
    take_step(&talk, SLICE_LITERAL(">get c\r\n"));
    take_step(&talk, SLICE_LITERAL("<END\r\nERROR\r\nSERVER_ERROR c\r\n"));
    memcached_spans_tell(&spans, &told);
    assert_string_equal(told.at, "get \"get a\" 1-4 values=0 / "
                                 "get \"get c\" 3-4 error SERVER_ERROR values=0");
}

static void a_long_pipeline_keeps_count(void **state)
{
    static struct talk talk;
    (void)state;
    begin_talk(&talk);
    talk.step = 1;
    for (unsigned i = 0; i < 100000; i++)
        assert_true(memcached_dialogue_send(&talk.dialogue, &talk.listener,
                                            SLICE_LITERAL("touch a 1\r\n"), 1));
    memcached_dialogue_sent(&talk.dialogue, &talk.listener, 1);
    for (unsigned i = 0; i < 100000; i++) {
        assert_int_equal(spans.ended, 0);
        take_step(&talk, SLICE_LITERAL("<TOUCHED\r\n"));
    }
    assert_int_equal(spans.ended, 1);
    assert_string_equal(spans.spans[0].what, "PIPELINE touch \"touch a ?\" x100000");
}

static void turns_are_bounded(void **state)
{
    static struct talk talk;
    (void)state;
    begin_talk(&talk);
    for (unsigned i = 0; i < MEMCACHED_TURNS_MOST; i++)
        take_step(&talk, SLICE_LITERAL(">delete a noreply\r\nget b\r\n"));
    assert_false(talk.lost);
    take_step(&talk, SLICE_LITERAL(">delete a noreply\r\n"));
    assert_true(talk.lost);
}

static void numbers_of_answers_may_wrap(void **state)
{
    static struct talk talk;
    (void)state;
    begin_talk(&talk);
    talk.dialogue.batch.awaited = talk.dialogue.batch.answered = UINT32_MAX - 1;
    for (unsigned i = 0; i < 4; i++)
        take_step(&talk, SLICE_LITERAL(">delete k\r\nget a\r\n"));
    take_step(&talk, SLICE_LITERAL("<DELETED\r\nEND\r\nDELETED\r\nEND\r\nDELETED\r\nEND\r\n"
                                   "SERVER_ERROR x\r\nEND\r\n"));
    assert_int_equal(spans.ended, 4);
    assert_false(talk.lost);
    assert_true(spans.spans[3].answered.failed);
    assert_false(spans.spans[2].answered.failed);
}

static void a_text_that_is_too_long_ends_between_two_words(void **state)
{
    static struct talk talk;
    (void)state;
    begin_talk(&talk);
    take_step(&talk, SLICE_LITERAL("+get"));
    for (unsigned i = 0; i < 100; i++)
        take_step(&talk, SLICE_LITERAL("+ a:short:key"));
    take_step(&talk, SLICE_LITERAL(">\r\n"));
    take_step(&talk, SLICE_LITERAL("<END\r\n"));
    assert_int_equal(spans.ended, 1);
    struct slice what = slice_of(spans.spans[0].what);
    assert_true(what.length > MEMCACHED_TEXT_BYTES - 20);
    assert_true(slice_ends(what, SLICE_LITERAL(" a:short:key\"")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read_however_they_are_cut),
        cmocka_unit_test(answers_are_read_however_they_are_cut),
        cmocka_unit_test(a_large_value_goes_by_under_a_countdown),
        cmocka_unit_test(unseen_bytes_that_are_no_value_lose_the_stream),
        cmocka_unit_test(a_name_and_an_answers_first_word_are_bounded),
        cmocka_unit_test(a_line_may_have_any_number_of_keys),
        cmocka_unit_test(state_is_small),
        cmocka_unit_test(only_what_is_surely_a_command_is_recognised),
        cmocka_unit_test(the_binary_protocol_is_recognised_and_lost),
        cmocka_unit_test(an_answer_is_known_by_its_beginning),
        cmocka_unit_test(every_command_is_found),
        cmocka_unit_test(commands_become_spans),
        cmocka_unit_test(more_than_can_wait_has_no_span_until_there_is_room),
        cmocka_unit_test(a_span_that_is_refused_leaves_the_others_right),
        cmocka_unit_test(a_long_pipeline_keeps_count),
        cmocka_unit_test(turns_are_bounded),
        cmocka_unit_test(numbers_of_answers_may_wrap),
        cmocka_unit_test(a_text_that_is_too_long_ends_between_two_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
