// SPDX-License-Identifier: Apache-2.0
/* Bytes move: by any call, in any number of parts, some unseen, some not at all. */
#include "tests/unit/observe/observe_steps.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/observe/observe.h"

#define FIRST_FD STEPS_FIRST_FD

/* A write that is cut short has more than it moves. */
#define CUT_BYTES 5
static char bytes[MODEL_CELLS + CUT_BYTES];
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
        happened[HAPPENED_read_vector]++;
        observe_received_vector(fd, parts, 4, (ssize_t)count);
        return 0;
    case 1:
        happened[HAPPENED_read_message]++;
        observe_received_message(fd, &(struct msghdr){.msg_iov = parts, .msg_iovlen = 4},
                                 (ssize_t)count, 0);
        return 0;
    case 2:
        happened[HAPPENED_read_messages]++;
        messages[0].msg_len = (unsigned)(count - parts[3].iov_len);
        messages[1].msg_len = (unsigned)parts[3].iov_len;
        observe_received_messages(fd, messages, 2, 0);
        return messages[0].msg_len;
    case 3:
        observe_received(fd, bytes, (ssize_t)count, MSG_PEEK);
        observe_received(fd, "A", 1, MSG_OOB);
        happened[HAPPENED_read_peeked]++;
        break;
    case 4:
        if (anything) {
            happened[HAPPENED_read_unseen]++;
            observe_received_unseen(fd, (ssize_t)count);
            return 0;
        }
        break;
    default:
        break;
    }
    happened[HAPPENED_read_at_once]++;
    observe_received(fd, bytes, (ssize_t)count, 0);
    return 0;
}

/* EAGAIN, EINTR, or the end: nothing is said, but who reads does not hand over. */
static void read_nothing(const struct step *step)
{
    struct iovec part = {bytes, sizeof bytes};
    ssize_t result = step->choice[4] & 0x20 ? -1 : 0;
    happened[result ? HAPPENED_read_failed : HAPPENED_read_end]++;
    errno = step->choice[4] & 0x10 ? EAGAIN : EINTR;
    observe_received_vector(FIRST_FD + step->fd, &part, 1, result);
    observe_received(FIRST_FD + step->fd, bytes, result, 0);
    model_goes_on(&model, step->thread);
    if (result < 0 && step->choice[4] & 0x10)
        model_read_nothing(&model, model_talk(&model, step->fd), step->thread);
}

void steps_receive(const struct step *step)
{
    struct talk *talk = model_talk(&model, step->fd);
    if (step->choice[4] & 0x40)
        read_nothing(step);
    if (!talk || talk->role == ROLE_LISTENER || (talk->guessed && talk->sender != MODEL_NOBODY))
        return;
    int before = model.threads[step->thread].owner;
    size_t count = how_many(step, &talk->in);
    size_t left = talk->in.written - talk->in.moved;
    bool client = talk->role == ROLE_CLIENT;
    if (client)
        count = 3; /* nobody reads what comes */
    if (!count)
        return;
    happened[HAPPENED_asked_over_many_reads] += !client && count < left;
    bool anything = client || anything_will_do(&talk->in, count);
    bool doubt = talk->lost || talk->guessed;
    if (!client)
        copy_cells(&talk->in, count);
    if (model.threads[step->thread].last_talk != (int)(talk - model.talks))
        talk->fd = step->fd;
    size_t before_others = hand_in(step, count, anything);
    if (before_others && before_others < count)
        model_received(&model, talk, step->thread, client ? 0 : before_others);
    else
        before_others = 0;
    model_received(&model, talk, step->thread, client ? 0 : count - before_others);
    steps_check_context(step, before, doubt || talk->lost, !client);
}

/* A file that holds what sendfile() takes. */
static void hand_out_file(const struct step *step, struct sending *sending, size_t count,
                          bool in_chunks)
{
    static int file = -1;
    if (file < 0)
        file = memfd_create("body", MFD_CLOEXEC);
    off_t first = step->choice[4];
    off_t end = first + (off_t)count;
    if (pwrite(file, bytes, count, first) != (ssize_t)count || lseek(file, end, SEEK_SET) != end)
        demand("no file");
    happened[HAPPENED_sent_file]++;
    happened[HAPPENED_sent_file_in_chunks] += in_chunks;
    observe_sent_file(sending, file, step->choice[4] & 1 ? &end : NULL, (ssize_t)count);
}

enum content { CONTENT_HEAD, CONTENT_CHUNKS, CONTENT_ANYTHING };

static void hand_out(const struct step *step, struct sending *sending, size_t count,
                     enum content content)
{
    struct iovec parts[4];
    struct mmsghdr messages[2] = {{{.msg_iov = parts, .msg_iovlen = 3}, 0},
                                  {{.msg_iov = parts + 3, .msg_iovlen = 1}, 0}};
    split(parts, step, count);
    switch (step->choice[5] % 8) {
    case 0:
        happened[HAPPENED_sent_vector]++;
        observe_sent_vector(sending, parts, 4, (ssize_t)count);
        return;
    case 1:
        happened[HAPPENED_sent_messages]++;
        messages[0].msg_len = (unsigned)(count - parts[3].iov_len);
        messages[1].msg_len = (unsigned)parts[3].iov_len;
        observe_sent_messages(sending, messages, 2, 0);
        return;
    case 2:
        if (content != CONTENT_ANYTHING)
            break;
        happened[HAPPENED_sent_unseen]++;
        observe_sent_unseen(sending, (ssize_t)count);
        return;
    case 3:
        if (content == CONTENT_HEAD)
            break;
        hand_out_file(step, sending, count, content == CONTENT_CHUNKS);
        return;
    case 4:
        happened[HAPPENED_sent_short]++;
        parts[3].iov_len += CUT_BYTES;
        observe_sent_vector(sending, parts, 4, (ssize_t)count);
        return;
    case 5:
        happened[HAPPENED_sent_message]++;
        observe_sent_message(sending, FIRST_FD + step->fd,
                             &(struct msghdr){.msg_iov = parts, .msg_iovlen = 4}, (ssize_t)count,
                             0);
        return;
    default:
        break;
    }
    happened[HAPPENED_sent_at_once]++;
    observe_sent(sending, bytes, (ssize_t)count, 0);
}

static enum content content_of(const struct stream *stream, size_t count)
{
    if (anything_will_do(stream, count))
        return CONTENT_ANYTHING;
    for (size_t i = 0; i < count; i++)
        if (!(stream->cells[stream->moved + i].marks & CELL_BODY) ||
            stream->cells[stream->moved + i].request != stream->cells[stream->moved].request)
            return CONTENT_HEAD;
    return CONTENT_CHUNKS;
}

/* EAGAIN, EINTR or EPIPE. */
static void fail_to_send(const struct step *step)
{
    struct sending sending = observe_sending(FIRST_FD + step->fd);
    errno = step->choice[4] & 0x40 ? EAGAIN : EPIPE;
    observe_sent(&sending, bytes, -1, 0);
    model_talk(&model, step->fd)->refused |= !(step->choice[4] & 0x40);
    happened[HAPPENED_sent_failed]++;
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
    if (talk->role == ROLE_SERVER && step->choice[4] & 0x80)
        fail_to_send(step);
    if (talk->role == ROLE_SERVER)
        happened[HAPPENED_answered_over_many_writes] += count < talk->out.written - talk->out.moved;
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
    hand_out(step, &sendings[number], count,
             client ? (talk->guessed ? CONTENT_HEAD : CONTENT_ANYTHING)
                    : content_of(&talk->out, count));
    model_sent(&model, talk, step->thread, count);
    model_send_left(&model, talk, step->thread);
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
    happened[HAPPENED_shut_down]++;
    model_shut_down(&model, talk, step->thread);
    steps_check_context(step, before, talk->lost, false);
}
