// SPDX-License-Identifier: Apache-2.0
#include "config/pairs.h"

#include "agent/base/percent.h"

struct pairs pairs_of(const char *text)
{
    return (struct pairs){slice_of(text), 0};
}

static bool control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

static bool well_formed(struct slice text)
{
    while (text.length)
        if ((text.at[0] == '%' && percent_pair(text, 1) < 0) || control(percent_take(&text)))
            return false;
    return true;
}

/* Decodes well-formed text and terminates it; false when it does not fit. */
static bool decode(struct slice text, char *out, size_t out_bytes, size_t *length)
{
    *length = 0;
    while (text.length) {
        if (*length + 1 >= out_bytes)
            return false;
        out[(*length)++] = percent_take(&text);
    }
    if (*length >= out_bytes)
        return false;
    out[*length] = '\0';
    return true;
}

enum pairs_result pairs_next(struct pairs *pairs, char *buffer, size_t buffer_bytes,
                             struct pairs_pair *pair)
{
    struct slice text;
    do {
        if (!slice_next_part(&pairs->rest, ',', &text))
            return PAIRS_END;
    } while (text.length == 0);

    pairs->index++;
    size_t equals = slice_find(text, '=');
    if (equals == text.length)
        return PAIRS_MALFORMED;
    struct slice key = slice_trim_space((struct slice){text.at, equals});
    struct slice value = slice_trim_space(slice_after(text, equals + 1));
    if (key.length == 0 || !well_formed(key) || !well_formed(value))
        return PAIRS_MALFORMED;
    if (!buffer)
        return PAIRS_PAIR;

    struct pairs_pair found;
    if (!decode(key, buffer, buffer_bytes, &found.key_length))
        return PAIRS_TOO_LONG;
    char *behind = buffer + found.key_length + 1;
    if (!decode(value, behind, buffer_bytes - found.key_length - 1, &found.value_length))
        return PAIRS_TOO_LONG;
    found.key = buffer;
    found.value = behind;
    *pair = found;
    return PAIRS_PAIR;
}

const char *pairs_find(const char *text, const char *key, char *buffer, size_t buffer_bytes)
{
    size_t found_bytes = 0; /* the value found so far lies at the buffer's start, terminated */
    struct pairs pairs = pairs_of(text);
    struct pairs_pair pair;
    enum pairs_result result;

    if (!buffer)
        return NULL;
    while (true) {
        result = pairs_next(&pairs, buffer + found_bytes, buffer_bytes - found_bytes, &pair);
        if (result == PAIRS_END)
            return found_bytes ? buffer : NULL;
        if (result != PAIRS_PAIR || strcmp(pair.key, key) != 0)
            continue;
        found_bytes = pair.value_length + 1;
        memmove(buffer, pair.value, found_bytes);
    }
}
