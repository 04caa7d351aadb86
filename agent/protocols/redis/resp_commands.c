// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/redis/resp.h"

#define COUNT_MOST        INT32_MAX /* what a server takes, at most */
#define INLINE_BYTES_MOST 65536

enum state { BETWEEN, COUNT, DOLLAR, LENGTH, BULK, INLINE, OVER, LOST };

static enum resp_event lose(struct resp_commands *commands)
{
    commands->state = LOST;
    return RESP_LOST;
}

static void begin_item(struct resp_commands *commands, enum state state)
{
    resp_item_begin(&commands->item, RESP_KEPT_BYTES);
    commands->state = (uint8_t)state;
}

static bool is_letter(char c)
{
    c = slice_lower(c);
    return c >= 'a' && c <= 'z';
}

/* What a step says: the event, or RESP_MORE to go on. */
static enum resp_event begin_command(struct resp_commands *commands, struct slice *bytes)
{
    char c = bytes->at[0];
    commands->index = 0;
    commands->count = 0;
    commands->inline_bytes = 0;
    commands->quote = 0;
    commands->in_word = false;
    if (c == '*') {
        *bytes = slice_after(*bytes, 1);
        begin_item(commands, COUNT);
        return RESP_BEGIN;
    }
    if (c == '\r' || c == '\n') { /* an empty inline command, which nobody answers */
        *bytes = slice_after(*bytes, 1);
        return RESP_MORE;
    }
    if (!is_letter(c) && c != ' ')
        return lose(commands);
    begin_item(commands, INLINE);
    return RESP_BEGIN;
}

static enum resp_event read_count(struct resp_commands *commands, struct slice *bytes)
{
    enum parse parse = resp_item_number(&commands->item, bytes);
    if (parse == PARSE_MORE)
        return RESP_MORE;
    if (parse == PARSE_BAD || commands->item.streamed || commands->item.number > COUNT_MOST)
        return lose(commands);
    /* None, or less: nobody answers that. */
    bool some = commands->item.number && !commands->item.negative;
    commands->count = some ? (uint32_t)commands->item.number : 0;
    commands->state = some ? DOLLAR : BETWEEN;
    return RESP_MORE;
}

static enum resp_event read_length(struct resp_commands *commands, struct slice *bytes)
{
    enum parse parse = resp_item_number(&commands->item, bytes);
    if (parse == PARSE_MORE)
        return RESP_MORE;
    if (parse == PARSE_BAD || commands->item.streamed || commands->item.negative)
        return lose(commands);
    commands->item.length = commands->item.number;
    commands->item.step = RESP_FIRST;
    commands->state = BULK;
    return RESP_MORE;
}

static enum resp_event read_bulk(struct resp_commands *commands, struct slice *bytes)
{
    enum parse parse = resp_item_bulk(&commands->item, bytes);
    if (parse == PARSE_MORE)
        return RESP_MORE;
    if (parse == PARSE_BAD)
        return lose(commands);
    commands->index++;
    commands->state = commands->index == commands->count ? OVER : DOLLAR;
    return RESP_ARGUMENT;
}

/* ---- inline: words of a line, quoted as in a shell ---- */

static enum resp_event end_word(struct resp_commands *commands)
{
    commands->in_word = false;
    commands->index++;
    return RESP_ARGUMENT;
}

/* Between quotes; a backslash is told by '\\' in item.step, which inline does not use. */
static void step_quoted(struct resp_commands *commands, char c)
{
    if (commands->item.step == RESP_MIDDLE)
        commands->item.step = RESP_FIRST;
    else if (c == '\\')
        commands->item.step = RESP_MIDDLE;
    else if (c == commands->quote)
        commands->quote = 0;
}

static void step_word(struct resp_commands *commands, char c)
{
    struct resp_item *item = &commands->item;
    if (!commands->in_word) {
        begin_item(commands, INLINE);
        commands->in_word = true;
    }
    item->length++;
    if (item->kept_length < item->keep)
        item->kept[item->kept_length++] = c;
    if (commands->quote)
        step_quoted(commands, c);
    else if (c == '"' || c == '\'')
        commands->quote = c;
}

static enum resp_event end_line(struct resp_commands *commands)
{
    if (commands->quote)
        return lose(commands); /* the server complains and closes */
    commands->state = commands->index || commands->in_word ? OVER : BETWEEN;
    return commands->in_word ? end_word(commands) : RESP_MORE;
}

static enum resp_event read_inline(struct resp_commands *commands, struct slice *bytes)
{
    while (bytes->length) {
        char c = bytes->at[0];
        *bytes = slice_after(*bytes, 1);
        if (++commands->inline_bytes > INLINE_BYTES_MOST)
            return lose(commands);
        if (c == '\n')
            return end_line(commands);
        bool is_space = c == ' ' || c == '\t' || c == '\r';
        if (!is_space && (unsigned char)c < ' ')
            return lose(commands);
        if (!is_space || commands->quote)
            step_word(commands, c);
        else if (commands->in_word)
            return end_word(commands);
    }
    return RESP_MORE;
}

static enum resp_event step_command(struct resp_commands *commands, struct slice *bytes)
{
    switch ((enum state)commands->state) {
    case BETWEEN:
        return begin_command(commands, bytes);
    case COUNT:
        return read_count(commands, bytes);
    case DOLLAR:
        if (bytes->at[0] != '$')
            return lose(commands);
        *bytes = slice_after(*bytes, 1);
        begin_item(commands, LENGTH);
        return RESP_MORE;
    case LENGTH:
        return read_length(commands, bytes);
    case BULK:
        return read_bulk(commands, bytes);
    case INLINE:
        return read_inline(commands, bytes);
    case OVER:
    case LOST:
        break;
    }
    return lose(commands);
}

enum resp_event resp_read_commands(struct resp_commands *commands, struct slice *bytes)
{
    if (commands->state == OVER) {
        commands->state = BETWEEN;
        return RESP_COMMAND;
    }
    if (commands->state == LOST)
        return RESP_LOST;
    enum resp_event event = RESP_MORE;
    while (bytes->length && event == RESP_MORE && commands->state != OVER)
        event = step_command(commands, bytes);
    if (event == RESP_MORE && commands->state == OVER) {
        commands->state = BETWEEN;
        return RESP_COMMAND;
    }
    return event;
}

struct resp_argument resp_argument(const struct resp_commands *commands)
{
    return (struct resp_argument){
        .bytes = resp_item_kept(&commands->item),
        .cut = commands->item.length > commands->item.kept_length,
        .index = commands->index - 1,
        .count = commands->count,
    };
}

bool resp_skip_commands(struct resp_commands *commands, uint64_t bytes)
{
    if (!bytes || (commands->state == BULK && resp_item_skip(&commands->item, bytes)))
        return true;
    commands->state = LOST;
    return false;
}

bool resp_is_lost(const struct resp_commands *commands)
{
    return commands->state == LOST;
}

bool resp_amid_command(const struct resp_commands *commands)
{
    return commands->state != BETWEEN && commands->state != LOST;
}
