// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/redis/redis_dialogue.h"

bool redis_dialogue_send(struct redis_dialogue *dialogue, const struct redis_listener *listener,
                         struct slice bytes, uint64_t now_ns)
{
    struct redis_batch *batch = &dialogue->batch;
    for (;;) {
        enum resp_event event = resp_read_commands(&dialogue->commands, &bytes);
        bool goes_on = event != RESP_LOST;
        if (event == RESP_MORE)
            return true;
        if (event == RESP_BEGIN) {
            dialogue->began_ns = now_ns;
        } else if (event == RESP_ARGUMENT) {
            struct resp_argument argument = resp_argument(&dialogue->commands);
            goes_on = redis_batch_argument(batch, listener, &argument, dialogue->began_ns);
        } else if (event == RESP_COMMAND) {
            goes_on = redis_batch_end_command(batch, listener, now_ns);
        }
        if (!goes_on)
            return false;
    }
}

void redis_dialogue_sent(struct redis_dialogue *dialogue, const struct redis_listener *listener,
                         uint64_t now_ns)
{
    if (!resp_amid_command(&dialogue->commands))
        redis_batch_end_write(&dialogue->batch, listener, now_ns);
}

bool redis_dialogue_receive(struct redis_dialogue *dialogue, const struct redis_listener *listener,
                            struct slice bytes, uint64_t now_ns)
{
    for (;;) {
        enum resp_event event = resp_read_replies(&dialogue->replies, &bytes);
        if (event == RESP_MORE)
            return true;
        if (event == RESP_LOST)
            return false;
        struct resp_reply reply = resp_reply(&dialogue->replies);
        if (!redis_batch_reply(&dialogue->batch, listener, &reply, now_ns))
            return false;
    }
}

void redis_dialogue_end(struct redis_dialogue *dialogue, const struct redis_listener *listener,
                        uint64_t now_ns)
{
    bool amid = resp_amid_command(&dialogue->commands) || resp_is_lost(&dialogue->commands);
    redis_batch_end(&dialogue->batch, listener, now_ns, amid);
}

enum parse redis_dialogue_recognise(struct slice first)
{
    struct resp_commands commands = {.state = 0};
    if (!first.length || first.at[0] != '*')
        return first.length ? PARSE_BAD : PARSE_MORE;
    (void)resp_read_commands(&commands, &first);
    enum resp_event event = resp_read_commands(&commands, &first);
    if (event == RESP_MORE)
        return PARSE_MORE;
    struct resp_argument name = resp_argument(&commands);
    /* A module's, a later server's or Sentinel's will do: nothing else begins like this. */
    bool is_command = event == RESP_ARGUMENT && redis_text_find(&name).shown.length;
    return is_command ? PARSE_OK : PARSE_BAD;
}
