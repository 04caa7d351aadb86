// SPDX-License-Identifier: Apache-2.0
/* route_segment.h - is a path segment a word of the program, or a value of this request?
 *
 * Numbers, dates, UUIDs, hashes, tokens, mail addresses and free text are values. In doubt between
 * the two a value is the better answer for privacy, a word for usefulness: short and readable
 * words stay, until many of them at one place prove to be values (route_tree.h). */
#ifndef AGENT_ROUTE_SEGMENT_H
#define AGENT_ROUTE_SEGMENT_H

#include "agent/base/slice.h"

/* `segment` is not empty and holds no slash. */
bool route_segment_is_value(struct slice segment);

/* v1, v2.1, V10 */
bool route_segment_is_version(struct slice text);

/* The file extension with its dot (`.png`): at most 5 letters and digits with a letter among them.
 * Empty where there is none, nothing before it, or the segment is free text. */
struct slice route_segment_extension(struct slice segment);

/* How soon many of a kind at one place prove to be values. */
enum route_kind {
    ROUTE_FIXED, /* `{id}`, or nothing behind a last slash: there is one of it */
    ROUTE_WORD,
    ROUTE_DOUBTFUL, /* word or value: `ABC-123`, `dQw4w9WgXcQ`, `red-running-shoes`, `{id}.html` */
    ROUTE_FILE,     /* a static file's name: style, script, picture, font, sound */
};

/* Of a segment whose values by shape are `{id}` already; only a path's last one is a file. */
__attribute__((noinline)) enum route_kind route_segment_kind(struct slice segment, bool last);

/* A static file's extension with its dot; else empty. */
struct slice route_segment_file_extension(struct slice segment);

#endif
