// SPDX-License-Identifier: Apache-2.0
/* Bytes move: by any call, in any number of parts, some unseen, some not at all. */
#include "tests/unit/observe_steps.h"

#include <string.h>

#include "agent/observe.h"

#define FIRST_FD STEPS_FIRST_FD

static char bytes[MODEL_CELLS];
static struct sending sendings[MODEL_TALKS];
static size_t sending_count[MODEL_TALKS];

/* How many cells a step moves: few, half, or all there are. */
static size_t how_many(const struct step *step, const struct stream *stream)
{
    size_t left = stream->written - stream->moved;
    size_t wanted = step->choice[3] & 1 ? left : step->choice[2];
    if (step->choice[3] & 2)
        wanted = left / 2;
    return wanted < left ? wanted : left;
}

static bool anything_will_do(const struct stream *stream, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(stream->cells[stream->moved + i].marks & CELL_ANYTHING) ||
            stream->cells[stream->moved + i].request != stream->cells[stream->moved].request)
            return false;
    return true;
}

static void copy_cells(const struct stream *stream, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = stream->cells[stream->moved + i].byte;
}

/* Three parts, an empty one among them. */
static void split(struct iovec parts[4], const struct step *step, size_t count)
{
    size_t first = count * (step->choice[4] & 15u) / 16;
    parts[0] = (struct iovec){bytes, first};
    parts[1] = (struct iovec){NULL, 0};
    parts[2] = (struct iovec){bytes + first, (count - first) / 2};
    parts[3] = (struct iovec){bytes + first + parts[2].iov_len, count - first - parts[2].iov_len};
}

/* Returns how many of the bytes came in a call, or message, of their own before the others. */
static size_t hand_in(const struct step *step, size_t count, bool anything)
{
    int fd = FIRST_FD + step->fd;
    struct iovec parts[4];
    struct mmsghdr messages[2] = {{{.msg_iov = parts, .msg_iovlen = 3}, 0},
                                  {{.msg_iov = parts + 3, .msg_iovlen = 1}, 0}};
    split(parts, step, count);
    switch (step->choice[5] % 6) {
    case 0:
        observe_received_vector(fd, parts, 4, (ssize_t)count);
        return 0;
    case 1:
        observe_received_message(fd, &(struct msghdr){.msg_iov = parts, .msg_iovlen = 4},
                                 (ssize_t)count, 0);
        return 0;
    case 2:
        messages[0].msg_len = (unsigned)(count - parts[3].iov_len);
        messages[1].msg_len = (unsigned)parts[3].iov_len;
        observe_received_messages(fd, messages, 2, 0);
        return messages[0].msg_len;
    case 3:
        observe_received(fd, bytes, (ssize_t)count, MSG_PEEK);
        observe_received(fd, "A", 1, MSG_OOB);
        observe_received(fd, bytes, -1, 0);
        break;
    case 4:
        if (anything) {
            observe_received_unseen(fd, (ssize_t)count);
            return 0;
        }
        break;
    default:
        break;
    }
    observe_received(fd, bytes, (ssize_t)count, 0);
    return 0;
}

void steps_receive(const struct step *step)
{
    struct talk *talk = model_talk(&model, step->fd);
    if (!talk || talk->role == ROLE_LISTENER || (talk->guessed && talk->sender != MODEL_NOBODY))
        return;
    int before = model.threads[step->thread].owner;
    size_t count = how_many(step, &talk->in);
    bool client = talk->role == ROLE_CLIENT;
    if (client)
        count = 3; /* nobody reads what comes */
    if (!count)
        return;
    bool anything = client || anything_will_do(&talk->in, count);
    bool doubt = talk->lost || talk->guessed;
    if (!client)
        copy_cells(&talk->in, count);
    size_t before_others = hand_in(step, count, anything);
    if (before_others && before_others < count)
        model_received(&model, talk, step->thread, client ? 0 : before_others);
    else
        before_others = 0;
    model_received(&model, talk, step->thread, client ? 0 : count - before_others);
    steps_check_context(step, before, doubt || talk->lost, true);
}

static void hand_out(const struct step *step, struct sending *sending, size_t count, bool anything)
{
    struct iovec parts[4];
    struct mmsghdr messages[2] = {{{.msg_iov = parts, .msg_iovlen = 3}, 0},
                                  {{.msg_iov = parts + 3, .msg_iovlen = 1}, 0}};
    split(parts, step, count);
    switch (step->choice[5] % 5) {
    case 0:
        observe_sent_vector(sending, parts, 4, (ssize_t)count);
        return;
    case 1:
        messages[0].msg_len = (unsigned)(count - parts[3].iov_len);
        messages[1].msg_len = (unsigned)parts[3].iov_len;
        observe_sent_messages(sending, messages, 2, 0);
        return;
    case 2:
        if (anything) {
            observe_sent_unseen(sending, (ssize_t)count);
            return;
        }
        break;
    default:
        break;
    }
    observe_sent(sending, bytes, (ssize_t)count, 0);
}

/* Begins; the rest may come steps later. */
void steps_begin_send(const struct step *step)
{
    struct talk *talk = model_talk(&model, step->fd);
    if (!talk || talk->role == ROLE_LISTENER || talk->ended || talk->sender != MODEL_NOBODY)
        return;
    size_t count = how_many(step, &talk->out);
    if (talk->role == ROLE_UNKNOWN || talk->role == ROLE_CLIENT)
        count = 10;
    if (!count)
        return;
    int number = (int)(talk - model.talks);
    model_sending(&model, talk, step->thread);
    sendings[number] = observe_sending(FIRST_FD + step->fd);
    sending_count[number] = count;
    talk->sender = step->thread;
}

static void end_send_of(const struct step *step, struct talk *talk)
{
    int before = model.threads[step->thread].owner;
    int number = (int)(talk - model.talks);
    size_t count = sending_count[number];
    bool client = talk->role == ROLE_CLIENT;
    if (client)
        memcpy(bytes, "GET / HTTP", count);
    else
        copy_cells(&talk->out, count);
    hand_out(step, &sendings[number], count, client || anything_will_do(&talk->out, count));
    model_sent(&model, talk, step->thread, count);
    model_send_left(&model, talk);
    steps_check_context(step, before, talk->lost, false);
}

void steps_end_sends(const struct step *step)
{
    for (int i = 0; i < model.talk_count; i++)
        if (model.talks[i].sender == step->thread)
            end_send_of(step, &model.talks[i]);
}

void steps_send_now(const struct step *step)
{
    struct talk *talk = model_talk(&model, step->fd);
    if (!talk || talk->sender != MODEL_NOBODY)
        return;
    steps_begin_send(step);
    if (talk->sender == step->thread)
        end_send_of(step, talk);
}

void steps_shut_down(const struct step *step)
{
    int fd = FIRST_FD + step->fd;
    struct talk *talk = model_talk(&model, step->fd);
    int before = model.threads[step->thread].owner;
    if (!talk || talk->sender != MODEL_NOBODY)
        return;
    observe_shut_down(fd, SHUT_RD, 0, observe_shutting_down(fd));
    observe_shut_down(fd, SHUT_WR, -1, observe_shutting_down(fd));
    observe_shut_down(fd, step->choice[2] & 1 ? SHUT_WR : SHUT_RDWR, 0, observe_shutting_down(fd));
    model_shut_down(&model, talk, step->thread);
    steps_check_context(step, before, talk->lost, false);
}
