// SPDX-License-Identifier: Apache-2.0
/* The fuzz target tests/fuzz/observe.c with steps drawn by chance, so that every run of the unit
 * tests plays some of them, under whatever sanitizer it is built with. A step that goes wrong
 * aborts, and the steps before it are printed. What chance alone seldom brings together follows a
 * course, with details, and now and then a step between, by chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/observe/observe_steps.h"

#define OFTEN  50 /* each kind of call, text and trouble */
#define INPUTS 10000
#define STEPS  60
#define BYTES  (1 + STEP_BYTES * STEPS)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A digit is the thread that goes on, a colon the second descriptor, a full stop the first; other
 * letters are in `moves`. */
static const char *const courses[] = {
    "Aqr1s0Swqr",            /* a request as most are, and the next */
    "Aqru1b0q1e0rc",         /* behind an upgrade that is on its way */
    "AqruqhSrc",             /* half of it before, half after */
    "Aqrs1b0qr1eqr",         /* read while another thread answers */
    "Aqqr1sS0sSc",           /* read together */
    "wAqqrsSwsSqr",          /* by an event loop */
    "Aqr1qr0sS1sSc",         /* read by two threads */
    "AmmsSsSc",              /* more than the pipeline holds */
    "AqrSs1b2t1eqrc",        /* two threads in one direction */
    "Aqrfc",                 /* handed to a forked child */
    "AqrfwcAqr1f0c",         /* kept */
    "AqrFsSqrsSc",           /* answered by the child */
    "AqrFc",                 /* closed by it */
    "AqriFcAqric",           /* handed to a process that is no child */
    "AxxxxxxxxxxxxF",        /* a full queue */
    "Aqrs1b0c1e",            /* closed while another thread sends */
    "Aph1r0sSaHz",           /* a body read on by another thread */
    "AqraHzqraHHzc",         /* chunks from a file */
    "AqroSdcAqroHSc",        /* until the end */
    "wAqrwsS",               /* the loop's own wait */
    "AqrksSkqrkc",           /* a call under a request, and one under none */
    "wAqrksSqrkqqrk",        /* by a loop that answers at once, and so in order */
    "wA:A.qr:qrksS.k",       /* by one that owes two answers */
    "wAqrwksSqrk",           /* by one that goes on after it waited */
    "wAqrwc:AqrkS",          /* left, and then closed */
    "wA:A.qh:qrksS.rkw",     /* while a body, or half a head, is here */
    "Aqr1sSk0qrk",           /* in a process that hands over */
    "Aqrgk",                 /* handed to a loop */
    "AqrSksSkqqrSsk",        /* worked on after the answer */
    "wAqrwS:A.qr:qrksS.sSk", /* two of a turn of a loop that defers */
    "wAqruqSw:A.r:qrkS",     /* beside a tunnel's bytes */
    "AqryAqryk",             /* told to wait for something else, too */
    "Aqqqrk:Aqr.sSksSk",     /* by a thread that goes round */
};

/* What a letter of a course does, and the details that are not left to chance (-1). */
static const struct {
    char letter;
    const char *step;
    int added; /* to the step's number */
    int details[4];
} moves[] = {
    {'A', "accept", 0, {-1, -1, -1, -1}},
    {'q', "ask or answer", 0x40, {-1, -1, -1, -1}},
    {'p', "ask or answer", 0x40, {1, -1, 200, 1}}, /* with a body */
    {'s', "ask or answer", 0, {-1, -1, -1, -1}},
    {'u', "ask or answer", 0, {10, 0, 0, -1}}, /* 101 */
    {'a', "ask or answer", 0, {0, 2, 200, 1}}, /* in chunks */
    {'o', "ask or answer", 0, {0, 3, -1, 1}},  /* until close */
    {'r', "receive", 0, {-1, 1, -1, -1}},
    {'h', "receive", 0, {-1, 2, -1, -1}}, /* half of it */
    {'S', "send", 0, {-1, 1, -1, -1}},
    {'H', "send", 0, {-1, 2, -1, -1}},
    {'z', "send", 0, {-1, 1, -1, 3}}, /* from a file */
    {'b', "begin send", 0, {-1, 1, -1, -1}},
    {'e', "end send", 0, {-1, -1, -1, -1}},
    {'k', "client's span", 0, {-1, -1, -1, -1}},
    {'y', "poll", 0, {7, 0, -1, -1}},
    {'g', "register", 0, {1, -1, -1, -1}},
    {'w', "wait", 0, {1, -1, -1, -1}},
    {'c', "close", 0, {-1, -1, -1, -1}},
    {'d', "shutdown", 0, {-1, -1, -1, -1}},
    {'f', "fork as a parent", 0, {-1, -1, -1, -1}},
    {'F', "fork", 0, {-1, -1, -1, -1}},
    {'t', "trouble", 0, {4, -1, -1, -1}}, /* another sends, too */
    {'m', "ask often", 0, {79, -1, -1, -1}},
    {'i', "hand on", 0, {0, -1, -1, -1}},
    {'x', "exchange", 0, {-1, -1, -1, -1}},
};
#define MOVES (sizeof moves / sizeof *moves)

static uint32_t seed;

static uint8_t next(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint8_t)(seed >> 16);
}

static void by_chance(uint8_t step[STEP_BYTES])
{
    for (size_t i = 0; i < STEP_BYTES; i++)
        step[i] = next();
}

static uint8_t number_of(const char *name)
{
    for (uint8_t number = 0; number < 64; number++)
        if (strcmp(step_kinds[step_kind(&number)].name, name) == 0)
            return number;
    fail_msg("no step is called %s", name);
    return 0;
}

static void make_move(uint8_t step[STEP_BYTES], char letter, uint8_t who)
{
    size_t move = 0;
    while (moves[move].letter != letter)
        assert_true(++move < MOVES);
    by_chance(step);
    step[0] = (uint8_t)(number_of(moves[move].step) + moves[move].added);
    step[1] = who;
    for (size_t i = 0; i < 4; i++)
        if (moves[move].details[i] >= 0)
            step[2 + i] = (uint8_t)moves[move].details[i];
}

static size_t follow(const char *course, uint8_t steps[BYTES])
{
    size_t count = 0;
    uint8_t thread = 0;
    uint8_t fd = 0;
    steps[0] = next();
    for (; *course; course++) {
        if (*course == ':' || *course == '.') {
            fd = *course == ':';
            continue;
        }
        if (*course >= '0' && *course < '0' + MODEL_THREADS) {
            thread = (uint8_t)(*course - '0');
            continue;
        }
        if (next() % 8 == 0)
            by_chance(steps + 1 + STEP_BYTES * count++);
        make_move(steps + 1 + STEP_BYTES * count++, *course, (uint8_t)(thread << 4 | fd));
    }
    return 1 + STEP_BYTES * count;
}

static size_t draw(uint8_t steps[BYTES], bool few_descriptors)
{
    for (size_t at = 0; at < BYTES; at++)
        steps[at] = next();
    for (size_t at = 2; at < BYTES && few_descriptors; at += STEP_BYTES)
        steps[at] &= 0x31; /* they meet more often */
    return 1 + (size_t)(next() % STEPS) * STEP_BYTES;
}

static void any_calls_make_the_spans_that_the_model_makes(void **state)
{
    (void)state;
    uint8_t steps[BYTES];
    seed = 1;
    for (int i = 0; i < INPUTS; i++) {
        size_t size =
            i % 4 ? draw(steps, i % 2)
                  : follow(courses[(size_t)i / 4 % (sizeof courses / sizeof *courses)], steps);
        assert_int_equal(LLVMFuzzerTestOneInput(steps, size), 0);
    }
}

static void everything_that_the_model_knows_has_happened(void **state)
{
    (void)state;
    static const char *const names[] = {
#define HAPPENING(name) #name,
#include "tests/unit/observe/observe_happenings.def"
#undef HAPPENING
    };
    size_t seldom = 0;
    for (size_t i = 0; i < HAPPENING_COUNT; i++)
        if (happened[i] < OFTEN) {
            print_error("%s: %lu times\n", names[i], happened[i]);
            seldom++;
        }
    assert_int_equal(seldom, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_calls_make_the_spans_that_the_model_makes),
        cmocka_unit_test(everything_that_the_model_knows_has_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
