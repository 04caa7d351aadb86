// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/memcached/memcached_dialogue.h"

#define LONG_BYTES          128 /* of a line whose end need not be seen: it has keys enough */
#define BINARY_MAGIC        0x80
#define BINARY_HEADER_BYTES 24
#define BINARY_OPCODE_MOST  0x48
#define BINARY_EXTRAS_MOST  20
#define BINARY_KEY_MOST     250

bool memcached_dialogue_send(struct memcached_dialogue *dialogue,
                             const struct memcached_listener *listener, struct slice bytes,
                             uint64_t now_ns)
{
    struct memcached_requests *requests = &dialogue->requests;
    for (;;) {
        switch (memcached_read_requests(requests, &bytes)) {
        case MEMCACHED_MORE:
            return true;
        case MEMCACHED_LOST:
            return false;
        case MEMCACHED_BEGIN:
            dialogue->began_ns = now_ns;
            break;
        case MEMCACHED_WORD:
            memcached_batch_word(&dialogue->batch, listener, requests, dialogue->began_ns);
            break;
        case MEMCACHED_LINE:
            if (!memcached_batch_line(&dialogue->batch, listener, requests, now_ns))
                return false;
            break;
        case MEMCACHED_OVER:
        case MEMCACHED_ANSWER:
            break;
        }
    }
}

void memcached_dialogue_sent(struct memcached_dialogue *dialogue,
                             const struct memcached_listener *listener, uint64_t now_ns)
{
    if (!memcached_amid_request(&dialogue->requests))
        memcached_batch_end_write(&dialogue->batch, listener, now_ns);
}

bool memcached_dialogue_receive(struct memcached_dialogue *dialogue,
                                const struct memcached_listener *listener, struct slice bytes,
                                uint64_t now_ns)
{
    for (;;) {
        enum memcached_event event = memcached_read_answers(&dialogue->answers, &bytes);
        if (event == MEMCACHED_MORE)
            return true;
        if (event == MEMCACHED_LOST)
            return false;
        struct memcached_answer answer = memcached_answer(&dialogue->answers);
        if (!memcached_batch_answer(&dialogue->batch, listener, &answer, now_ns))
            return false;
    }
}

void memcached_dialogue_end(struct memcached_dialogue *dialogue,
                            const struct memcached_listener *listener, uint64_t now_ns)
{
    const struct memcached_requests *requests = &dialogue->requests;
    bool is_cut = memcached_amid_request(requests) &&
                  (memcached_amid_line(requests) || !memcached_is_answered(requests));
    memcached_batch_end(&dialogue->batch, listener, now_ns, is_cut);
}

/* ---- the first bytes ---- */

static bool is_number(struct slice word)
{
    for (size_t i = 0; i < word.length; i++)
        if ((word.at[i] < '0' || word.at[i] > '9') && !(i == 0 && word.at[i] == '-'))
            return false;
    return word.length != 0;
}

/* How many words the command has at least behind its name. */
static size_t least_words(const struct memcached_command *command)
{
    if (command->kind == MEMCACHED_STORE)
        return 4;
    bool has_rest = strchr(command->arguments, 'F') != NULL;
    return strlen(command->arguments) - has_rest;
}

/* Must the word be a number? Counted from 0, behind the name. */
static bool wants_number(const struct memcached_command *command, size_t index)
{
    if (command->kind == MEMCACHED_STORE)
        return index > 0;
    return index < strlen(command->arguments) && command->arguments[index] == 'v';
}

/* Other protocols have the same (beanstalkd, gearman), so it proves nothing. */
static bool is_common(const struct memcached_command *command, struct slice words)
{
    switch ((enum memcached_kind)command->kind) {
    case MEMCACHED_STATS:
    case MEMCACHED_QUIT:
    case MEMCACHED_WATCH:
        return true;
    case MEMCACHED_PLAIN:
        return command->arguments[0] != 'k' || is_number(words); /* `delete 5` */
    default:
        return false;
    }
}

static enum parse check_words(const struct memcached_command *command, struct slice words,
                              bool is_line)
{
    size_t least = least_words(command);
    for (size_t count = 0; count < least; count++) {
        size_t length = slice_find(words, ' ');
        struct slice word = {words.at, length};
        if (length == words.length && !is_line)
            return PARSE_MORE;
        if (!length || (wants_number(command, count) && !is_number(word)))
            return PARSE_BAD;
        words = slice_after(words, length < words.length ? length + 1 : length);
    }
    return PARSE_OK;
}

/* What has come so far of it, or all and a part of the line's end. */
static bool may_be_name(struct slice name)
{
    name.length -= slice_ends(name, SLICE_LITERAL("\r"));
    return memcached_command_may_begin(name);
}

enum parse memcached_recognise(struct slice first)
{
    size_t end = slice_find(first, '\n');
    bool is_line = end < first.length;
    struct slice line = {first.at, end};
    bool has_cr = slice_ends(line, SLICE_LITERAL("\r"));
    if (is_line && !has_cr && end < LONG_BYTES)
        return PARSE_BAD; /* a person, or a protocol of one's own */
    line.length -= is_line && has_cr;
    size_t length = slice_find(line, ' ');
    struct slice name = {line.at, length};
    if (length == line.length && !is_line)
        return may_be_name(name) ? PARSE_MORE : PARSE_BAD;
    const struct memcached_command *command = memcached_command_find(name);
    struct slice words = slice_after(line, length < line.length ? length + 1 : length);
    if (!command || (is_line && is_common(command, words)))
        return PARSE_BAD;
    enum parse parse = check_words(command, words, is_line);
    bool is_get = command->kind == MEMCACHED_RETRIEVE && first.length >= LONG_BYTES;
    return parse == PARSE_OK && !is_line && !is_get ? PARSE_MORE : parse;
}

/* A request's header: magic, opcode, lengths of key and extras, data type 0, length of all. */
enum parse memcached_recognise_binary(struct slice first)
{
    const unsigned char *at = (const unsigned char *)first.at;
    if (!first.length || at[0] != BINARY_MAGIC)
        return first.length ? PARSE_BAD : PARSE_MORE;
    if (first.length < BINARY_HEADER_BYTES)
        return PARSE_MORE;
    size_t key = (size_t)at[2] << 8 | at[3];
    size_t body = (size_t)at[8] << 24 | (size_t)at[9] << 16 | (size_t)at[10] << 8 | at[11];
    bool holds = at[1] <= BINARY_OPCODE_MOST && at[5] == 0 && at[4] <= BINARY_EXTRAS_MOST &&
                 key <= BINARY_KEY_MOST && body >= key + at[4];
    return holds ? PARSE_OK : PARSE_BAD;
}
