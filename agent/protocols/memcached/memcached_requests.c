// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/memcached/memcached_wire.h"

#define NAME_BYTES_MOST 32

enum state { BETWEEN, LINE, BLOCK, OVER, LOST };

static enum memcached_event lose(struct memcached_requests *requests)
{
    requests->state = LOST;
    return MEMCACHED_LOST;
}

static enum memcached_event begin(struct memcached_requests *requests, char first)
{
    if (first < 'a' || first > 'z')
        return lose(requests);
    requests->state = LINE;
    requests->is_silent = false;
    requests->is_quiet = false;
    requests->has_key = false;
    requests->has_value = false;
    requests->left = 0;
    requests->tag = (struct memcached_tag){0};
    requests->command = NULL;
    return MEMCACHED_BEGIN;
}

/* Where the length of the data is told, counted from 1; 0: there are none. */
static uint32_t block_at(const struct memcached_command *command)
{
    if (command->kind == MEMCACHED_STORE)
        return 5;
    return command->kind == MEMCACHED_META_SET ? 3 : 0;
}

static void take_flag(struct memcached_requests *requests)
{
    const struct memcached_words *words = &requests->words;
    if (words->kept[0] == 'q')
        requests->is_quiet = true;
    else if (words->kept[0] == 'k')
        requests->has_key = true;
    else if (words->kept[0] == 'v')
        requests->has_value = true;
    else if (words->kept[0] == 'O')
        requests->tag = (struct memcached_tag){words->hash_behind, true, true};
}

/* Where a key is awaited, it is one. */
static bool is_noreply(const struct memcached_requests *requests)
{
    const struct memcached_command *command = requests->command;
    if (memcached_is_meta(command) || command->kind == MEMCACHED_RETRIEVE ||
        (requests->words.count == 2 && command->kind != MEMCACHED_FLUSH))
        return false;
    return slice_equal(memcached_word(&requests->words), SLICE_LITERAL("noreply"));
}

static enum memcached_event take_word(struct memcached_requests *requests)
{
    const struct memcached_words *words = &requests->words;
    if (words->count == 1) {
        requests->command = memcached_command_find(memcached_word(words));
        return requests->command ? MEMCACHED_WORD : lose(requests);
    }
    requests->is_silent = false;
    if (words->count == block_at(requests->command)) {
        requests->left = memcached_word_block(words);
        return requests->left ? MEMCACHED_WORD : lose(requests);
    }
    if (words->count == 2)
        requests->key_hash = words->hash;
    else if (memcached_is_meta(requests->command))
        take_flag(requests);
    requests->is_silent = is_noreply(requests);
    return MEMCACHED_WORD;
}

/* A line without the words that its data need: what follows may be data or commands. */
static enum memcached_event end_line(struct memcached_requests *requests)
{
    if (!requests->command || (block_at(requests->command) && !requests->left))
        return lose(requests);
    if (requests->has_key && !requests->tag.known)
        requests->tag = (struct memcached_tag){requests->key_hash, true, false};
    requests->state = requests->left ? BLOCK : OVER;
    return MEMCACHED_LINE;
}

static enum memcached_event read_line(struct memcached_requests *requests, struct slice *bytes)
{
    switch (memcached_words_read(&requests->words, bytes)) {
    case WORDS_WORD:
        return take_word(requests);
    case WORDS_LINE:
        return end_line(requests);
    case WORDS_MORE:
        break;
    }
    bool is_name = !requests->command && requests->words.length > NAME_BYTES_MOST;
    return is_name ? lose(requests) : MEMCACHED_MORE;
}

static enum memcached_event end_command(struct memcached_requests *requests)
{
    requests->state = BETWEEN;
    return MEMCACHED_OVER;
}

static enum memcached_event read_block(struct memcached_requests *requests, struct slice *bytes)
{
    enum parse parse = memcached_block_read(&requests->left, bytes);
    if (parse == PARSE_BAD)
        return lose(requests);
    return parse == PARSE_OK ? end_command(requests) : MEMCACHED_MORE;
}

enum memcached_event memcached_read_requests(struct memcached_requests *requests,
                                             struct slice *bytes)
{
    switch ((enum state)requests->state) {
    case BETWEEN:
        return bytes->length ? begin(requests, bytes->at[0]) : MEMCACHED_MORE;
    case LINE:
        return read_line(requests, bytes);
    case BLOCK:
        return read_block(requests, bytes);
    case OVER:
        return end_command(requests);
    case LOST:
        break;
    }
    return MEMCACHED_LOST;
}

bool memcached_skip_requests(struct memcached_requests *requests, uint64_t bytes)
{
    if (!bytes || (requests->state == BLOCK && memcached_block_skip(&requests->left, bytes)))
        return true;
    (void)lose(requests);
    return false;
}

bool memcached_amid_request(const struct memcached_requests *requests)
{
    return requests->state == LINE || requests->state == BLOCK;
}

bool memcached_amid_line(const struct memcached_requests *requests)
{
    return requests->state == LINE;
}
