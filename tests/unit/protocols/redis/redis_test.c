// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config.h"
#include "tests/unit/protocols/redis/redis_stream.h"
#include "tests/unit/vectors.h"

/* ---- bytes ---- */

static struct redis_told told;

struct streams {
    struct guarded memory;
    bool replies;
};

/* Whole, cut in two anywhere, and byte by byte. */
static void check_stream(const struct vectors_case *one, void *context)
{
    struct streams *streams = context;
    struct slice bytes = one->fields[1];
    assert_int_equal(one->count, 2);
    for (size_t cut = 0; cut <= bytes.length; cut++) {
        struct redis_pieces pieces = {cut, cut ? 0 : 1};
        redis_stream_tell(bytes, streams->replies, pieces, &streams->memory, &told);
        if (!vectors_same(one, "stream", (struct slice){told.at, told.length}, one->fields[0]))
            fail_msg("line %d, cut at %zu", one->line, cut);
    }
}

static void commands_are_read_however_they_are_cut(void **state)
{
    struct streams streams = {guarded_make(8192), false};
    (void)state;
    assert_true(vectors_each("redis/commands.tsv", check_stream, &streams) > 15);
}

static void replies_are_read_however_they_are_cut(void **state)
{
    struct streams streams = {guarded_make(8192), true};
    (void)state;
    assert_true(vectors_each("redis/replies.tsv", check_stream, &streams) > 40);
}

static void a_large_value_goes_by_under_a_countdown(void **state)
{
    static const char value[4096];
    struct resp_commands commands = {.state = 0};
    struct slice begin = SLICE_LITERAL("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5000000000\r\n");
    (void)state;
    assert_int_equal(resp_read_commands(&commands, &begin), RESP_BEGIN);
    assert_int_equal(resp_read_commands(&commands, &begin), RESP_ARGUMENT);
    assert_int_equal(resp_read_commands(&commands, &begin), RESP_ARGUMENT);
    assert_int_equal(resp_read_commands(&commands, &begin), RESP_MORE);
    struct slice some = {value, sizeof value};
    assert_int_equal(resp_read_commands(&commands, &some), RESP_MORE);
    assert_true(resp_skip_commands(&commands, UINT64_C(5000000000) - sizeof value));
    struct slice end = SLICE_LITERAL("\r\n");
    assert_int_equal(resp_read_commands(&commands, &end), RESP_ARGUMENT);
    assert_true(resp_argument(&commands).cut);
    assert_int_equal(resp_read_commands(&commands, &end), RESP_COMMAND);
    assert_false(resp_amid_command(&commands));
}

static void unseen_bytes_that_are_no_value_lose_the_stream(void **state)
{
    struct resp_commands commands = {.state = 0};
    struct resp_replies replies = {.state = 0};
    struct slice command = SLICE_LITERAL("*1\r\n$4\r\nPI");
    struct slice reply = SLICE_LITERAL("$4\r\nPI");
    (void)state;
    assert_int_equal(resp_read_commands(&commands, &command), RESP_BEGIN);
    assert_int_equal(resp_read_commands(&commands, &command), RESP_MORE);
    assert_false(resp_skip_commands(&commands, 3));
    assert_int_equal(resp_read_commands(&commands, &command), RESP_LOST);
    assert_int_equal(resp_read_replies(&replies, &reply), RESP_MORE);
    assert_true(resp_skip_replies(&replies, 2));
    assert_false(resp_skip_replies(&replies, 2));
    assert_int_equal(resp_read_replies(&replies, &reply), RESP_LOST);
}

static void an_inline_command_is_bounded(void **state)
{
    static char line[65537];
    struct resp_commands commands = {.state = 0};
    struct slice bytes = {line, sizeof line - 1};
    (void)state;
    memset(line, 'a', sizeof line);
    assert_int_equal(resp_read_commands(&commands, &bytes), RESP_BEGIN);
    assert_int_equal(resp_read_commands(&commands, &bytes), RESP_MORE);
    bytes = SLICE_LITERAL("a");
    assert_int_equal(resp_read_commands(&commands, &bytes), RESP_LOST);
}

static void state_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct resp_commands) <= 256);
    assert_true(sizeof(struct resp_replies) <= 512);
    assert_true(sizeof(struct redis_dialogue) <= 2048);
}

static void only_a_command_of_redis_is_recognised(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum parse parse;
    } cases[] = {
        {"*1\r\n$4\r\nPING\r\n", PARSE_OK},
        {"*2\r\n$4\r\nauth\r\n$", PARSE_OK},
        {"", PARSE_MORE},
        {"*", PARSE_MORE},
        {"*2\r\n$4\r\nAUT", PARSE_MORE},
        {"GET / HTTP/1.1\r\n", PARSE_BAD},
        {"PING\r\n", PARSE_BAD},
        {"*1\n", PARSE_BAD},
        {"*2\r\n$8\r\nSENTINEL\r\n", PARSE_OK},
        {"*2\r\n$9\r\nFT.SEARCH\r\n", PARSE_OK},
        {"*1\r\n$5\r\n-LLO!\r\n", PARSE_BAD},
        {"*1\r\n$0\r\n\r\n", PARSE_BAD},
        {"*1\r\n$33\r\nabcdefghabcdefghabcdefghabcdefgha\r\n", PARSE_BAD},
        {"*1\r\n:5\r\n", PARSE_BAD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (redis_dialogue_recognise(slice_of(cases[i].bytes)) != cases[i].parse)
            fail_msg("%s", cases[i].bytes);
}

/* ---- commands, keys, texts ---- */

static void names_are_found_in_any_case(void **state)
{
    size_t count;
    const struct redis_command *commands = redis_commands(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        char low[32] = "";
        for (size_t at = 0; commands[i].name[at]; at++)
            low[at] = slice_lower(commands[i].name[at]);
        if (redis_command_find(slice_of(low)) != &commands[i])
            fail_msg("%s is not found: is the table sorted?", commands[i].name);
    }
    assert_null(redis_command_find(SLICE_LITERAL("GE")));
    assert_null(redis_command_find(SLICE_LITERAL("GETS")));
    assert_null(redis_command_find(SLICE_LITERAL("GET\0")));
    assert_null(redis_command_find(SLICE_LITERAL("")));
    assert_true(redis_command_is_option(SLICE_LITERAL("withscores")));
    assert_false(redis_command_is_option(SLICE_LITERAL("secret")));
}

static void every_option_is_found(void **state)
{
    static const char *const options[] = {
#define REDIS_OPTION(word) word,
#include "agent/protocols/redis/redis_options.def"
#undef REDIS_OPTION
    };
    (void)state;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (!redis_command_is_option(slice_of(options[i])))
            fail_msg("%s is not found: is the table sorted?", options[i]);
}

static void check_key(const struct vectors_case *one, void *context)
{
    const struct redact *redact = context;
    char out[STORED_KEY_BYTES];
    bool hidden = false;
    bool cut = one->count > 2;
    size_t length = stored_key_show(redact, one->fields[0], cut, out, &hidden);
    assert_true(vectors_same(one, "key", (struct slice){out, length}, one->fields[1]));
    if (hidden != (slice_find(one->fields[1], '?') < one->fields[1].length))
        fail_msg("line %d: hidden is %d", one->line, hidden);
}

static struct redact redact_of_default(void)
{
    struct config config = {.redact_keys = "password,passwd,pwd,token,secret,key,authorization,"
                                           "credit_card,ssn,email,phone,address"};
    struct redact redact;
    assert_int_equal(redact_init(&redact, &config), 0);
    return redact;
}

static void a_key_hides_what_may_be_a_credential(void **state)
{
    struct redact redact = redact_of_default();
    (void)state;
    assert_true(vectors_each("redis/keys.tsv", check_key, &redact) > 50);
}

static void argue(struct redis_text *text, struct slice word, uint32_t index, uint32_t count)
{
    struct resp_argument argument = {word, false, index, count};
    struct redis_name name = redis_text_find(&argument);
    if (index == 0)
        redis_text_name(text, &name);
    else
        redis_text_argument(text, NULL, &argument);
}

static void check_text(const struct vectors_case *one, void *context)
{
    struct redis_text *text = context;
    uint32_t count = (uint32_t)one->count - 1;
    redis_text_begin(text);
    for (uint32_t i = 0; i < count; i++)
        argue(text, one->fields[i + 1], i, count);
    redis_text_end_command(text);
    assert_true(vectors_same(one, "text", redis_text_written(text), one->fields[0]));
}

static void a_text_shows_names_and_keys_and_no_values(void **state)
{
    struct redis_text text;
    (void)state;
    assert_true(vectors_each("redis/texts.tsv", check_text, &text) > 100);
}

static void a_text_that_is_too_long_ends_between_two_words(void **state)
{
    struct redis_text text;
    (void)state;
    redis_text_begin(&text);
    argue(&text, SLICE_LITERAL("DEL"), 0, 100);
    for (uint32_t i = 1; i < 100; i++)
        argue(&text, SLICE_LITERAL("a:short:key"), i, 100);
    redis_text_end_command(&text);
    assert_true(text.full);
    assert_true(slice_ends(redis_text_written(&text), SLICE_LITERAL(" a:short:key")));
    argue(&text, SLICE_LITERAL("GET"), 0, 2);
    argue(&text, SLICE_LITERAL("a"), 1, 2);
    redis_text_end_command(&text);
    assert_true(slice_ends(redis_text_written(&text), SLICE_LITERAL(" a:short:key")));
}

static void what_repeats_the_command_before_is_written_once(void **state)
{
    struct redis_text text;
    (void)state;
    redis_text_begin(&text);
    for (size_t i = 0; i < 9; i++) {
        struct slice key = i < 3 || i == 8 ? SLICE_LITERAL("a") : SLICE_LITERAL("b");
        argue(&text, SLICE_LITERAL("GET"), 0, 2);
        argue(&text, key, 1, 2);
        redis_text_end_command(&text);
    }
    assert_true(slice_equal(redis_text_written(&text), SLICE_LITERAL("GET a; GET b; GET a")));
}

/* ---- spans ---- */

static struct redis_spans spans;

static size_t write_bulk(char *out, struct slice word)
{
    int length = sprintf(out, "$%zu\r\n%.*s\r\n", word.length, (int)word.length, word.at);
    return (size_t)length;
}

/* `SET a b` in the wire's form. */
static size_t write_command(char *out, struct slice command)
{
    size_t words = 1;
    for (size_t i = 0; i < command.length; i++)
        words += command.at[i] == ' ';
    size_t length = (size_t)sprintf(out, "*%zu\r\n", words);
    while (command.length)
        length += write_bulk(out + length, slice_take_part(&command, ' '));
    return length;
}

struct talk {
    struct redis_dialogue dialogue;
    struct redis_listener listener;
    uint64_t step; /* is the time */
    bool lost;
};

static void say(struct talk *talk, struct slice bytes)
{
    talk->lost |= !redis_dialogue_send(&talk->dialogue, &talk->listener, bytes, talk->step);
    if (!talk->lost)
        redis_dialogue_sent(&talk->dialogue, &talk->listener, talk->step);
}

/* `>GET a|GET b` is one write call, `>>bytes` one of these bytes, `<bytes` what is read, `.` the
 * end. */
static void take_step(struct talk *talk, struct slice step)
{
    static char bytes[VECTORS_BYTES];
    size_t length = 0;
    talk->step++;
    if (step.at[0] == '.')
        redis_dialogue_end(&talk->dialogue, &talk->listener, talk->step);
    if (step.at[0] == '.' || talk->lost)
        return;
    if (step.at[0] == '<') {
        talk->lost |= !redis_dialogue_receive(&talk->dialogue, &talk->listener,
                                              slice_after(step, 1), talk->step);
        return;
    }
    if (step.at[1] == '>') {
        say(talk, slice_after(step, 2));
        return;
    }
    step = slice_after(step, 1);
    while (step.length)
        length += write_command(bytes + length, slice_take_part(&step, '|'));
    say(talk, (struct slice){bytes, length});
}

static void check_dialogue(const struct vectors_case *one, void *context)
{
    static struct talk talk;
    (void)context;
    memset(&spans, 0, sizeof spans);
    memset(&talk, 0, sizeof talk);
    talk.listener = redis_spans_listener(&spans);
    for (size_t i = 1; i < one->count; i++)
        take_step(&talk, one->fields[i]);
    redis_spans_tell(&spans, &told);
    if (talk.lost)
        strcat(told.at, told.length ? " !" : "!");
    if (spans.broken)
        fail_msg("line %d: %s", one->line, spans.broken);
    assert_true(vectors_same(one, "spans", slice_of(told.at), one->fields[0]));
}

static void commands_written_together_are_one_span(void **state)
{
    (void)state;
    assert_true(vectors_each("redis/dialogues.tsv", check_dialogue, NULL) > 50);
}

static void begin_talk(struct talk *talk)
{
    memset(&spans, 0, sizeof spans);
    memset(talk, 0, sizeof *talk);
    talk->listener = redis_spans_listener(&spans);
}

static void more_than_can_wait_has_no_span_until_there_is_room(void **state)
{
    static struct talk talk;
    (void)state;
    begin_talk(&talk);
    for (unsigned i = 0; i < 1000; i++)
        take_step(&talk, SLICE_LITERAL(">GET a"));
    assert_int_equal(spans.begun, REDIS_SPANS_MOST - 1);
    assert_int_equal(spans.missed, 1000 - (REDIS_SPANS_MOST - 1));
    for (unsigned i = 0; i < 999; i++)
        take_step(&talk, SLICE_LITERAL("<$-1\r\n"));
    assert_int_equal(spans.ended, REDIS_SPANS_MOST - 1);
    take_step(&talk, SLICE_LITERAL(">GET b"));
    take_step(&talk, SLICE_LITERAL("<+no span\r\n"));
    assert_int_equal(spans.ended, REDIS_SPANS_MOST - 1);
    take_step(&talk, SLICE_LITERAL("<-ERR b\r\n"));
    assert_int_equal(spans.begun, REDIS_SPANS_MOST);
    assert_int_equal(spans.ended, REDIS_SPANS_MOST);
    assert_string_equal(spans.spans[REDIS_SPANS_MOST - 1].what, "GET \"GET b\"");
    assert_string_equal(spans.spans[REDIS_SPANS_MOST - 1].error, "ERR");
    assert_false(talk.lost);
    assert_null(spans.broken);
}

static void a_span_that_is_refused_leaves_the_others_right(void **state)
{
    static struct talk talk;
    (void)state;
    begin_talk(&talk);
    spans.refuse_from = 1;
    take_step(&talk, SLICE_LITERAL(">GET a"));
    take_step(&talk, SLICE_LITERAL(">GET b"));
    spans.refuse_from = 0;
    take_step(&talk, SLICE_LITERAL(">GET c"));
    take_step(&talk, SLICE_LITERAL("<+a\r\n-B b\r\n-C c\r\n"));
    redis_spans_tell(&spans, &told);
    assert_string_equal(told.at, "GET \"GET a\" 1-4 / GET \"GET c\" 3-4 error C");
}

static void a_long_pipeline_keeps_count(void **state)
{
    static struct talk talk;
    (void)state;
    begin_talk(&talk);
    talk.step = 1;
    for (unsigned i = 0; i < 100000; i++)
        assert_true(redis_dialogue_send(&talk.dialogue, &talk.listener,
                                        SLICE_LITERAL("*1\r\n$6\r\nDBSIZE\r\n"), 1));
    redis_dialogue_sent(&talk.dialogue, &talk.listener, 1);
    for (unsigned i = 0; i < 100000; i++) {
        assert_int_equal(spans.ended, 0);
        take_step(&talk, SLICE_LITERAL("<:0\r\n"));
    }
    assert_int_equal(spans.ended, 1);
    assert_string_equal(spans.spans[0].what, "PIPELINE DBSIZE \"DBSIZE\" x100000");
}

static void an_index_that_nobody_saw_is_not_told(void **state)
{
    static struct talk talk;
    (void)state;
    begin_talk(&talk);
    redis_batch_forget_database(&talk.dialogue.batch);
    take_step(&talk, SLICE_LITERAL(">GET a"));
    take_step(&talk, SLICE_LITERAL("<+a\r\n"));
    take_step(&talk, SLICE_LITERAL(">SELECT 3"));
    take_step(&talk, SLICE_LITERAL("<+OK\r\n"));
    assert_int_equal(spans.spans[0].answered.database, -1);
    assert_int_equal(spans.spans[1].answered.database, 3);
}

/* A MULTI within a transaction has a word too many, which comes when the answer to the first one
 * has ended the transaction. */
static void a_bracket_may_be_cut_off_from_its_group(void **state)
{
    static struct talk talk;
    (void)state;
    begin_talk(&talk);
    take_step(&talk, SLICE_LITERAL(">MULTI"));
    assert_true(redis_dialogue_send(&talk.dialogue, &talk.listener,
                                    SLICE_LITERAL("*2\r\n$5\r\nMULTI\r\n"), 1));
    take_step(&talk, SLICE_LITERAL("<-ERR no\r\n"));
    say(&talk, SLICE_LITERAL("$6\r\nhunter\r\n"));
    take_step(&talk, SLICE_LITERAL("<-ERR wrong number of arguments\r\n"));
    take_step(&talk, SLICE_LITERAL(">GET a"));
    take_step(&talk, SLICE_LITERAL("<+a\r\n"));
    redis_spans_tell(&spans, &told);
    assert_string_equal(told.at, "MULTI \"\" 1-2 error ERR / GET \"GET a\" 4-5");
}

static void numbers_of_answers_may_wrap(void **state)
{
    static struct talk talk;
    (void)state;
    begin_talk(&talk);
    talk.dialogue.batch.awaited = talk.dialogue.batch.answered = UINT32_MAX - 1;
    for (unsigned i = 0; i < 4; i++)
        take_step(&talk, SLICE_LITERAL(">SELECT 1|GET a"));
    take_step(&talk, SLICE_LITERAL("<+OK\r\n+1\r\n+OK\r\n+2\r\n+OK\r\n+3\r\n-ERR no\r\n+4\r\n"));
    assert_int_equal(spans.ended, 4);
    assert_false(talk.lost);
    assert_string_equal(spans.spans[3].error, "ERR");
    assert_false(spans.spans[2].answered.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_read_however_they_are_cut),
        cmocka_unit_test(replies_are_read_however_they_are_cut),
        cmocka_unit_test(a_large_value_goes_by_under_a_countdown),
        cmocka_unit_test(unseen_bytes_that_are_no_value_lose_the_stream),
        cmocka_unit_test(an_inline_command_is_bounded),
        cmocka_unit_test(state_is_small),
        cmocka_unit_test(only_a_command_of_redis_is_recognised),
        cmocka_unit_test(names_are_found_in_any_case),
        cmocka_unit_test(every_option_is_found),
        cmocka_unit_test(a_key_hides_what_may_be_a_credential),
        cmocka_unit_test(a_text_shows_names_and_keys_and_no_values),
        cmocka_unit_test(a_text_that_is_too_long_ends_between_two_words),
        cmocka_unit_test(what_repeats_the_command_before_is_written_once),
        cmocka_unit_test(commands_written_together_are_one_span),
        cmocka_unit_test(more_than_can_wait_has_no_span_until_there_is_room),
        cmocka_unit_test(a_span_that_is_refused_leaves_the_others_right),
        cmocka_unit_test(a_long_pipeline_keeps_count),
        cmocka_unit_test(an_index_that_nobody_saw_is_not_told),
        cmocka_unit_test(a_bracket_may_be_cut_off_from_its_group),
        cmocka_unit_test(numbers_of_answers_may_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
