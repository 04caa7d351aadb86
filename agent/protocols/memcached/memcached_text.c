// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/memcached/memcached_text.h"

#define SEPARATOR       "; "
#define SUBCOMMAND_MOST 16

static void append(struct memcached_text *text, struct slice separator, struct slice word)
{
    text->full |= separator.length + word.length > sizeof text->text - text->length;
    if (text->full || !word.length)
        return;
    if (separator.length)
        memcpy(text->text + text->length, separator.at, separator.length);
    memcpy(text->text + text->length + separator.length, word.at, word.length);
    text->length = (uint16_t)(text->length + separator.length + word.length);
}

static void write_word(struct memcached_text *text, struct slice word)
{
    append(text, SLICE_LITERAL(" "), word);
}

static void write_hidden(struct memcached_text *text)
{
    write_word(text, SLICE_LITERAL("?"));
}

static void write_key(struct memcached_text *text, const struct redact *redact,
                      const struct memcached_words *words)
{
    size_t length = stored_key_show(redact, memcached_word(words), memcached_word_is_cut(words),
                                    text->key, &text->hidden);
    text->key_at = text->length;
    write_word(text, (struct slice){text->key, length});
    text->key_end = text->length;
}

/* The key is base64, which the rule for keys can't read: it is hidden after all. */
static void hide_key(struct memcached_text *text)
{
    static const char hidden[] = " ?";
    size_t length = sizeof hidden - 1;
    text->hidden = true;
    if (text->key_end <= text->key_at)
        return; /* it did not fit */
    memmove(text->text + text->key_at + length, text->text + text->key_end,
            (size_t)text->length - text->key_end);
    memcpy(text->text + text->key_at, hidden, length);
    text->length = (uint16_t)(text->length - (size_t)(text->key_end - text->key_at) + length);
    text->key_end = (uint16_t)(text->key_at + length);
}

static bool is_letter(char c)
{
    c = slice_lower(c);
    return c >= 'a' && c <= 'z';
}

static void write_flag(struct memcached_text *text, const struct memcached_words *words)
{
    char flag[2] = {words->kept[0], '?'};
    if (!is_letter(flag[0])) {
        write_hidden(text);
        return;
    }
    if (flag[0] == 'b')
        hide_key(text);
    write_word(text, (struct slice){flag, words->length > 1 ? 2u : 1u});
}

static void write_subcommand(struct memcached_text *text, const struct memcached_words *words)
{
    struct slice word = memcached_word(words);
    bool shown = words->length <= SUBCOMMAND_MOST;
    for (size_t i = 0; shown && i < word.length; i++)
        shown = is_letter(word.at[i]) || word.at[i] == '_';
    write_word(text, shown ? word : SLICE_LITERAL("?"));
}

static void begin_command(struct memcached_text *text, const struct memcached_command *command)
{
    text->next = command->arguments;
    text->key_at = 0;
    text->key_end = 0;
    text->before = text->begin;
    text->begin = text->length;
    append(text, text->length ? SLICE_LITERAL(SEPARATOR) : SLICE_NONE, slice_of(command->name));
}

void memcached_text_word(struct memcached_text *text, const struct redact *redact,
                         const struct memcached_requests *request)
{
    const struct memcached_words *words = &request->words;
    if (words->count == 1) {
        begin_command(text, request->command);
        return;
    }
    char letter = text->next[0];
    bool is_rest = letter == 'K' || letter == 'F';
    if (letter && !is_rest)
        text->next++;
    if (letter == 'k' || letter == 'K')
        write_key(text, redact, words);
    else if (letter == 'F')
        write_flag(text, words);
    else if (letter == 's')
        write_subcommand(text, words);
    else if (letter == 'v')
        write_hidden(text);
}

void memcached_text_begin(struct memcached_text *text)
{
    text->full = false;
    text->hidden = false;
    text->length = 0;
    text->before = 0;
    text->begin = 0;
}

void memcached_text_end_command(struct memcached_text *text)
{
    static const size_t separator = sizeof SEPARATOR - 1;
    if (text->full || text->begin == 0)
        return;
    size_t before = text->before ? text->before + separator : 0;
    struct slice last = {text->text + before, text->begin - before};
    struct slice this = slice_after(memcached_text_written(text), text->begin + separator);
    if (!slice_equal(last, this))
        return;
    text->length = text->begin;
    text->begin = text->before;
}
