// SPDX-License-Identifier: Apache-2.0
#include "agent/base/token.h"

const bool token_byte[256] =
    {
        ['!'] = true,         ['#' ... '\''] = true, ['*'] = true,         ['+'] = true,
        ['-'] = true,         ['.'] = true,          ['0' ... '9'] = true, ['A' ... 'Z'] = true,
        ['^' ... 'z'] = true, /* ^ _ ` and the small letters */
        ['|'] = true,         ['~'] = true,
};

bool token_is(struct slice text)
{
    size_t i = 0;
    while (i < text.length && token_byte[(unsigned char)text.at[i]])
        i++;
    return i > 0 && i == text.length;
}
