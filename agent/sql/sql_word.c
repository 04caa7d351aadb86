// SPDX-License-Identifier: Apache-2.0
#include "agent/sql/sql_word.h"

/* Short names for the columns of the table. */
enum {
    NONE = SQL_IS_NONE,
    VERB = SQL_IS_VERB,
    READ = SQL_IS_READ,
    OBJECT = SQL_IS_OBJECT,
    SIGN = SQL_IS_SIGN,
    ENDS = SQL_IS_ENDS,
    SKIP = SQL_IS_SKIP,
    SCOPE = SQL_IS_SCOPE
};

#define LETTER(letter)
#define SQL_WORD(word, flags, expected)                                                            \
    [SQL_##word] = {#word, sizeof(#word) - 1, flags, SQL_EXPECT_##expected},
const struct sql_word_row sql_word_rows[SQL_WORD_END] = {
#include "agent/sql/sql_words.def"
};
#undef LETTER
#undef SQL_WORD

/* The first word of each letter; the words of a letter end where the next letter's begin. */
#define LETTER(letter) SQL_LETTER_##letter,
#define SQL_WORD(word, flags, expected)
static const unsigned char first_of_letter[27] = {
#include "agent/sql/sql_words.def"
    SQL_WORD_END};
#undef LETTER
#undef SQL_WORD

_Static_assert(SQL_WORD_END <= 255, "first_of_letter holds bytes");

static bool same_letters(const char *upper, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != upper[i] && bytes[i] != slice_lower(upper[i]))
            return false;
    return true;
}

enum sql_word sql_word_find(struct slice bytes)
{
    if (bytes.length < 2 || bytes.length > 13)
        return SQL_NO_WORD;
    unsigned letter = (unsigned)(bytes.at[0] & ~0x20) - 'A';
    if (letter > 25)
        return SQL_NO_WORD;
    for (unsigned i = first_of_letter[letter]; i < first_of_letter[letter + 1]; i++)
        if (sql_word_rows[i].length == bytes.length &&
            same_letters(sql_word_rows[i].text, bytes.at, bytes.length))
            return (enum sql_word)i;
    return SQL_NO_WORD;
}
