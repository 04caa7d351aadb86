// SPDX-License-Identifier: Apache-2.0
#include "exporter/container.h"

#define ID_LENGTH 64

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_word(char c)
{
    char lower = slice_lower(c);
    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
}

/* The last run of exactly 64 hexadecimal digits: nested containers name the inner one last. */
static struct slice last_id(struct slice text)
{
    struct slice found = SLICE_NONE;
    size_t start = 0;
    for (size_t i = 0; i <= text.length; i++) {
        if (i < text.length && is_hex(text.at[i]))
            continue;
        bool bounded = (start == 0 || !is_word(text.at[start - 1])) &&
                       (i == text.length || !is_word(text.at[i]));
        if (i - start == ID_LENGTH && bounded)
            found = (struct slice){text.at + start, ID_LENGTH};
        start = i + 1;
    }
    return found;
}

static struct slice next_line(struct slice *text)
{
    struct slice line = {text->at, slice_find(*text, '\n')};
    *text = slice_after(*text, line.length < text->length ? line.length + 1 : line.length);
    return line;
}

struct slice container_id_from_cgroup(struct slice text)
{
    struct slice found = SLICE_NONE;
    while (text.length && !found.at)
        found = last_id(next_line(&text));
    return found;
}

bool container_cgroup_is_hidden(struct slice text)
{
    while (text.length)
        if (!slice_ends(next_line(&text), SLICE_LITERAL(":/")))
            return false;
    return true;
}

struct slice container_id_from_mountinfo(struct slice text)
{
    struct slice marker = SLICE_LITERAL("containers/");
    for (; text.length >= marker.length + ID_LENGTH; text = slice_after(text, 1)) {
        if (!slice_starts(text, marker))
            continue;
        struct slice id = {text.at + marker.length, ID_LENGTH};
        if (last_id(id).at)
            return id;
    }
    return SLICE_NONE;
}

struct slice container_os_name(struct slice text)
{
    struct slice name = SLICE_LITERAL("PRETTY_NAME=");
    while (text.length) {
        struct slice line = slice_trim(next_line(&text));
        if (!slice_starts(line, name))
            continue;
        struct slice value = slice_after(line, name.length);
        bool quoted = value.length >= 2 && (value.at[0] == '"' || value.at[0] == '\'') &&
                      value.at[value.length - 1] == value.at[0];
        return quoted ? (struct slice){value.at + 1, value.length - 2} : value;
    }
    return SLICE_NONE;
}
