// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/redis/resp.h"

#define STREAMED   UINT32_MAX /* an aggregate whose end is told by `.` */
#define COUNT_MOST (INT32_MAX / 2)

enum state { VALUE, LINE, LENGTH, BULK, CHUNK, CHUNK_LENGTH, CHUNK_BULK, DOT, LOST };

static enum resp_event lose(struct resp_replies *replies)
{
    replies->state = LOST;
    return RESP_LOST;
}

static bool within_attribute(const struct resp_replies *replies)
{
    return replies->attributes != 0;
}

static bool is_error(const struct resp_replies *replies)
{
    return (replies->type == '-' || replies->type == '!') && !within_attribute(replies);
}

/* Bytes of the value that tell something. */
static uint8_t wanted(const struct resp_replies *replies)
{
    if (is_error(replies))
        return replies->has_error ? 0 : RESP_ERROR_BYTES;
    bool tells = replies->depth == 1 && (replies->index == 0 || replies->index == 2);
    return tells && !within_attribute(replies) ? RESP_ERROR_BYTES : 0;
}

/* ---- what is kept of a value ---- */

/* The first word, if it looks like a prefix. */
static void keep_error(struct resp_replies *replies)
{
    struct slice text = resp_item_kept(&replies->item);
    replies->failed |= replies->depth == 0;
    if (replies->has_error)
        return;
    replies->has_error = true;
    size_t length = slice_find(text, ' ');
    bool cut = length == text.length && replies->item.length > text.length;
    for (size_t i = 0; i < length; i++) {
        char c = text.at[i];
        if ((c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_')
            return;
    }
    if (cut || !length)
        return;
    memcpy(replies->error, text.at, length);
    replies->error_length = (uint8_t)length;
}

static int64_t integer_of(struct slice text)
{
    int64_t value = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || i == RESP_DIGITS_MOST)
            return -1;
        value = value * 10 + (text.at[i] - '0');
    }
    return text.length ? value : -1;
}

static void keep_value(struct resp_replies *replies)
{
    struct slice text = resp_item_kept(&replies->item);
    if (is_error(replies))
        keep_error(replies);
    if (replies->depth != 1 || within_attribute(replies))
        return;
    bool is_string = replies->type == '$' || replies->type == '+';
    if (replies->index == 0 && is_string && replies->item.length <= RESP_FIRST_BYTES &&
        text.length == replies->item.length) {
        memcpy(replies->first, text.at, text.length);
        replies->first_length = (uint8_t)text.length;
    }
    if (replies->index == 2 && replies->type == ':')
        replies->third = integer_of(text);
}

/* ---- where a value ends ---- */

/* Closes the innermost aggregate. Was it a value? */
static bool close_level(struct resp_replies *replies)
{
    uint32_t bit = UINT32_C(1) << --replies->depth;
    bool is_value = !(replies->attributes & bit);
    replies->attributes &= ~bit;
    return is_value;
}

/* A value is over, and so may be the aggregates it is the last of. */
static enum resp_event end_value(struct resp_replies *replies)
{
    replies->state = VALUE;
    while (replies->depth) {
        uint32_t *remaining = &replies->remaining[replies->depth - 1];
        if (replies->depth == 1)
            replies->index++;
        if (*remaining == STREAMED || --*remaining)
            return RESP_MORE;
        if (!close_level(replies))
            return RESP_MORE;
    }
    return replies->is_push ? RESP_PUSH : RESP_REPLY;
}

static enum resp_event end_null(struct resp_replies *replies)
{
    replies->is_null |= replies->depth == 0;
    return end_value(replies);
}

static enum resp_event end_scalar(struct resp_replies *replies)
{
    if (replies->type == '_')
        return end_null(replies);
    keep_value(replies);
    return end_value(replies);
}

static enum resp_event open_level(struct resp_replies *replies, uint32_t count)
{
    if (replies->depth == RESP_DEPTH_MOST)
        return lose(replies);
    if (replies->type == '|')
        replies->attributes |= UINT32_C(1) << replies->depth;
    if (replies->depth == 0)
        replies->index = 0;
    replies->remaining[replies->depth++] = count;
    replies->state = VALUE;
    if (count)
        return RESP_MORE;
    return close_level(replies) ? end_value(replies) : RESP_MORE;
}

/* ---- lengths ---- */

static bool is_aggregate(char type)
{
    return type == '*' || type == '%' || type == '~' || type == '>' || type == '|';
}

static enum resp_event take_count(struct resp_replies *replies)
{
    const struct resp_item *item = &replies->item;
    if (item->number > COUNT_MOST)
        return lose(replies);
    uint32_t count = (uint32_t)item->number;
    if (replies->type == '%' || replies->type == '|')
        count *= 2;
    return open_level(replies, item->streamed ? STREAMED : count);
}

static enum resp_event take_length(struct resp_replies *replies)
{
    struct resp_item *item = &replies->item;
    bool is_old_null = replies->type == '$' || replies->type == '*';
    if (item->negative)
        return is_old_null && item->number == 1 ? end_null(replies) : lose(replies);
    if (is_aggregate(replies->type))
        return take_count(replies);
    if (item->streamed && replies->type != '$')
        return lose(replies);
    item->length = item->number;
    item->step = RESP_FIRST;
    replies->state = item->streamed ? CHUNK : BULK;
    return RESP_MORE;
}

/* A chunk of a streamed string; the last one is empty. */
static enum resp_event take_chunk(struct resp_replies *replies)
{
    struct resp_item *item = &replies->item;
    if (item->negative || item->streamed)
        return lose(replies);
    if (item->number == 0)
        return end_value(replies);
    item->step = RESP_FIRST;
    replies->state = CHUNK_BULK;
    return RESP_MORE;
}

/* ---- the grammar ---- */

static void begin_item(struct resp_replies *replies, uint8_t keep, enum state state)
{
    resp_item_begin(&replies->item, keep);
    replies->state = (uint8_t)state;
}

static void begin_reply(struct resp_replies *replies)
{
    replies->is_push = false;
    replies->is_null = false;
    replies->failed = false;
    replies->has_error = false;
    replies->error_length = 0;
    replies->first_length = 0;
    replies->third = -1;
}

/* `.`: the end of a streamed aggregate. */
static enum resp_event read_dot(struct resp_replies *replies, struct slice *bytes)
{
    enum parse parse = resp_item_line(&replies->item, bytes);
    if (parse == PARSE_MORE)
        return RESP_MORE;
    if (replies->item.length)
        return lose(replies);
    replies->state = VALUE;
    return close_level(replies) ? end_value(replies) : RESP_MORE;
}

static enum resp_event read_type(struct resp_replies *replies, struct slice *bytes)
{
    char type = bytes->at[0];
    *bytes = slice_after(*bytes, 1);
    if (replies->depth == 0)
        begin_reply(replies);
    if (type == '.' && replies->depth && replies->remaining[replies->depth - 1] == STREAMED) {
        begin_item(replies, 0, DOT);
        return RESP_MORE;
    }
    replies->type = type;
    if (type == '>' && replies->depth)
        return lose(replies);
    replies->is_push |= type == '>';
    if (is_aggregate(type) || type == '$' || type == '!' || type == '=')
        begin_item(replies, wanted(replies), LENGTH);
    else if (type && strchr("+-:_#,(", type))
        begin_item(replies, wanted(replies), LINE);
    else
        return lose(replies);
    return RESP_MORE;
}

static enum resp_event read_number(struct resp_replies *replies, struct slice *bytes,
                                   enum resp_event (*taken)(struct resp_replies *))
{
    enum parse parse = resp_item_number(&replies->item, bytes);
    if (parse == PARSE_BAD)
        return lose(replies);
    return parse == PARSE_OK ? taken(replies) : RESP_MORE;
}

static enum resp_event read_bulk(struct resp_replies *replies, struct slice *bytes)
{
    enum parse parse = resp_item_bulk(&replies->item, bytes);
    if (parse == PARSE_BAD)
        return lose(replies);
    if (parse == PARSE_MORE)
        return RESP_MORE;
    if (replies->state == BULK)
        return end_scalar(replies);
    replies->state = CHUNK;
    return RESP_MORE;
}

static enum resp_event step_reply(struct resp_replies *replies, struct slice *bytes)
{
    switch ((enum state)replies->state) {
    case VALUE:
        return read_type(replies, bytes);
    case LINE:
        return resp_item_line(&replies->item, bytes) == PARSE_OK ? end_scalar(replies) : RESP_MORE;
    case LENGTH:
        return read_number(replies, bytes, take_length);
    case CHUNK:
        if (bytes->at[0] != ';')
            return lose(replies);
        *bytes = slice_after(*bytes, 1);
        begin_item(replies, 0, CHUNK_LENGTH);
        return RESP_MORE;
    case CHUNK_LENGTH:
        return read_number(replies, bytes, take_chunk);
    case BULK:
    case CHUNK_BULK:
        return read_bulk(replies, bytes);
    case DOT:
        return read_dot(replies, bytes);
    case LOST:
        break;
    }
    return RESP_LOST;
}

enum resp_event resp_read_replies(struct resp_replies *replies, struct slice *bytes)
{
    if (replies->state == LOST)
        return RESP_LOST;
    enum resp_event event = RESP_MORE;
    while (bytes->length && event == RESP_MORE)
        event = step_reply(replies, bytes);
    return event;
}

struct resp_reply resp_reply(const struct resp_replies *replies)
{
    return (struct resp_reply){
        .is_push = replies->is_push,
        .is_null = replies->is_null,
        .failed = replies->failed,
        .has_error = replies->has_error,
        .error = {replies->error, replies->error_length},
        .first = {replies->first, replies->first_length},
        .third = replies->third,
    };
}

bool resp_skip_replies(struct resp_replies *replies, uint64_t bytes)
{
    bool in_bulk = replies->state == BULK || replies->state == CHUNK_BULK;
    if (!bytes || (in_bulk && resp_item_skip(&replies->item, bytes)))
        return true;
    replies->state = LOST;
    return false;
}
