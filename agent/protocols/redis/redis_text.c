// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/redis/redis_text.h"

/* ---- the text ---- */

static void append(struct redis_text *text, struct slice bytes)
{
    memcpy(text->text + text->length, bytes.at, bytes.length);
    text->length = (uint16_t)(text->length + bytes.length);
}

/* A word, and what parts it from the one before. */
static void write_word(struct redis_text *text, struct slice separator, struct slice word)
{
    text->full |= separator.length + word.length > sizeof text->text - text->length;
    if (text->full)
        return;
    if (separator.length)
        append(text, separator);
    if (word.length)
        append(text, word);
}

static void write_argument(struct redis_text *text, struct slice word)
{
    write_word(text, SLICE_LITERAL(" "), word);
}

static void write_hidden(struct redis_text *text)
{
    write_argument(text, SLICE_LITERAL("?"));
}

static bool needs_escape(char c)
{
    return c == '"' || c == '\\';
}

/* What a shell would take apart stands in quotes, as redis-cli reads it. Returns the bytes that
 * adds; 0: it stands as it is. */
static size_t count_quotes(struct slice word)
{
    size_t escapes = 0;
    bool needed = word.length == 0;
    for (size_t i = 0; i < word.length; i++) {
        char c = word.at[i];
        needed |= c == ' ' || c == '\'' || needs_escape(c);
        escapes += needs_escape(c);
    }
    return needed ? 2 + escapes : 0;
}

static void write_quoted(struct redis_text *text, struct slice word)
{
    size_t quotes = count_quotes(word);
    if (!quotes) {
        write_argument(text, word);
        return;
    }
    text->full |= 1 + quotes + word.length > sizeof text->text - text->length;
    if (text->full)
        return;
    append(text, SLICE_LITERAL(" \""));
    for (size_t i = 0; i < word.length; i++) {
        if (needs_escape(word.at[i]))
            append(text, SLICE_LITERAL("\\"));
        append(text, (struct slice){word.at + i, 1});
    }
    append(text, SLICE_LITERAL("\""));
}

static void write_key(struct redis_text *text, const struct redact *redact,
                      const struct resp_argument *argument)
{
    size_t length =
        stored_key_show(redact, argument->bytes, argument->cut, text->key, &text->hidden);
    write_quoted(text, (struct slice){text->key, length});
}

/* ---- the next letter of a command's arguments ---- */

static bool is_last(const char *letter)
{
    return letter[0] && !letter[1];
}

/* Where the arguments of a group don't come out even, a value may stand in a name's place. */
static void enter_group(struct redis_text *text, uint32_t left)
{
    const char *end = strchr(text->next, ')');
    size_t behind = end ? strlen(end + 1) : 0;
    if (end && left > behind && (left - behind) % (size_t)(end - text->next) != 0)
        text->next = "";
    else
        text->group = text->next;
}

/* Enters and leaves groups; 0: no letter is left. `left`: arguments to come, this one included. */
static char letter_of(struct redis_text *text, uint32_t left)
{
    if (text->next[0] == '(') {
        text->next++;
        enter_group(text, left);
    }
    if (text->next[0] == ')') {
        uint32_t behind = (uint32_t)strlen(text->next + 1);
        if (left > behind)
            text->next = text->group;
        else
            text->next++;
    } else if (text->group == text->next) {
        /* A group need not occur at all: the letters behind it come first. */
        const char *end = strchr(text->group, ')');
        if (end && left <= strlen(end + 1))
            text->next = end + 1;
    }
    if (text->next[0] == 'K' && !text->keys)
        text->next++;
    return text->next[0];
}

static void take_letter(struct redis_text *text)
{
    if (text->next[0] && !(text->next[0] == 'o' && is_last(text->next)))
        text->next++;
}

/* ---- arguments by letter ---- */

static bool is_option(const struct resp_argument *argument)
{
    return !argument->cut && redis_command_is_option(argument->bytes);
}

static bool is_word(const struct resp_argument *argument, struct slice word)
{
    return !argument->cut && slice_equal_nocase(argument->bytes, word);
}

static void write_option(struct redis_text *text, const struct resp_argument *argument)
{
    if (is_option(argument))
        write_argument(text, argument->bytes);
    else
        write_hidden(text);
}

static void take_option(struct redis_text *text, const struct redact *redact,
                        const struct resp_argument *argument)
{
    bool is_key = text->is_key_next;
    text->is_key_next = !is_key && (is_word(argument, SLICE_LITERAL("STORE")) ||
                                    is_word(argument, SLICE_LITERAL("STOREDIST")));
    if (is_key)
        write_key(text, redact, argument);
    else
        write_option(text, argument);
    take_letter(text);
}

static void take_first_options(struct redis_text *text, const struct resp_argument *argument)
{
    text->is_over |= !is_option(argument);
    if (text->is_over)
        write_hidden(text);
    else
        write_argument(text, argument->bytes);
}

static uint32_t number_of(const struct resp_argument *argument)
{
    uint32_t number = 0;
    for (size_t i = 0; i < argument->bytes.length; i++) {
        char c = argument->bytes.at[i];
        if (c < '0' || c > '9' || i == 9)
            return 0;
        number = number * 10 + (uint32_t)(c - '0');
    }
    return number;
}

/* More keys than arguments that are left, where values follow: some of these may be values. */
static void take_number(struct redis_text *text, const struct resp_argument *argument)
{
    bool before_values = strcmp(text->next, "nK") == 0;
    text->keys = number_of(argument);
    if (before_values && text->keys >= argument->count - argument->index)
        text->keys = 0;
    if (text->keys || is_word(argument, SLICE_LITERAL("0")))
        write_argument(text, argument->bytes);
    else
        write_hidden(text);
    take_letter(text);
}

static void take_keys(struct redis_text *text, const struct redact *redact,
                      const struct resp_argument *argument)
{
    write_key(text, redact, argument);
    text->keys--;
}

/* XREAD: COUNT ? STREAMS a b ? ? */
static void take_streams(struct redis_text *text, const struct redact *redact,
                         const struct resp_argument *argument)
{
    if (text->keys) {
        take_keys(text, redact, argument);
    } else if (text->is_over) {
        write_hidden(text);
    } else {
        write_option(text, argument);
        if (is_word(argument, SLICE_LITERAL("STREAMS"))) {
            text->is_over = true;
            text->keys = (argument->count - argument->index - 1) / 2;
        }
    }
}

/* XADD: NOMKSTREAM MAXLEN ~ ? LIMIT ? * */
static void take_id(struct redis_text *text, const struct resp_argument *argument)
{
    bool is_sign = is_word(argument, SLICE_LITERAL("~")) || is_word(argument, SLICE_LITERAL("="));
    bool is_value = text->in_value_next && !is_sign;
    bool takes_value = is_word(argument, SLICE_LITERAL("MAXLEN")) ||
                       is_word(argument, SLICE_LITERAL("MINID")) ||
                       is_word(argument, SLICE_LITERAL("LIMIT"));
    bool is_option = is_sign || takes_value || is_word(argument, SLICE_LITERAL("NOMKSTREAM"));
    if (is_option && !is_value)
        write_argument(text, argument->bytes);
    else
        write_hidden(text);
    if (is_value)
        text->in_value_next = false;
    else if (takes_value)
        text->in_value_next = true;
    else if (!is_option)
        take_letter(text);
}

static bool is_program_word(struct slice word)
{
    for (size_t i = 0; i < word.length; i++) {
        char low = slice_lower(word.at[i]);
        if ((low < 'a' || low > 'z') && low != '-')
            return false;
    }
    return word.length && word.length < REDIS_NAME_BYTES / 2;
}

static void take_subcommand(struct redis_text *text, const struct resp_argument *argument)
{
    if (argument->cut || !is_program_word(argument->bytes)) {
        write_hidden(text);
        text->next = "";
        return;
    }
    write_argument(text, argument->bytes);
    const struct redis_command *command = redis_command_find_sub(text->command, argument->bytes);
    text->next = command ? command->arguments : "";
    if (command)
        text->command = command;
}

void redis_text_argument(struct redis_text *text, const struct redact *redact,
                         const struct resp_argument *argument)
{
    char letter = text->next[0];
    if (argument->count)
        letter = letter_of(text, argument->count - argument->index);
    else if (letter != '-' && letter != 's')
        letter = 0; /* these two do not depend on how many there are */
    switch (letter) {
    case '-':
        return;
    case 'k':
    case 'f':
        write_key(text, redact, argument);
        take_letter(text);
        return;
    case 'o':
        take_option(text, redact, argument);
        return;
    case 'p':
        take_first_options(text, argument);
        return;
    case 'n':
        take_number(text, argument);
        return;
    case 'K':
        take_keys(text, redact, argument);
        return;
    case 's':
        take_subcommand(text, argument);
        return;
    case 'x':
        take_id(text, argument);
        return;
    case 'S':
        take_streams(text, redact, argument);
        return;
    default:
        write_hidden(text);
        take_letter(text);
    }
}

/* ---- commands ---- */

void redis_text_begin(struct redis_text *text)
{
    text->full = false;
    text->hidden = false;
    text->length = 0;
    text->before = 0;
    text->begin = 0;
    text->command = NULL; /* a bracket has none, and may be cut off from its group */
    text->next = "";
}

/* Of a command that is not known. */
static struct slice shown_word(const struct resp_argument *name)
{
    struct slice word = name->bytes;
    if (name->cut || word.length > REDIS_NAME_BYTES)
        return SLICE_LITERAL("");
    for (size_t i = 0; i < word.length; i++) {
        char low = slice_lower(word.at[i]);
        bool is_letter = low >= 'a' && low <= 'z';
        if (!is_letter && (i == 0 || !low || !strchr("._-", low)))
            return SLICE_LITERAL("");
    }
    return stored_key_is_secret(word) ? SLICE_LITERAL("") : word;
}

struct redis_name redis_text_find(const struct resp_argument *name)
{
    const struct redis_command *command = name->cut ? NULL : redis_command_find(name->bytes);
    return (struct redis_name){command, command ? name->bytes : shown_word(name)};
}

void redis_text_name(struct redis_text *text, const struct redis_name *name)
{
    struct slice shown = name->shown;
    text->command = name->command;
    text->next = text->command ? text->command->arguments : "";
    text->group = NULL;
    text->keys = 0;
    text->is_key_next = false;
    text->in_value_next = false;
    text->is_over = false;
    text->before = text->begin;
    text->begin = text->length;
    text->hidden |= !shown.length;
    write_word(text, text->length ? SLICE_LITERAL("; ") : SLICE_NONE,
               shown.length ? shown : SLICE_LITERAL("?"));
}

void redis_text_end_command(struct redis_text *text)
{
    static const size_t separator = 2;
    if (text->full || text->begin == 0)
        return;
    size_t before = text->before ? text->before + separator : 0;
    struct slice last = {text->text + before, text->begin - before};
    struct slice this = slice_after(redis_text_written(text), text->begin + separator);
    if (!slice_equal(last, this))
        return;
    text->length = text->begin;
    text->begin = text->before;
}
