// SPDX-License-Identifier: Apache-2.0
#include "agent/libraries/mysql/mysql_error.h"

#include <stdint.h>

static const struct {
    unsigned number;
    struct slice name;
} client_errors[] = {
#define CLIENT_ERROR(number, name) {number, {#name, sizeof #name - 1}},
#include "agent/libraries/mysql/mysql_errors.def"
#undef CLIENT_ERROR
};

struct slice mysql_error_type(unsigned number, const char *sqlstate)
{
    for (size_t i = 0; i < sizeof client_errors / sizeof *client_errors; i++)
        if (client_errors[i].number == number)
            return client_errors[i].name;
    if (number == 0) /* it failed and does not say why: 00000 means success */
        return SLICE_LITERAL("_OTHER");
    struct slice state = slice_of(sqlstate);
    return state.length == 5 ? state : SLICE_NONE;
}

/* Their messages name the server, never a value: "Can't connect to server on 'db' (111)". */
static bool speaks_of_the_server(unsigned number)
{
    return (number >= 2001 && number <= 2007) || number == 2009 || number == 2012 ||
           number == 2013 || number == 2055;
}

static bool is_letter(char c)
{
    return slice_lower(c) >= 'a' && slice_lower(c) <= 'z';
}

/* A quote, and no apostrophe: "Table 'a' doesn't exist" has two of one and one of the other. */
static bool is_quote(struct slice text, size_t at)
{
    if (text.at[at] == '"')
        return true;
    if (text.at[at] != '\'')
        return false;
    return at == 0 || at + 1 == text.length || !is_letter(text.at[at - 1]) ||
           !is_letter(text.at[at + 1]);
}

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.at[i] < 0x20 || (unsigned char)text.at[i] >= 0x7f)
            return false;
    return true;
}

static size_t write(char *out, size_t at, struct slice text)
{
    if (text.length)
        memcpy(out + at, text.at, text.length);
    return at + text.length;
}

struct slice mysql_error_message(unsigned number, struct slice message,
                                 char out[MYSQL_MESSAGE_BYTES])
{
    if (!message.length || message.length >= MYSQL_MESSAGE_BYTES)
        return SLICE_NONE;
    size_t first = 0;
    size_t end = message.length; /* behind the last quote */
    if (speaks_of_the_server(number))
        first = message.length;
    while (first < message.length && !is_quote(message, first))
        first++;
    while (end > first && !is_quote(message, end - 1))
        end--;
    /* One quote only, or a message that was cut: where the value ends is not known. */
    if (end <= first + 1 || message.length >= MYSQL_MESSAGE_BYTES - 16)
        end = message.length;

    struct slice before = {message.at, first};
    struct slice after = slice_after(message, end);
    /* Other languages quote with other characters. */
    if (!is_plain(before) || !is_plain(after))
        return SLICE_NONE;
    size_t length = write(out, 0, before);
    if (first < message.length)
        length = write(out, length, SLICE_LITERAL("?"));
    length = write(out, length, after);
    return (struct slice){out, length};
}

bool mysql_error_retryable(unsigned number)
{
    return number == 1205 || number == 1213 || number == 2006 || number == 2013;
}
