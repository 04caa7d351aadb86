// SPDX-License-Identifier: Apache-2.0
/* The agent's HTTP/1 parser against an independent one, http-parser, on generated streams.
 *
 * Both have to take the same decisions about each message, however the stream is cut into pieces;
 * where they do not, a class of differences.c has to say why. A difference that no class explains
 * fails, and so does a class that explains nothing any more.
 *
 *     differential_test [MESSAGES [SEED]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "corpus.h"
#include "differences.h"

#define MESSAGES 200000
#define SEED     20240501
#define SHOWN    20 /* failures that are printed in full */

struct tally {
    uint64_t streams;
    uint64_t generated;
    uint64_t agreed;
    uint64_t explained;
    uint64_t failures;
};

static struct stream stream;
static struct reading ours;
static struct reading theirs;

static void print_bytes(struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        unsigned char c = (unsigned char)bytes.at[i];
        if (c == '\r')
            printf("\\r");
        else if (c == '\n')
            printf("\\n\n");
        else if (c < ' ' || c > '~')
            printf("\\x%02x", c);
        else
            putchar(c);
    }
    putchar('\n');
}

static void print_message(const char *who, const struct message *message,
                          const struct reading *reading)
{
    static const char *const ends[] = {"all read", "cut head", "refused", "stopped", "tunnel"};
    static const char *const framings[] = {"none", "length", "chunked", "until close", "tunnel"};
    static const char *const states[] = {"whole", "cut", "refused"};
    if (message == NULL) {
        printf("%s: no message: %s %s\n", who, ends[reading->end], reading->error);
        return;
    }
    printf("%s: '%.*s' '%.*s' %u HTTP/%u.%u head to %zu, %s of %" PRIu64 " to %zu (%s)%s%s; then "
           "%s %s\n",
           who, (int)message->method.length, message->method.at, (int)message->target.length,
           message->target.at, message->status, message->major, message->minor, message->head_end,
           framings[message->framing], message->body_bytes, message->end, states[message->state],
           message->keeps_alive ? " keep" : "", message->upgrade ? " upgrade" : "",
           ends[reading->end], reading->error);
}

static void fail(struct tally *tally, uint64_t number, const char *what)
{
    if (tally->failures++ < SHOWN)
        printf("\n-- stream %" PRIu64 " (%s of %zu bytes): %s\n", number,
               stream.responses ? "responses" : "requests", stream.length, what);
}

static void fail_difference(struct tally *tally, uint64_t number, const char *what,
                            const struct difference *difference)
{
    fail(tally, number, what);
    if (tally->failures > SHOWN)
        return;
    printf("aspects %x at byte %zu\n", difference->aspects, difference->start);
    print_message("ours", difference->ours, &ours);
    print_message("theirs", difference->theirs, &theirs);
    print_bytes(difference->rest);
}

static bool same_readings(const struct reading *one, const struct reading *other)
{
    if (one->count != other->count || one->end != other->end)
        return false;
    for (size_t i = 0; i < one->count; i++)
        if (!difference_same(&one->messages[i], &other->messages[i]))
            return false;
    return true;
}

/* Each parser has to read a stream in pieces as it reads it whole. */
static void read_in_pieces(struct tally *tally, uint64_t number)
{
    static struct reading again;
    for (enum pieces pieces = PIECES_BYTES; pieces <= PIECES_RANDOM; pieces++) {
        reading_by_agent(&stream, pieces, &again);
        if (!same_readings(&ours, &again))
            fail(tally, number, "the agent reads it otherwise in pieces");
        reading_by_http_parser(&stream, pieces, &again);
        if (!same_readings(&theirs, &again))
            fail(tally, number, "http-parser reads it otherwise in pieces");
    }
}

static void compare(struct tally *tally, uint64_t number)
{
    for (size_t i = 0;; i++) {
        struct difference difference;
        bool over = i >= ours.count && i >= theirs.count;
        if (difference_find(&stream, &ours, &theirs, i, &difference) == 0) {
            if (over)
                return;
            tally->agreed++;
            continue;
        }
        if (difference_desynchronises(&difference))
            fail_difference(tally, number, "bodies may be taken for requests", &difference);
        else if (difference_explain(&difference))
            tally->explained++;
        else
            fail_difference(tally, number, "a difference without a reason", &difference);
        /* Behind a message whose end they see in two places there is nothing to compare. */
        if (difference.aspects & (ASPECT_HEAD | ASPECT_STATE | ASPECT_END))
            return;
    }
}

int main(int argc, char **argv)
{
    uint64_t messages = argc > 1 ? strtoull(argv[1], NULL, 10) : MESSAGES;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : SEED;
    struct tally tally = {0};
    for (; tally.generated < messages; tally.streams++) {
        corpus_stream(seed, tally.streams, &stream);
        tally.generated += stream.messages;
        reading_by_agent(&stream, PIECES_WHOLE, &ours);
        reading_by_http_parser(&stream, PIECES_WHOLE, &theirs);
        read_in_pieces(&tally, tally.streams);
        compare(&tally, tally.streams);
    }
    size_t unused = differences_print();
    printf("%" PRIu64 " messages generated in %" PRIu64 " streams; %" PRIu64 " read alike, %" PRIu64
           " differences explained, %" PRIu64 " failures, %zu classes without an example\n",
           tally.generated, tally.streams, tally.agreed, tally.explained, tally.failures, unused);
    return tally.failures == 0 && (unused == 0 || messages < MESSAGES) ? 0 : 1;
}
