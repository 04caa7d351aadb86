// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/memcached/memcached_wire.h"

#define FIRST_BYTES_MOST 1024 /* `key=` and a key of 250 bytes, each as %NN */

#define DUMPED "key=" /* begins a line of lru_crawler metadump, whose first word it is part of */

enum state { LINE, BLOCK, LOST };

static const struct row {
    char word[13]; /* no pointer, which the loader would have to set in every program */
    uint8_t kind;
    uint8_t block_at; /* counted from 1; 0: no data */
} rows[] = {
#define MEMCACHED_ANSWER(word, kind, block) {word, MEMCACHED_##kind, (block) ? (block) + 1 : 0},
#include "agent/protocols/memcached/memcached_answers.def"
#undef MEMCACHED_ANSWER
};

static enum memcached_event lose(struct memcached_answers *answers)
{
    answers->state = LOST;
    return MEMCACHED_LOST;
}

static bool is_number(struct slice word)
{
    for (size_t i = 0; i < word.length; i++)
        if (word.at[i] < '0' || word.at[i] > '9')
            return false;
    return word.length != 0;
}

static const struct row *find(struct slice word)
{
    static const struct row number = {"", MEMCACHED_CLASSIC, 0};
    static const struct row dumped = {DUMPED, MEMCACHED_PART, 0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (slice_equal(word, slice_of(rows[i].word)))
            return &rows[i];
    if (slice_starts(word, SLICE_LITERAL(DUMPED)))
        return &dumped;
    return is_number(word) ? &number : NULL;
}

bool memcached_answer_begins(struct slice bytes)
{
    size_t length = 0;
    while (length < bytes.length && !slice_is_space(bytes.at[length]))
        length++;
    if (length < bytes.length)
        return find((struct slice){bytes.at, length}) != NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (slice_starts(slice_of(rows[i].word), bytes))
            return true;
    return is_number(bytes) || slice_starts(SLICE_LITERAL(DUMPED), bytes) ||
           slice_starts(bytes, SLICE_LITERAL(DUMPED));
}

/* ---- lines ---- */

static void begin_line(struct memcached_answers *answers, const struct row *row)
{
    if (!answers->goes_on)
        answers->values = 0;
    answers->kind = row->kind;
    answers->block_at = row->block_at;
    answers->word = row->word;
    answers->left = 0;
    answers->tag = (struct memcached_tag){0};
}

/* An opaque token is told rather than the key, where both are. */
static void take_flag(struct memcached_answers *answers)
{
    const struct memcached_words *words = &answers->words;
    bool is_opaque = words->kept[0] == 'O';
    if (is_opaque || (words->kept[0] == 'k' && !answers->tag.known))
        answers->tag = (struct memcached_tag){words->hash_behind, true, is_opaque};
}

/* False: what was read is no answer. */
static bool take_word(struct memcached_answers *answers)
{
    const struct memcached_words *words = &answers->words;
    if (words->count == 1) {
        bool fits = words->length <= FIRST_BYTES_MOST;
        const struct row *row = fits ? find(memcached_word(words)) : NULL;
        if (row)
            begin_line(answers, row);
        return row != NULL;
    }
    if (words->count == answers->block_at) {
        answers->left = memcached_word_block(words);
        return answers->left != 0;
    }
    if (answers->kind >= MEMCACHED_VA)
        take_flag(answers);
    return true;
}

/* The line is over, and its data. */
static enum memcached_event end_part(struct memcached_answers *answers)
{
    answers->state = LINE;
    answers->values += answers->block_at != 0;
    answers->goes_on = answers->kind == MEMCACHED_PART;
    return answers->goes_on ? MEMCACHED_MORE : MEMCACHED_ANSWER;
}

static enum memcached_event end_line(struct memcached_answers *answers, bool is_empty)
{
    if (is_empty || (answers->block_at && !answers->left))
        return lose(answers);
    if (!answers->left)
        return end_part(answers);
    answers->state = BLOCK;
    return MEMCACHED_MORE;
}

/* What a step says: the event, or MEMCACHED_MORE to go on. */
static enum memcached_event step(struct memcached_answers *answers, struct slice *bytes)
{
    if (answers->state == BLOCK) {
        enum parse parse = memcached_block_read(&answers->left, bytes);
        if (parse == PARSE_MORE)
            return MEMCACHED_MORE;
        return parse == PARSE_OK ? end_part(answers) : lose(answers);
    }
    enum words_event event = memcached_words_read(&answers->words, bytes);
    if (event == WORDS_LINE)
        return end_line(answers, answers->words.count == 0);
    bool is_endless = !answers->words.count && answers->words.length > FIRST_BYTES_MOST;
    bool is_lost = event == WORDS_WORD ? !take_word(answers) : is_endless;
    return is_lost ? lose(answers) : MEMCACHED_MORE;
}

enum memcached_event memcached_read_answers(struct memcached_answers *answers, struct slice *bytes)
{
    if (answers->state == LOST)
        return MEMCACHED_LOST;
    enum memcached_event event = MEMCACHED_MORE;
    while (bytes->length && event == MEMCACHED_MORE)
        event = step(answers, bytes);
    return event;
}

struct memcached_answer memcached_answer(const struct memcached_answers *answers)
{
    return (struct memcached_answer){
        .kind = answers->kind,
        .values = answers->values,
        .tag = answers->tag,
        .error = answers->kind == MEMCACHED_ERROR ? slice_of(answers->word) : SLICE_NONE,
    };
}

bool memcached_skip_answers(struct memcached_answers *answers, uint64_t bytes)
{
    if (!bytes || (answers->state == BLOCK && memcached_block_skip(&answers->left, bytes)))
        return true;
    (void)lose(answers);
    return false;
}
