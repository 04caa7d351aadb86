// SPDX-License-Identifier: Apache-2.0
/* Each request that was received or sent passes the place where it ends, once, whatever its end:
 * with a protocol that nobody speaks (toy.h), in both roles. */
#include "tests/unit/seam.h"

#include "agent/span/sampler.h"
#include "agent/work/exchange_inheritance.h"
#include "tests/unit/net/toy.h"
#include "tests/unit/passing.h"

static const struct protocol *const rows[] = {&toy};

static int open_toy(void **state)
{
    int opened = open_gate(state);
    flow_set_protocols(rows, 1);
    return opened;
}

static void sample(bool all)
{
    const struct config config = {.sampler = all ? SAMPLER_ALWAYS_ON : SAMPLER_ALWAYS_OFF};
    sampler_init(&sampler_of_process, &config);
}

static int start_counting(void **state)
{
    start_empty(state);
    sample(true);
    assert_int_equal(passing_exchanges.open, 0);
    assert_int_equal(passing_calls.open, 0);
    passing_count_anew();
    return 0;
}

/* Two requests that wait, in either role. */
static void serve(void)
{
    accept_connection(FD);
    receive(FD, "ask one\nask two\n");
    assert_int_equal(passing_exchanges.open, 2);
}

static void ask(void)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(4711)};
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    observe_connected(FD, (struct sockaddr *)&peer, sizeof peer, 0);
    answer(FD, "ask one\nask two\n");
    assert_int_equal(passing_calls.open, 2);
}

/* So many spans, and no more. */
static void assert_spans(unsigned count)
{
    while (count--)
        assert_non_null(next_span());
    assert_null(next_span());
}

static bool have_ended(const struct passing *kind, unsigned ending, unsigned count)
{
    bool right = kind->open == 0;
    for (unsigned i = 0; i < PASSING_ENDINGS; i++)
        right &= kind->ended[i] == (i == ending ? count : 0);
    for (unsigned i = 0; !right && i < PASSING_ENDINGS; i++)
        print_message("%u ended by %u, %u are open\n", kind->ended[i], i, kind->open);
    return right;
}

#define assert_ended(kind, ending, count) assert_true(have_ended(kind, ending, count))

static void what_is_answered_ends_so(void **state)
{
    (void)state;
    for (int recorded = 0; recorded < 2; recorded++) {
        sample(recorded);
        passing_count_anew();
        serve();
        answer(FD, "ok 3\n123ok\n");
        assert_ended(&passing_exchanges, EXCHANGE_ANSWERED, 2);
        ask();
        receive(FD, "ok\nerror\n");
        assert_ended(&passing_calls, CLIENT_ENDED, 2);
        assert_spans(recorded ? 4 : 0);
    }
}

static void what_nobody_records_is_known_at_its_end(void **state)
{
    (void)state;
    sample(false);
    serve();
    answer(FD, "ok\nok\n");
    assert_false(passing_last.recording);
    assert_int_equal(passing_last.status, 200);
    assert_int_not_equal(passing_last.start_ns, 0);
    assert_true(passing_last_ns >= passing_last.start_ns);
    assert_true(span_context_present(&passing_last.self));
}

static void what_is_closed_unanswered_is_aborted(void **state)
{
    (void)state;
    for (int recorded = 0; recorded < 2; recorded++) {
        sample(recorded);
        passing_count_anew();
        serve();
        observe_closing(FD);
        assert_ended(&passing_exchanges, EXCHANGE_ABORTED, 2);
        ask();
        observe_closing(FD);
        assert_ended(&passing_calls, CLIENT_ENDED, 2);
        assert_spans(recorded ? 4 : 0);
    }
}

static void what_is_not_understood_is_lost(void **state)
{
    (void)state;
    for (int recorded = 0; recorded < 2; recorded++) {
        sample(recorded);
        passing_count_anew();
        serve();
        answer(FD, "bad\n");
        assert_ended(&passing_exchanges, EXCHANGE_LOST, 2);
        ask();
        receive(FD, "bad\n");
        assert_ended(&passing_calls, CLIENT_ENDED, 2);
        assert_spans(recorded ? 4 : 0);
        observe_closing(FD);
    }
}

static void what_was_handed_on_is_lost(void **state)
{
    (void)state;
    serve();
    atomic_store(&connection_of(FD)->handed_on, true);
    observe_closing(FD);
    assert_ended(&passing_exchanges, EXCHANGE_LOST, 2);
}

static void what_finds_no_room_is_forgotten(void **state)
{
    (void)state;
    serve();
    for (int i = 2; i < PIPELINE_LENGTH; i++)
        receive(FD, "ask one\n");
    assert_int_equal(passing_exchanges.open, PIPELINE_LENGTH);
    receive(FD, "ask one\n");
    assert_int_equal(passing_exchanges.ended[EXCHANGE_FORGOTTEN], 1);
    observe_closing(FD);
    assert_int_equal(passing_exchanges.ended[EXCHANGE_ABORTED], PIPELINE_LENGTH);
    assert_int_equal(passing_exchanges.open, 0);
    assert_spans(PIPELINE_LENGTH);
    ask();
    for (int i = 2; i < PIPELINE_LENGTH + 3; i++)
        answer(FD, "ask one\n");
    assert_int_equal(passing_calls.ended[CLIENT_FORGOTTEN], 3);
    observe_closing(FD);
    assert_int_equal(passing_calls.ended[CLIENT_ENDED], PIPELINE_LENGTH);
    assert_int_equal(passing_calls.open, 0);
}

/* ---- in two processes, of which the child is another agent: so these come last ---- */

static void in_a_child(bool (*act)(void))
{
    exchange_forking();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        agent_note_fork();
        (void)agent_enter(); /* puts the child in order */
        _exit(act() ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    connection_forked(); /* as the parent's fork handler says */
}

/* A child has no region before its first span. */
static bool has_span(void)
{
    return queue_has_region() && next_span();
}

static bool answer_both(void)
{
    answer(FD, "ok\nok\n");
    bool spans = has_span() && has_span();
    return have_ended(&passing_exchanges, EXCHANGE_ANSWERED, 2) &&
           spans == (sampler_of_process.kind == SAMPLER_ALWAYS_ON);
}

static bool close_it(void)
{
    bool calls = passing_calls.open;
    observe_closing(FD);
    return !has_span() && (calls ? have_ended(&passing_calls, CLIENT_ENDED, 2)
                                 : have_ended(&passing_exchanges, EXCHANGE_FORGOTTEN, 2));
}

static void what_a_child_answers_its_parent_forgets(void **state)
{
    (void)state;
    for (int recorded = 0; recorded < 2; recorded++) {
        sample(recorded);
        passing_count_anew();
        serve();
        in_a_child(answer_both);
        observe_closing(FD);
        assert_ended(&passing_exchanges, EXCHANGE_FORGOTTEN, 2);
        assert_spans(0);
    }
}

static void what_a_child_closes_its_parent_answers(void **state)
{
    (void)state;
    for (int recorded = 0; recorded < 2; recorded++) {
        sample(recorded);
        passing_count_anew();
        serve();
        in_a_child(close_it);
        answer(FD, "ok\nok\n");
        assert_ended(&passing_exchanges, EXCHANGE_ANSWERED, 2);
        assert_spans(recorded ? 2 : 0);
        ask();
        in_a_child(close_it);
        receive(FD, "ok\nok\n");
        assert_ended(&passing_calls, CLIENT_ENDED, 2);
        assert_spans(recorded ? 2 : 0);
    }
}

static bool leave_what_is_inherited(void)
{
    agent_leave(true);
    return passing_exchanges.ended[EXCHANGE_LEFT_OPEN] == 0;
}

static bool leave_what_is_begun_here(void)
{
    serve();
    answer(FD, "ok\n");
    agent_leave(true);
    return passing_exchanges.open == 0 && passing_exchanges.ended[EXCHANGE_ANSWERED] == 1 &&
           passing_exchanges.ended[EXCHANGE_LEFT_OPEN] == 1;
}

static bool call_and_leave(void)
{
    ask();
    receive(FD, "ok\n");
    agent_leave(true);
    return passing_calls.open == 0 && passing_calls.ended[CLIENT_ENDED] == 1 &&
           passing_calls.ended[CLIENT_ABANDONED] == 1;
}

static void what_is_open_at_the_end_is_left_open(void **state)
{
    (void)state;
    for (int recorded = 0; recorded < 2; recorded++) {
        sample(recorded);
        passing_count_anew();
        in_a_child(leave_what_is_begun_here);
        in_a_child(call_and_leave);
        serve();
        in_a_child(leave_what_is_inherited);
        observe_closing(FD);
        next_span();
        next_span();
    }
}

#define CASE(name) cmocka_unit_test_setup(name, start_counting)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_answered_ends_so),
        CASE(what_nobody_records_is_known_at_its_end),
        CASE(what_is_closed_unanswered_is_aborted),
        CASE(what_is_not_understood_is_lost),
        CASE(what_was_handed_on_is_lost),
        CASE(what_finds_no_room_is_forgotten),
        CASE(what_a_child_answers_its_parent_forgets),
        CASE(what_a_child_closes_its_parent_answers),
        CASE(what_is_open_at_the_end_is_left_open),
    };
    return cmocka_run_group_tests(tests, open_toy, NULL);
}
