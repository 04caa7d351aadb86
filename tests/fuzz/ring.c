// SPDX-License-Identifier: Apache-2.0
/* Writers and the reader of a ring take turns between any two of its atomic steps, as the input
 * says; writers fall asleep, jump away or die there, signal handlers write inside a write, time
 * passes. Each record comes out once, whole and in its writer's order, or is counted as abandoned;
 * and when all have gone home the ring is empty and as usable as before.
 *
 * Everybody is a coroutine, so that an input is one interleaving and a failure can be played again.
 * What the processor may reorder is not tried here; that is stress.ring's, under ThreadSanitizer.
 *
 * Input: a byte of settings, then steps of two bytes: who or what, and for how many turns. */
#include <errno.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the ring's steps ---- */

static void turn(void);
static long kernel(long number, ...);
static uint64_t now_ns;

static uint64_t load_word(const _Atomic uint64_t *at)
{
    turn();
    return atomic_load(at);
}

static uint32_t load_half(const _Atomic uint32_t *at)
{
    return atomic_load(at); /* no step: the generation of thread ids */
}

static void store_word(_Atomic uint64_t *at, uint64_t word)
{
    turn();
    atomic_store(at, word);
}

static bool exchange_word(_Atomic uint64_t *at, uint64_t *expected, uint64_t word)
{
    turn();
    return atomic_compare_exchange_strong(at, expected, word);
}

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_compare_exchange_strong_explicit
#define atomic_load_explicit(at, order)                                                            \
    _Generic((at),                                                                                 \
        _Atomic uint64_t *: load_word,                                                             \
        const _Atomic uint64_t *: load_word,                                                       \
        _Atomic uint32_t *: load_half)(at)
#define atomic_store_explicit(at, word, order) store_word(at, word)
#define atomic_compare_exchange_strong_explicit(at, expected, word, success, failure)              \
    exchange_word(at, expected, word)
#define memcpy(to, from, bytes) (turn(), memcpy(to, from, bytes))
#define RING_SEAM(point)        turn()
#define RING_NOW_NS()           now_ns
#include "agent/queue/ring.c" // NOLINT(bugprone-suspicious-include)
#undef memcpy

struct os os = {.syscall = kernel};

/* ---- coroutines ---- */

enum { WRITERS = 3, HANDLERS = WRITERS, READER = 2 * WRITERS, ACTORS, STACK_BYTES = 262144 };
enum { RECORD_WORDS_MAX = 4 * PAYLOAD_WORDS, HEAD_WORDS = 2, GRANULES_MAX = 32 };

#define GROW 0xf7 /* a step: all of the ring is ready */
static _Alignas(64) unsigned char memory[sizeof(struct ring) + GRANULES_MAX * GRANULE_BYTES];

static struct actor {
    ucontext_t context;
    void *fake_stack; /* AddressSanitizer's */
    unsigned turns;   /* before somebody else is at work */
    uint32_t tid;     /* the kernel's number; a handler's is its thread's */
    bool at_work;     /* inside a call, where it was left */
    uint64_t number;  /* a writer's: of its next record */
    uint64_t next;    /* the reader's: of the next one to come from it */
} actors[ACTORS];

static _Alignas(64) unsigned char stacks[ACTORS][STACK_BYTES];
static ucontext_t home;
static const void *home_stack;
static size_t home_stack_bytes;
static struct actor *self; /* NULL: at home */
static struct ring *ring;
static bool releases;     /* the reader, when it has read */
static uint64_t accepted; /* writes that said true */
static uint64_t left;     /* writes that nobody came back from */
static uint64_t received;
static uint64_t skipped; /* numbers before one that was received */
static uint32_t last_tid;
static uint64_t asleep_ns; /* the longest that anybody may have been so */

static void fail(const char *what)
{
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

static void go_home(void)
{
    struct actor *actor = self;
    self = NULL;
    __sanitizer_start_switch_fiber(&actor->fake_stack, home_stack, home_stack_bytes);
    swapcontext(&actor->context, &home);
    __sanitizer_finish_switch_fiber(actor->fake_stack, &home_stack, &home_stack_bytes);
}

/* Between two steps. */
static void turn(void)
{
    if (self && --self->turns == 0)
        go_home();
}

static long kernel(long number, ...)
{
    if (number == SYS_gettid)
        return self ? self->tid : 1;
    turn();
    va_list arguments;
    va_start(arguments, number);
    long tid = va_arg(arguments, long);
    va_end(arguments);
    for (int i = 0; i < WRITERS; i++)
        if (actors[i].tid == tid)
            return 0;
    errno = ESRCH;
    return -1;
}

static void act(void);

static void resume(struct actor *actor, unsigned turns)
{
    void *fake_stack;
    unsigned number = (unsigned)(actor - actors);
    if (!actor->at_work) {
        ASAN_UNPOISON_MEMORY_REGION(stacks[number], STACK_BYTES); /* whoever was left there */
        getcontext(&actor->context);
        actor->context.uc_stack.ss_sp = stacks[number];
        actor->context.uc_stack.ss_size = STACK_BYTES;
        actor->context.uc_link = NULL;
        actor->fake_stack = NULL;
        makecontext(&actor->context, act, 0);
    }
    actor->at_work = true;
    actor->turns = turns;
    ring_thread_reset(); /* ids are cached by thread, of which there is one here */
    self = actor;
    __sanitizer_start_switch_fiber(&fake_stack, stacks[number], STACK_BYTES);
    swapcontext(&home, &actor->context);
    __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
}

/* ---- what they do ---- */

static uint64_t word_of(uint64_t source, uint64_t number, uint64_t place)
{
    return source * 1000003 + number * 31 + place * 7919;
}

static void write_one(struct actor *writer)
{
    uint64_t words[RECORD_WORDS_MAX];
    uint64_t number = writer->number;
    uint64_t length = HEAD_WORDS + (number * 5 + writer->tid) % (RECORD_WORDS_MAX - HEAD_WORDS);
    words[0] = (uint64_t)(writer - actors);
    words[1] = number;
    for (uint64_t i = HEAD_WORDS; i < length; i++)
        words[i] = word_of(words[0], number, i);
    writer->number = number + 1; /* also where it never returns */
    if (ring_write(ring, words, (uint32_t)length * 8))
        accepted++;
    else
        writer->number = number;
}

static void check(const uint64_t *words, uint32_t length)
{
    if (length < HEAD_WORDS * 8 || words[0] >= READER)
        fail("a record of nobody");
    struct actor *source = &actors[words[0]];
    for (uint64_t i = HEAD_WORDS; i < length / 8; i++)
        if (words[i] != word_of(words[0], words[1], i))
            fail("a spoilt record");
    if (words[1] < source->next || words[1] >= source->number)
        fail("a record twice, out of order or before it was written");
    skipped += words[1] - source->next;
    source->next = words[1] + 1;
    received++;
}

static void read_some(void)
{
    static _Alignas(8) unsigned char into[RING_RECORD_BYTES_MAX];
    uint32_t length = ring_peek(ring, into, sizeof into);
    if (length)
        check((const uint64_t *)(const void *)into, length);
    if (releases)
        ring_release(ring);
}

static void act(void)
{
    __sanitizer_finish_switch_fiber(NULL, &home_stack, &home_stack_bytes);
    struct actor *actor = self;
    if (actor == &actors[READER])
        read_some();
    else
        write_one(actor);
    actor->at_work = false;
    self = NULL;
    __sanitizer_start_switch_fiber(NULL, home_stack, home_stack_bytes);
    setcontext(&home);
}

/* ---- what happens to them ---- */

/* A handler runs inside its thread, which stands still meanwhile. */
static struct actor *at_hand(unsigned writer)
{
    return actors[HANDLERS + writer].at_work ? &actors[HANDLERS + writer] : &actors[writer];
}

static void interrupt(unsigned writer, unsigned turns)
{
    if (actors[writer].at_work)
        resume(&actors[HANDLERS + writer], turns);
}

/* The thread never comes back to what it is in; it has ended, or goes on with something else. */
static void leave(unsigned writer, bool ended)
{
    struct actor *thread[] = {&actors[writer], &actors[HANDLERS + writer]};
    for (size_t i = 0; i < 2; i++) {
        left += thread[i]->at_work;
        thread[i]->at_work = false;
    }
    if (ended)
        thread[0]->tid = thread[1]->tid = ++last_tid;
}

/* A hole is used again after a minute, whoever may be asleep in it. He might spoil a record
 * (ring_memory.h), so nobody sleeps for so long. */
static void pass_ns(uint64_t ns)
{
    asleep_ns += ns;
    if (asleep_ns > UINT64_C(50000000000)) {
        asleep_ns = 0;
        for (unsigned i = 0; i < WRITERS; i++)
            leave(i, false);
    }
    now_ns += ns;
}

static void read_once(unsigned turns, bool release)
{
    if (!actors[READER].at_work)
        releases = release;
    resume(&actors[READER], turns);
}

static void grow(void)
{
    __asan_unpoison_memory_region(memory, sizeof memory);
    ring_grown(ring, sizeof memory);
}

static void play(const uint8_t step[2])
{
    if (step[0] == GROW) {
        grow();
        return;
    }
    unsigned turns = 1 + step[1] % 32;
    unsigned writer = step[1] / 32 % WRITERS;
    switch (step[0] % 16) {
    case 6:
    case 7:
    case 8:
        read_once(turns, false);
        break;
    case 9:
    case 10:
    case 11:
        read_once(turns, true);
        break;
    case 12:
        interrupt(writer, turns);
        break;
    case 13:
        pass_ns(step[1] * UINT64_C(5000000));
        break;
    case 14:
        leave(writer, step[1] & 1);
        break;
    case 15:
        pass_ns(step[1] < 32 ? UINT64_C(61000000000) : UINT64_C(150000000));
        break;
    default:
        resume(at_hand(step[0] % WRITERS), turns);
    }
    if (ring_pending(ring) > ring->limit)
        fail("more records than may wait");
}

/* ---- the end ---- */

#define ENDLESS 100000u /* turns that no call takes */

static void come_home(struct actor *actor)
{
    if (actor->at_work)
        resume(actor, ENDLESS);
    if (actor->at_work)
        fail("a call that does not return");
}

static void drain(void)
{
    for (uint32_t i = 0; i < 20 * (ring->granules + 2) && ring_pending(ring); i++) {
        pass_ns(100000000);
        read_once(ENDLESS, true);
        come_home(&actors[READER]);
    }
    if (ring_pending(ring))
        fail("a ring that is stuck");
}

static void check_accounts(void)
{
    uint64_t missing = skipped;
    for (int i = 0; i < READER; i++)
        missing += actors[i].number - actors[i].next;
    uint64_t abandoned = ring_abandoned(ring);
    if (received + missing != accepted + left)
        fail("records that nobody wrote");
    if (missing < abandoned || missing > abandoned + left)
        fail("records that are missing and not abandoned");
    if (ring_written(ring) != received)
        fail("the ring's own accounts differ");
}

/* Round and round again: with holes that go on being ones, and then without any. */
static void use_again(void)
{
    for (uint32_t i = 0; i < 4 * ring->granules; i++) {
        uint64_t before = accepted;
        for (int tries = 0; tries < 3 && accepted == before; tries++) {
            resume(&actors[0], ENDLESS);
            come_home(&actors[0]);
            drain();
            read_once(ENDLESS, true); /* past holes */
            come_home(&actors[READER]);
        }
        if (accepted == before && i >= 2 * ring->granules)
            fail("a ring that takes no more");
        if (i == ring->granules)
            pass_ns(61000000000);
    }
}

/* The upper half may not be touched yet. */
static void begin_small(void)
{
    size_t half = ring->granules / 2 * sizeof(struct granule);
    ring_grown(ring, sizeof *ring + half);
    __asan_poison_memory_region(memory + sizeof *ring + half, half);
}

static void begin(uint8_t settings)
{
    __asan_unpoison_memory_region(memory, sizeof memory);
    memset(memory, 0, sizeof memory);
    memset(actors, 0, sizeof actors);
    ring = ring_init(memory, sizeof(struct ring) + ((size_t)4 << settings % 4) * GRANULE_BYTES);
    if (!ring)
        fail("no ring");
    ring_set_limit(ring, settings & 4 ? 1 + settings / 8 : RING_RECORDS_MAX);
    if (settings & 0x80)
        begin_small();
    accepted = left = received = skipped = asleep_ns = 0;
    now_ns = 1;
    last_tid = 100;
    for (unsigned i = 0; i < WRITERS; i++)
        leave(i, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    begin(data[0]);
    for (size_t i = 1; i + 2 <= size; i += 2)
        play(data + i);
    for (unsigned i = 0; i < WRITERS; i++) {
        come_home(&actors[HANDLERS + i]);
        come_home(&actors[i]);
    }
    come_home(&actors[READER]);
    drain();
    check_accounts();
    grow();
    use_again();
    check_accounts();
    return 0;
}
