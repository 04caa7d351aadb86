// SPDX-License-Identifier: Apache-2.0
/* shape.h - what is unusual about a head, seen without either parser. */
#ifndef TESTS_SHAPE_H
#define TESTS_SHAPE_H

#include <stdbool.h>

#include "agent/base/slice.h"

enum shape {
    SHAPE_BARE_CR = 1,
    SHAPE_NO_FIELD = 2,   /* a line without a colon, or a name that is no token */
    SHAPE_CONTROL = 4,    /* a control character in a value, or in the reason */
    SHAPE_ODD_LENGTH = 8, /* a Content-Length that is not just digits, or several of them */
    SHAPE_LENGTH = 16,
    SHAPE_CODING = 32,
    SHAPE_FOLD = 64,        /* within either of them */
    SHAPE_ODD_CODING = 128, /* anything but a list of names that ends in one chunked */
    SHAPE_CONNECTION = 512,
    SHAPE_ODD_CONNECTION = 1024,  /* not one of two plain words */
    SHAPE_LIKE_CODING = 2048,     /* a name that begins with Transfer-Encoding and goes on */
    SHAPE_UNEQUAL_LENGTHS = 4096, /* not all elements of Content-Length are one number */
    SHAPE_CHUNKED_LAST = 8192     /* the last element of the last Transfer-Encoding */
};

/* The bits that hold for a head, or for what there is of one. Lines end at LF here, with or without
 * a CR before it; any other CR is a bare one. */
unsigned shape_of(struct slice head);

/* A name or method (RFC 9110, 5.6.2). */
bool shape_is_token(struct slice text);

#endif
