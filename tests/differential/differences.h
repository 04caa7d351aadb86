// SPDX-License-Identifier: Apache-2.0
/* differences.h - where two readings part, and why they may. */
#ifndef TESTS_DIFFERENCES_H
#define TESTS_DIFFERENCES_H

#include "reading.h"

/* What two readings of one message may disagree about. */
enum aspect {
    ASPECT_HEAD = 1,       /* is there a message at all? */
    ASPECT_START_LINE = 2, /* method, target, status, version */
    ASPECT_HEAD_END = 4,
    ASPECT_STATE = 8, /* whole, cut or refused */
    ASPECT_FRAMING = 16,
    ASPECT_BODY = 32, /* its payload */
    ASPECT_END = 64,  /* where the next message begins */
    ASPECT_KEEP_ALIVE = 128,
    ASPECT_UPGRADE = 256,
};

/* One message as both saw it; NULL: not there, and `end` of that reading says why. */
struct difference {
    const struct stream *stream;
    const struct reading *our_reading;
    const struct reading *their_reading;
    const struct message *ours;
    const struct message *theirs;
    size_t start;      /* of the message in the stream */
    struct slice rest; /* the stream from there */
    struct slice head; /* as the one that saw it did; else the rest */
    unsigned shape;    /* enum shape, of the head */
    unsigned aspects;
};

/* Every decision about the message, what was made of a refused body included. */
bool difference_same(const struct message *one, const struct message *other);

/* The aspects of message `index` in which the readings differ; 0: none. */
unsigned difference_find(const struct stream *stream, const struct reading *ours,
                         const struct reading *theirs, size_t index, struct difference *difference);

/* Notes the classes that explain it. False: some aspect is left unexplained. */
bool difference_explain(const struct difference *difference);

/* Do the two go on at different bytes of a request stream, so that one takes a body for a request?
 */
bool difference_desynchronises(const struct difference *difference);

/* Every class with its count. Returns how many never occurred. */
size_t differences_print(void);

#endif
