// SPDX-License-Identifier: Apache-2.0
/* A stream of RESP cut in two anywhere, or into single bytes, reads as it does whole; and so does a
 * dialogue, whose spans keep the listener's rules and say nothing that can't be printed.
 *
 * Input: one byte: 0 commands, 1 replies, else a dialogue (modulo 3). Then for a stream two bytes
 * of cut and its bytes; for a dialogue steps, each a byte (the high bit: the server's; the others:
 * how many bytes follow). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/protocols/redis/redis_stream.h"

#define STREAM_MAX 65536
#define STEP_MOST  0x7f

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guarded memory;
static struct redis_told whole;
static struct redis_told cut;
static struct redis_spans spans;

static void fail(const char *what)
{
    (void)fprintf(stderr, "%s\n-- whole\n%s\n-- cut\n%s\n", what, whole.at, cut.at);
    abort();
}

static void check_stream(struct slice bytes, bool replies, size_t at)
{
    redis_stream_tell(bytes, replies, (struct redis_pieces){bytes.length, 0}, &memory, &whole);
    redis_stream_tell(bytes, replies, (struct redis_pieces){at, 0}, &memory, &cut);
    if (strcmp(whole.at, cut.at) != 0)
        fail("cut in two");
    redis_stream_tell(bytes, replies, (struct redis_pieces){1, 1}, &memory, &cut);
    if (strcmp(whole.at, cut.at) != 0)
        fail("cut into bytes");
}

/* ---- dialogues ---- */

static bool take_piece(struct redis_dialogue *dialogue, const struct redis_listener *listener,
                       bool is_sent, struct slice bytes, uint64_t now_ns)
{
    struct slice piece = guarded_copy(&memory, bytes);
    return is_sent ? redis_dialogue_send(dialogue, listener, piece, now_ns)
                   : redis_dialogue_receive(dialogue, listener, piece, now_ns);
}

static bool take_step(struct redis_dialogue *dialogue, const struct redis_listener *listener,
                      bool is_sent, struct slice bytes, bool bytewise, uint64_t now_ns)
{
    size_t size = bytewise ? 1 : bytes.length;
    while (bytes.length) {
        if (!take_piece(dialogue, listener, is_sent, (struct slice){bytes.at, size}, now_ns))
            return false;
        bytes = slice_after(bytes, size);
    }
    if (is_sent)
        redis_dialogue_sent(dialogue, listener, now_ns);
    return true;
}

static void run_dialogue(struct slice steps, bool bytewise, struct redis_told *told)
{
    static struct redis_dialogue dialogue;
    uint64_t now_ns = 0;
    bool goes_on = true;
    memset(&dialogue, 0, sizeof dialogue);
    spans.begun = 0;
    spans.ended = 0;
    spans.broken = NULL;
    struct redis_listener listener = redis_spans_listener(&spans);
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
    redis_dialogue_end(&dialogue, &listener, ++now_ns);
    redis_spans_tell(&spans, told);
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
    unsigned what = data[0] % 3;
    struct slice rest = {(const char *)data + 1, size - 1};
    if (what == 2)
        check_dialogue(rest);
    else
        check_stream(slice_after(rest, 2), what == 1,
                     ((size_t)data[1] << 8 | data[2]) % (size - 3) + 1);
    return 0;
}
