// SPDX-License-Identifier: Apache-2.0
#include "differences.h"

#include "shape.h"

static unsigned compare_heads(const struct message *ours, const struct message *theirs)
{
    unsigned aspects = 0;
    if (!slice_equal(ours->method, theirs->method) || !slice_equal(ours->target, theirs->target) ||
        ours->status != theirs->status || ours->major != theirs->major ||
        ours->minor != theirs->minor)
        aspects |= ASPECT_START_LINE;
    if (ours->head_end != theirs->head_end)
        aspects |= ASPECT_HEAD_END;
    if (ours->upgrade != theirs->upgrade)
        aspects |= ASPECT_UPGRADE;
    if (ours->keeps_alive != theirs->keeps_alive)
        aspects |= ASPECT_KEEP_ALIVE;
    if (ours->state != theirs->state)
        aspects |= ASPECT_STATE;
    return aspects;
}

static unsigned compare_bodies(const struct message *ours, const struct message *theirs)
{
    unsigned aspects = 0;
    if (ours->framing != theirs->framing)
        aspects |= ASPECT_FRAMING;
    if (ours->body_bytes != theirs->body_bytes || ours->body_hash != theirs->body_hash)
        aspects |= ASPECT_BODY;
    if (ours->end != theirs->end)
        aspects |= ASPECT_END;
    return aspects;
}

/* What was made of a body before it was refused is nobody's business. */
static unsigned compare(const struct message *ours, const struct message *theirs)
{
    unsigned aspects = compare_heads(ours, theirs);
    if (ours->state != MESSAGE_REFUSED && theirs->state != MESSAGE_REFUSED)
        aspects |= compare_bodies(ours, theirs);
    return aspects;
}

bool difference_same(const struct message *one, const struct message *other)
{
    return (compare_heads(one, other) | compare_bodies(one, other)) == 0;
}

unsigned difference_find(const struct stream *stream, const struct reading *ours,
                         const struct reading *theirs, size_t index, struct difference *difference)
{
    const struct message *our_message = index < ours->count ? &ours->messages[index] : NULL;
    const struct message *their_message = index < theirs->count ? &theirs->messages[index] : NULL;
    const struct message *seen = our_message != NULL ? our_message : their_message;
    size_t start = 0;
    if (index > 0)
        start =
            index <= ours->count ? ours->messages[index - 1].end : theirs->messages[index - 1].end;
    struct slice rest = {stream->bytes + start, stream->length - start};
    *difference = (struct difference){
        .stream = stream,
        .our_reading = ours,
        .their_reading = theirs,
        .ours = our_message,
        .theirs = their_message,
        .start = start,
        .rest = rest,
        .head = {rest.at, seen != NULL ? seen->head_end - start : rest.length},
    };
    difference->shape = shape_of(difference->head);
    if (our_message != NULL && their_message != NULL)
        difference->aspects = compare(our_message, their_message);
    else if (seen != NULL || ours->end != theirs->end)
        difference->aspects = ASPECT_HEAD;
    return difference->aspects;
}
