// SPDX-License-Identifier: Apache-2.0
/* A stream of memcached's text protocol cut in two anywhere, or into single bytes, reads as it does
 * whole; and so does a dialogue, whose spans keep the listener's rules and say nothing that can't
 * be printed. What begins as a command is one however much of it has come.
 *
 * Input: one byte: 0 requests, 1 answers, 2 first bytes, else a dialogue (modulo 4). Then for a
 * stream two bytes of cut and its bytes; for a dialogue steps, each a byte (the high bit: the
 * server's; the others: how many bytes follow). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/protocols/memcached/memcached_stream.h"

#define STREAM_MAX 65536
#define STEP_MOST  0x7f

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guarded memory;
static struct memcached_told whole;
static struct memcached_told cut;
static struct memcached_spans spans;

static void fail(const char *what)
{
    (void)fprintf(stderr, "%s\n-- whole\n%s\n-- cut\n%s\n", what, whole.at, cut.at);
    abort();
}

static void check_stream(struct slice bytes, bool answers, size_t at)
{
    memcached_stream_tell(bytes, answers, (struct memcached_pieces){bytes.length, 0}, &memory,
                          &whole);
    memcached_stream_tell(bytes, answers, (struct memcached_pieces){at, 0}, &memory, &cut);
    if (strcmp(whole.at, cut.at) != 0)
        fail("cut in two");
    memcached_stream_tell(bytes, answers, (struct memcached_pieces){1, 1}, &memory, &cut);
    if (strcmp(whole.at, cut.at) != 0)
        fail("cut into bytes");
}

/* ---- first bytes ---- */

static void check_first(struct slice bytes)
{
    enum parse before = PARSE_MORE;
    for (size_t length = 0; length <= bytes.length && length < 300; length++) {
        struct slice first = guarded_copy(&memory, (struct slice){bytes.at, length});
        enum parse parse = memcached_recognise(first);
        enum parse binary = memcached_recognise_binary(first);
        (void)memcached_answer_begins(first);
        if (before != PARSE_MORE && parse != before)
            fail("it is another thing with more bytes");
        if (parse == PARSE_OK && binary != PARSE_BAD)
            fail("it is both");
        before = parse;
    }
}

/* ---- dialogues ---- */

static bool take_piece(struct memcached_dialogue *dialogue,
                       const struct memcached_listener *listener, bool is_sent, struct slice bytes,
                       uint64_t now_ns)
{
    struct slice piece = guarded_copy(&memory, bytes);
    return is_sent ? memcached_dialogue_send(dialogue, listener, piece, now_ns)
                   : memcached_dialogue_receive(dialogue, listener, piece, now_ns);
}

static bool take_step(struct memcached_dialogue *dialogue,
                      const struct memcached_listener *listener, bool is_sent, struct slice bytes,
                      bool bytewise, uint64_t now_ns)
{
    size_t size = bytewise ? 1 : bytes.length;
    while (bytes.length) {
        if (!take_piece(dialogue, listener, is_sent, (struct slice){bytes.at, size}, now_ns))
            return false;
        bytes = slice_after(bytes, size);
    }
    if (is_sent)
        memcached_dialogue_sent(dialogue, listener, now_ns);
    return true;
}

static void run_dialogue(struct slice steps, bool bytewise, struct memcached_told *told)
{
    static struct memcached_dialogue dialogue;
    uint64_t now_ns = 0;
    bool goes_on = true;
    memset(&dialogue, 0, sizeof dialogue);
    spans.begun = 0;
    spans.ended = 0;
    spans.broken = NULL;
    struct memcached_listener listener = memcached_spans_listener(&spans);
    while (goes_on && steps.length) {
        unsigned char head = (unsigned char)steps.at[0];
        size_t length = head & STEP_MOST;
        steps = slice_after(steps, 1);
        if (length > steps.length)
            length = steps.length;
        goes_on = take_step(&dialogue, &listener, head <= STEP_MOST,
                            (struct slice){steps.at, length}, bytewise, ++now_ns);
        steps = slice_after(steps, length);
    }
    memcached_dialogue_end(&dialogue, &listener, ++now_ns);
    memcached_spans_tell(&spans, told);
    if (spans.broken)
        fail(spans.broken);
}

static void check_dialogue(struct slice steps)
{
    whole.at[0] = cut.at[0] = 0;
    run_dialogue(steps, false, &whole);
    for (size_t i = 0; i < whole.length; i++)
        if ((unsigned char)whole.at[i] < ' ' || (unsigned char)whole.at[i] > '~')
            fail("a span says what can't be printed");
    run_dialogue(steps, true, &cut);
    if (strcmp(whole.at, cut.at) != 0)
        fail("spans differ");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (memory.end == NULL)
        memory = guarded_make(STREAM_MAX);
    if (size < 4 || size > STREAM_MAX)
        return 0;
    unsigned what = data[0] % 4;
    struct slice rest = {(const char *)data + 1, size - 1};
    if (what == 2)
        check_first(rest);
    else if (what == 3)
        check_dialogue(rest);
    else
        check_stream(slice_after(rest, 2), what == 1,
                     ((size_t)data[1] << 8 | data[2]) % (size - 3) + 1);
    return 0;
}
