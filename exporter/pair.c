// SPDX-License-Identifier: Apache-2.0
#include "exporter/pair.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = slice_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A '%' that is not followed by two hexadecimal digits stands for itself. */
static struct slice decode(struct slice text, char *buffer, size_t capacity)
{
    size_t length = 0;
    for (size_t i = 0; i < text.length && length < capacity; i++) {
        char c = text.at[i];
        if (c == '%' && i + 2 < text.length && hex_digit(text.at[i + 1]) >= 0 &&
            hex_digit(text.at[i + 2]) >= 0) {
            c = (char)(hex_digit(text.at[i + 1]) * 16 + hex_digit(text.at[i + 2]));
            i += 2;
        }
        buffer[length++] = c;
    }
    return (struct slice){buffer, length};
}

bool pair_next(struct slice *rest, struct pair *pair, char *buffer, size_t capacity)
{
    while (rest->length) {
        size_t comma = slice_find(*rest, ',');
        struct slice item = {rest->at, comma};
        *rest = slice_after(*rest, comma < rest->length ? comma + 1 : comma);

        size_t equals = slice_find(item, '=');
        struct slice key = slice_trim((struct slice){item.at, equals});
        if (equals == item.length || !key.length)
            continue;
        pair->key = key;
        pair->value = decode(slice_trim(slice_after(item, equals + 1)), buffer, capacity);
        return true;
    }
    return false;
}
