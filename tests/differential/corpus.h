// SPDX-License-Identifier: Apache-2.0
/* corpus.h - streams of HTTP/1 messages, valid, nearly valid and broken, made from a seed.
 *
 * A stream is one to six requests, or the responses to as many. How odd it is differs from stream
 * to stream: most are what programs send, with a body that fits its framing, so that the messages
 * behind it are reached; in others one choice in ten or in three is a shape that parsers are known
 * to disagree about; a fifth is damaged afterwards, byte by byte. The same seed and number give
 * the same stream everywhere. */
#ifndef TESTS_CORPUS_H
#define TESTS_CORPUS_H

#include "reading.h"

void corpus_stream(uint64_t seed, uint64_t number, struct stream *stream);

#endif
