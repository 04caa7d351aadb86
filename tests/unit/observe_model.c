// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/observe_model.h"

#include <string.h>

#include "agent/connection.h"

void model_reset(struct model *model)
{
    model->request_count = model->talk_count = 0;
    model->chaos = model->reported = model->unreported = model->overflowed = 0;
    for (int i = 0; i < MODEL_FDS; i++)
        model->talk_of[i] = MODEL_NOBODY;
    for (int i = 0; i < MODEL_THREADS; i++)
        model->threads[i] = (struct thread_model){MODEL_NOBODY, MODEL_NOBODY, -1, -1};
}

/* ---- descriptors ---- */

struct talk *model_talk(struct model *model, int fd)
{
    return model->talk_of[fd] == MODEL_NOBODY ? NULL : &model->talks[model->talk_of[fd]];
}

bool model_open(struct model *model, int fd, enum role role, int thread)
{
    if (model->talk_count == MODEL_TALKS)
        return false;
    model_close(model, fd);
    struct talk *talk = &model->talks[model->talk_count];
    model->talk_of[fd] = model->talk_count++;
    talk->role = role;
    talk->references = 1;
    talk->lost = talk->tunnel = talk->ended = talk->stale = talk->guessed = talk->wrote =
        talk->perhaps_tunnel = false;
    talk->owner = role == ROLE_CLIENT ? model->threads[thread].owner : MODEL_NOBODY;
    talk->sender = MODEL_NOBODY;
    talk->in.written = talk->in.moved = talk->out.written = talk->out.moved = 0;
    talk->first = talk->last = talk->answered = 0;
    return true;
}

void model_share(struct model *model, int from, int to)
{
    int talk = model->talk_of[from];
    if (from == to)
        return;
    if (talk != MODEL_NOBODY)
        model->talks[talk].references++;
    model_close(model, to);
    model->talk_of[to] = talk;
}

static struct request *front(struct model *model, const struct talk *talk)
{
    return talk->first < talk->last ? &model->requests[talk->pending[talk->first]] : NULL;
}

static void end_front(struct model *model, struct talk *talk, enum fate fate)
{
    struct request *request = front(model, talk);
    request->fate = request->sampled ? fate : FATE_NONE;
    talk->first++;
    if (talk->answered < talk->first)
        talk->answered = talk->first;
}

static bool lasts_until_close(struct model *model, struct talk *talk)
{
    const struct request *request = front(model, talk);
    return request && request->answered && request->answer_framing == FRAMING_CLOSE;
}

/* The last descriptor has gone and nobody sends. */
static void over(struct model *model, struct talk *talk)
{
    if (!talk->lost && !talk->stale && lasts_until_close(model, talk))
        end_front(model, talk, FATE_DONE);
    while (front(model, talk))
        end_front(model, talk,
                  talk->lost ? (talk->stale || talk->perhaps_tunnel ? FATE_MAYBE : FATE_LOST)
                             : (talk->stale ? FATE_NONE : FATE_ABORTED));
}

void model_close(struct model *model, int fd)
{
    struct talk *talk = model_talk(model, fd);
    model->talk_of[fd] = MODEL_NOBODY;
    if (talk && --talk->references == 0 && talk->sender == MODEL_NOBODY)
        over(model, talk);
}

void model_forked(struct model *model)
{
    model->reported = model->unreported = model->chaos = model->overflowed = 0;
    for (int i = 0; i < model->talk_count; i++) {
        model->talks[i].stale = true;
        model->chaos += model->talks[i].lost; /* the agent may only notice now */
    }
}

void model_lose(struct model *model, struct talk *talk)
{
    if (talk->lost || talk->tunnel)
        return;
    talk->lost = true;
    model->chaos++;
    for (int i = talk->first; i < talk->last; i++)
        if (talk->stale)
            model->requests[talk->pending[i]].fate = FATE_MAYBE;
    /* A head or a body may have been cut in two. */
    for (size_t i = talk->in.moved; i < talk->in.written; i++)
        if (talk->in.cells[i].marks & CELL_BEGAN) {
            model->requests[talk->in.cells[i].request].torn = true;
            return;
        }
}

/* ---- bytes ---- */

static void set_owner(struct model *model, int thread, struct talk *talk)
{
    struct thread_model *mine = &model->threads[thread];
    const struct request *request = front(model, talk);
    mine->owner = request ? talk->pending[talk->first] : MODEL_NOBODY;
    mine->talk = (int)(talk - model->talks);
}

static void request_began(struct model *model, struct talk *talk, int thread, int number,
                          int reads_from)
{
    struct request *request = &model->requests[number];
    struct thread_model *mine = &model->threads[thread];
    if (talk->tunnel) { /* it only looks like one */
        request->fate = FATE_NONE;
        return;
    }
    if (talk->last - talk->first >= CONNECTION_PIPELINE && !talk->lost) {
        model_lose(model, talk);
        model->overflowed++;
        request->fate = FATE_MAYBE;
        return;
    }
    request->fate = talk->lost ? FATE_MAYBE : FATE_OPEN;
    if (talk->lost)
        return;
    if (request->framing == FRAMING_LENGTH)
        request->request_bytes = request->declared_bytes;
    request->along = talk->last > reads_from;
    talk->pending[talk->last++] = (int16_t)number;
    mine->loop = mine->waited;
}

/* Whom a thread works for that has read on from the request at `reads_from` of those pending. */
static void read_on(struct model *model, struct talk *talk, int thread, int reads_from)
{
    struct thread_model *mine = &model->threads[thread];
    bool loops = mine->waited != -1;
    bool only = talk->last - talk->first == 1;
    bool half_a_head = talk->last == reads_from;
    if (talk->first == talk->last || talk->tunnel)
        mine->owner = MODEL_NOBODY;
    else if (talk->first >= reads_from ? only || !loops
                                       : half_a_head && mine->owner == talk->pending[talk->first])
        set_owner(model, thread, talk);
    else
        mine->owner = MODEL_NOBODY;
}

static void touch(struct talk *talk)
{
    if (!talk->lost && !talk->tunnel)
        talk->stale = false;
}

void model_received(struct model *model, struct talk *talk, int thread, size_t count)
{
    if (talk->role == ROLE_UNKNOWN)
        talk->role = ROLE_SERVER;
    touch(talk);
    if (talk->role == ROLE_CLIENT) {
        model->threads[thread].owner = talk->owner;
        model->threads[thread].talk = MODEL_NOBODY;
        return;
    }
    const struct cell *first = &talk->in.cells[talk->in.moved];
    bool in_body = count && model->requests[first->request].fate != FATE_UNBORN;
    int reads_from = talk->last - in_body;
    for (size_t i = 0; i < count; i++) {
        const struct cell *cell = &talk->in.cells[talk->in.moved++];
        struct request *request = &model->requests[cell->request];
        if (cell->marks & CELL_BEGAN)
            request_began(model, talk, thread, cell->request, reads_from);
        if (cell->marks & CELL_PAYLOAD && request->framing == FRAMING_CHUNKED &&
            request->fate == FATE_OPEN)
            request->request_bytes++;
    }
    read_on(model, talk, thread, reads_from);
}

void model_sending(struct model *model, struct talk *talk, int thread)
{
    if (talk->role == ROLE_UNKNOWN) {
        talk->role = ROLE_CLIENT;
        talk->guessed = true;
    }
    if (talk->role != ROLE_CLIENT)
        return;
    if (talk->wrote || talk->owner == MODEL_NOBODY)
        talk->owner = model->threads[thread].owner;
    talk->wrote = true;
}

static void response_over(struct model *model, struct talk *talk, int thread)
{
    struct thread_model *mine = &model->threads[thread];
    bool own = mine->owner == talk->pending[talk->first] &&
               front(model, talk)->answer_framing != FRAMING_CLOSE && !talk->tunnel;
    end_front(model, talk, FATE_DONE);
    if (own && front(model, talk) && front(model, talk)->along)
        set_owner(model, thread, talk);
}

/* Who answers another request than its own works for nobody known. */
static void note_answerer(struct model *model, const struct talk *talk, int thread)
{
    struct thread_model *mine = &model->threads[thread];
    if (mine->owner != talk->pending[talk->first])
        mine->owner = MODEL_NOBODY;
}

void model_sent(struct model *model, struct talk *talk, int thread, size_t count)
{
    if (count)
        touch(talk);
    if (talk->role == ROLE_CLIENT)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct cell *cell = &talk->out.cells[talk->out.moved++];
        struct request *request = &model->requests[cell->request];
        talk->perhaps_tunnel |= talk->lost && cell->marks & CELL_TUNNEL;
        if (talk->lost || talk->tunnel)
            continue;
        if (cell->marks & CELL_BEGAN)
            request->answered = true;
        if (cell->marks & (CELL_BEGAN | CELL_OVER))
            note_answerer(model, talk, thread);
        if (cell->marks & CELL_PAYLOAD)
            request->response_bytes++;
        talk->tunnel = cell->marks & CELL_TUNNEL;
        if (cell->marks & CELL_OVER)
            response_over(model, talk, thread);
        while (talk->tunnel && front(model, talk)) /* what looked like one was the tunnel's */
            end_front(model, talk, FATE_NONE);
    }
}

void model_send_left(struct model *model, struct talk *talk)
{
    talk->sender = MODEL_NOBODY;
    if (talk->references == 0)
        over(model, talk);
}

void model_shut_down(struct model *model, struct talk *talk, int thread)
{
    talk->ended = true;
    if (talk->role == ROLE_SERVER && !talk->lost && !talk->tunnel && lasts_until_close(model, talk))
        response_over(model, talk, thread);
}

void model_waited(struct model *model, int thread, int epfd)
{
    struct thread_model *mine = &model->threads[thread];
    mine->waited = epfd;
    if (mine->loop == epfd)
        mine->owner = MODEL_NOBODY;
}
