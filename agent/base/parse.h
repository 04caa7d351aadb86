// SPDX-License-Identifier: Apache-2.0
/* parse.h - what an incremental parser answers.
 *
 * Parsers look at bytes that belong to another program. They never fail louder than PARSE_BAD,
 * and once they said it of some bytes they say it of every longer run that starts with them. */
#ifndef AGENT_PARSE_H
#define AGENT_PARSE_H

enum parse {
    PARSE_OK,   /* understood */
    PARSE_MORE, /* right so far, and more bytes are needed to tell */
    PARSE_BAD   /* not this grammar, whatever follows */
};

#endif
