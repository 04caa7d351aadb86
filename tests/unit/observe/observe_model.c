// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/observe/observe_model.h"

#include <string.h>

#include "agent/net/connection.h"

unsigned long happened[HAPPENING_COUNT];

void model_reset(struct model *model)
{
    model->forks = 0;
    model->request_count = model->talk_count = 0;
    model->chaos = model->reported = model->unreported = model->overflowed = 0;
    for (int i = 0; i < MODEL_FDS; i++)
        model->talk_of[i] = MODEL_NOBODY;
    model->hands_over = model->works_on = false;
    for (int i = 0; i < MODEL_THREADS; i++)
        model->threads[i] = (struct thread_model){.owner = MODEL_NOBODY,
                                                  .last_read = MODEL_NOBODY,
                                                  .last_talk = MODEL_NOBODY,
                                                  .waited_for = MODEL_NOBODY};
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
    const struct talk *before = model_talk(model, fd);
    bool doubt = before && before->lost; /* the thread may stop working for it, when it closes */
    happened[HAPPENED_opened_over_an_open_one] += before != NULL;
    model_close(model, fd, thread);
    struct talk *talk = &model->talks[model->talk_count];
    model->talk_of[fd] = model->talk_count++;
    talk->role = role;
    talk->references = 1;
    talk->lost = talk->tunnel = talk->ended = talk->stale = talk->guessed = talk->wrote =
        talk->perhaps_tunnel = talk->handed_on = talk->refused = talk->guessing = false;
    talk->guessed = doubt;
    talk->epoch = model->forks;
    talk->owner = role == ROLE_CLIENT ? model_call(model, thread, false) : MODEL_NOBODY;
    talk->reader = MODEL_NOBODY;
    talk->fd = fd;
    talk->sender = MODEL_NOBODY;
    talk->in.written = talk->in.moved = talk->out.written = talk->out.moved = 0;
    talk->first = talk->last = talk->answered = 0;
    return true;
}

void model_share(struct model *model, int from, int to, int thread)
{
    int talk = model->talk_of[from];
    if (from == to)
        return;
    happened[HAPPENED_duplicated] += talk != MODEL_NOBODY;
    happened[HAPPENED_duplicated_over_an_open_one] +=
        talk != MODEL_NOBODY && model->talk_of[to] != MODEL_NOBODY;
    if (talk != MODEL_NOBODY)
        model->talks[talk].references++;
    model_close(model, to, thread);
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

/* ---- what threads show ---- */

bool model_is_open(const struct model *model, int number)
{
    if (number == MODEL_NOBODY)
        return false;
    const struct talk *talk = &model->talks[model->requests[number].talk];
    for (int i = talk->first; i < talk->last; i++)
        if (talk->pending[i] == number)
            return true;
    return false;
}

static bool is_owed(const struct model *model, int number, int thread)
{
    const struct request *request = &model->requests[number];
    return request->reader == thread && request->counted &&
           (request->whole || request->called || model->threads[thread].defers) &&
           model_is_open(model, number);
}

static bool owes_others(const struct model *model, int thread, int talk)
{
    for (int i = 0; i < model->request_count; i++)
        if (model->requests[i].talk != talk && is_owed(model, i, thread))
            return true;
    return false;
}

static bool handles_in_order(const struct thread_model *mine)
{
    return mine->answers_at_once && !mine->defers;
}

void model_waited(struct model *model, int thread)
{
    struct thread_model *mine = &model->threads[thread];
    happened[HAPPENED_waited_as_a_loop] += mine->owner != MODEL_NOBODY;
    mine->defers |= mine->loop && mine->overtaken;
    for (int i = 0; i < model->request_count; i++)
        if (mine->loop && is_owed(model, i, thread) && !model->requests[i].answered &&
            model->requests[i].own)
            mine->defers = true;
    happened[HAPPENED_deferred] += mine->defers;
    mine->loop = true;
    mine->turn++;
    mine->has_read = mine->crowded = mine->read_unknown = mine->has_answered = false;
    mine->owner = MODEL_NOBODY;
    mine->handing_over = false;
}

int model_call(struct model *model, int thread, bool recorded)
{
    struct thread_model *mine = &model->threads[thread];
    mine->calls += recorded;
    model->works_on |= recorded && mine->has_answered;
    happened[HAPPENED_worked_on] += model->works_on;
    if (recorded && mine->loop && !mine->has_read)
        mine->interleaves = true;
    happened[HAPPENED_interleaved] += mine->interleaves;
    if (mine->owner == MODEL_NOBODY)
        return MODEL_NOBODY;
    struct request *request = &model->requests[mine->owner];
    bool others = owes_others(model, thread, request->talk);
    happened[HAPPENED_owed_others] += others;
    bool crowded = mine->loop && (mine->read_unknown || (mine->defers && mine->crowded));
    happened[HAPPENED_crowded] += crowded;
    happened[HAPPENED_crowded_by_a_tunnel] += mine->loop && mine->read_unknown;
    if (mine->doubtful || others || crowded || mine->interleaves || model->hands_over ||
        !model_is_open(model, mine->owner)) {
        mine->doubtful = true;
        return MODEL_NOBODY;
    }
    request->own |= !request->whole && !request->answered;
    request->called = true;
    return mine->owner;
}

/* Its numbers are nobody's for the kernel, and so none that does not wait. */
static bool has_to_itself(const struct model *model, const struct talk *talk, int thread)
{
    const struct thread_model *mine = &model->threads[thread];
    int number = (int)(talk - model->talks);
    return mine->waited_for == number || (!mine->goes_round && model->talk_of[talk->fd] == number);
}

void model_read_nothing(struct model *model, const struct talk *talk, int thread)
{
    struct thread_model *mine = &model->threads[thread];
    if (talk && talk->role == ROLE_SERVER && !mine->loop && mine->owner != MODEL_NOBODY &&
        model->requests[mine->owner].talk == (int)(talk - model->talks) &&
        talk->in.moved < talk->in.written && talk->in.cells[talk->in.moved].marks & CELL_BODY)
        mine->doubtful = true;
}

void model_registered(struct model *model, const struct talk *talk, int thread)
{
    struct thread_model *mine = &model->threads[thread];
    if (!mine->loop && mine->owner != MODEL_NOBODY &&
        model->requests[mine->owner].talk == (int)(talk - model->talks)) {
        mine->owner = MODEL_NOBODY;
        mine->handing_over = false;
        happened[HAPPENED_registered]++;
    }
}

static void read_by(struct model *model, struct talk *talk, int thread, bool in_body)
{
    struct thread_model *mine = &model->threads[thread];
    if (talk->tunnel) {
        mine->read_unknown = true;
        return;
    }
    const struct cell *cell = &talk->in.cells[talk->in.moved];
    bool in_head = !in_body && talk->in.moved && cell[-1].request == cell->request;
    bool unanswered = in_body && talk->first < talk->last &&
                      !model->requests[talk->pending[talk->last - 1]].answered;
    mine->crowded |= mine->has_read && mine->last_talk != (int)(talk - model->talks);
    mine->has_read = true;
    mine->has_answered = false;
    if (talk->reader != thread && (in_head || unanswered))
        model->hands_over = true;
    talk->reader = thread;
    int number = (int)(talk - model->talks);
    if (!mine->loop && mine->last_talk != number) {
        bool thrown_away = mine->last_talk != MODEL_NOBODY && model->talks[mine->last_talk].ended;
        if (model_is_open(model, mine->last_read) && !model->requests[mine->last_read].answered &&
            !thrown_away)
            model->hands_over = true;
        if (mine->last_talk != MODEL_NOBODY && model->talks[mine->last_talk].references > 0)
            mine->goes_round = true;
    }
    mine->has_changed |= mine->last_talk != MODEL_NOBODY && mine->last_talk != number;
    mine->last_talk = number;
    happened[HAPPENED_handed_over] += model->hands_over;
}

/* That thread answers, or ends, what it may not have read. */
static void note_overtaking(struct model *model, const struct request *request, int thread)
{
    if (request->reader != thread && request->counted && request->own)
        model->threads[request->reader].overtaken = true;
}

/* Closed by that thread: what handles it may go on. */
static void note_abandoned(struct model *model, const struct talk *talk, int thread)
{
    for (int i = talk->first; i < talk->last && !talk->refused; i++) {
        const struct request *request = &model->requests[talk->pending[i]];
        bool counted = request->counted && (request->whole || request->called);
        if (counted && !request->answered &&
            (request->called || request->reader != thread ||
             request->turn != model->threads[thread].turn)) {
            model->threads[request->reader].interleaves = true;
            happened[HAPPENED_abandoned]++;
        }
    }
}

/* ---- descriptors that end ---- */

/* The thread forked while it worked for this connection, which it leaves to the child. */
static bool hands_over(const struct model *model, const struct talk *talk, int thread)
{
    const struct thread_model *mine = &model->threads[thread];
    return talk->epoch != model->forks && mine->handing_over && mine->owner != MODEL_NOBODY &&
           model->requests[mine->owner].fate == FATE_OPEN &&
           model->requests[mine->owner].talk == (int)(talk - model->talks);
}

static enum fate fate_at_close(const struct model *model, const struct talk *talk, bool theirs)
{
    if (talk->lost)
        return theirs || model->forks || talk->perhaps_tunnel ? FATE_MAYBE : FATE_LOST;
    if (theirs)
        return FATE_NONE;
    return talk->handed_on ? FATE_LOST : FATE_ABORTED;
}

/* The last descriptor has gone and nobody sends. */
static void over(struct model *model, struct talk *talk, int thread)
{
    bool left = hands_over(model, talk, thread);
    bool theirs = talk->stale || left;
    bool open = front(model, talk) && !talk->lost;
    happened[HAPPENED_closed_with_requests_open] += open;
    happened[HAPPENED_handed_over_at_a_fork] += open && left;
    happened[HAPPENED_kept_at_a_fork] += open && talk->epoch != model->forks && !theirs;
    if (!talk->lost && !theirs && lasts_until_close(model, talk)) {
        if (model->threads[thread].owner == talk->pending[talk->first]) {
            model->threads[thread].owner = MODEL_NOBODY;
            model->threads[thread].has_answered |= talk->last - talk->first == 1;
        }
        end_front(model, talk, FATE_DONE);
    }
    if (!theirs)
        note_abandoned(model, talk, thread);
    while (front(model, talk)) {
        if (!front(model, talk)->answered)
            note_overtaking(model, front(model, talk), thread);
        end_front(model, talk, fate_at_close(model, talk, theirs));
    }
}

void model_close(struct model *model, int fd, int thread)
{
    struct talk *talk = model_talk(model, fd);
    model->talk_of[fd] = MODEL_NOBODY;
    if (!talk || --talk->references > 0)
        return;
    happened[HAPPENED_closed_while_another_thread_sends] += talk->sender != MODEL_NOBODY;
    if (talk->sender == MODEL_NOBODY)
        over(model, talk, thread);
}

void model_goes_on(struct model *model, int thread)
{
    model->threads[thread].handing_over = false;
}

void model_forked_parent(struct model *model, int thread)
{
    struct thread_model *mine = &model->threads[thread];
    model->forks++;
    mine->handing_over = mine->owner != MODEL_NOBODY;
    happened[HAPPENED_forked_as_a_parent] += mine->handing_over;
}

void model_forked(struct model *model)
{
    model->reported = model->unreported = model->chaos = model->overflowed = 0;
    model_goes_on(model, 0); /* the thread that forks, the only one in the child */
    struct thread_model *mine = &model->threads[0];
    mine->doubtful = true;
    mine->has_read = mine->answers_at_once = mine->interleaves = false;
    for (int i = 0; i < model->talk_count; i++) {
        happened[HAPPENED_forked_with_requests_open] += front(model, &model->talks[i]) != NULL;
        model->talks[i].stale = true;
        model->chaos += model->talks[i].lost; /* the agent may only notice now */
    }
}

/* Something else stands in the next head, or before it. */
static void tear(struct model *model, const struct talk *talk)
{
    for (size_t i = talk->in.moved; i < talk->in.written; i++)
        if (talk->in.cells[i].marks & CELL_BEGAN) {
            model->requests[talk->in.cells[i].request].torn = true;
            return;
        }
}

void model_lose(struct model *model, struct talk *talk)
{
    if (talk->tunnel)
        return;
    tear(model, talk);
    if (talk->lost)
        return;
    talk->lost = true;
    model->chaos++;
    for (int i = talk->first; i < talk->last; i++)
        if (talk->stale)
            model->requests[talk->pending[i]].fate = FATE_MAYBE;
}

/* ---- bytes ---- */

static void work_for(struct model *model, int thread, int owner)
{
    struct thread_model *mine = &model->threads[thread];
    mine->owner = owner;
    mine->doubtful =
        owner != MODEL_NOBODY && owes_others(model, thread, model->requests[owner].talk);
    mine->handing_over = false;
}

static void request_began(struct model *model, struct talk *talk, int thread, int number,
                          int reads_from)
{
    struct request *request = &model->requests[number];
    struct thread_model *mine = &model->threads[thread];
    if (talk->tunnel) { /* it only looks like one */
        happened[HAPPENED_asked_behind_a_tunnel]++;
        request->fate = FATE_NONE;
        return;
    }
    if (talk->last - talk->first >= PIPELINE_LENGTH && !talk->lost) {
        model_lose(model, talk);
        model->overflowed++;
        happened[HAPPENED_pipeline_full]++;
        request->fate = FATE_MAYBE;
        return;
    }
    request->fate = talk->lost ? FATE_MAYBE : FATE_OPEN;
    if (talk->lost)
        return;
    if (request->framing == FRAMING_LENGTH)
        request->request_bytes = request->declared_bytes;
    request->along = talk->last > reads_from;
    request->reader = thread;
    happened[HAPPENED_asked_together] += request->along;
    happened[HAPPENED_asked_while_one_waits] += talk->first < reads_from;
    talk->pending[talk->last++] = (int16_t)number;
    request->counted = mine->loop;
    request->whole = request->own = request->framing == FRAMING_NONE;
    request->turn = mine->turn;
    request->calls = mine->calls;
    mine->last_read = number;
}

/* The last byte of its body. */
static void body_over(struct model *model, struct request *request, int thread)
{
    const struct thread_model *mine = &model->threads[thread];
    if (!mine->loop)
        return;
    request->own |=
        !request->whole && !request->called && !request->answered && request->reader == thread;
    request->whole = true;
    request->turn = mine->turn;
    request->calls = mine->calls;
}

/* Whom a thread works for that has read on from the request at `reads_from` of those pending. */
static int worked_for(const struct model *model, const struct talk *talk, int thread,
                      int reads_from)
{
    const struct thread_model *mine = &model->threads[thread];
    if (talk->first == talk->last || talk->tunnel)
        return MODEL_NOBODY;
    int oldest = talk->pending[talk->first];
    bool loops = mine->loop && !handles_in_order(mine);
    bool only = talk->last - talk->first == 1;
    if (talk->first >= reads_from)
        return only || !loops ? oldest : MODEL_NOBODY;
    bool half_a_head = talk->last == reads_from;
    return half_a_head && mine->owner == oldest ? oldest : MODEL_NOBODY;
}

static void touch(const struct model *model, struct talk *talk)
{
    if (talk->lost || talk->tunnel)
        return;
    talk->stale = false;
    talk->epoch = model->forks;
}

void model_received(struct model *model, struct talk *talk, int thread, size_t count)
{
    if (talk->role == ROLE_UNKNOWN)
        talk->role = ROLE_SERVER;
    touch(model, talk);
    if (talk->role == ROLE_CLIENT) {
        struct thread_model *mine = &model->threads[thread];
        if (mine->loop && mine->owner != talk->owner)
            work_for(model, thread, MODEL_NOBODY);
        model_goes_on(model, thread);
        happened[HAPPENED_client_read]++;
        return;
    }
    const struct cell *first = &talk->in.cells[talk->in.moved];
    bool in_body = count && model->requests[first->request].fate != FATE_UNBORN;
    int reads_from = talk->last - in_body;
    happened[HAPPENED_read_by_another_thread] +=
        in_body && model->requests[first->request].reader != thread;
    read_by(model, talk, thread, in_body);
    for (size_t i = 0; i < count; i++) {
        const struct cell *cell = &talk->in.cells[talk->in.moved++];
        struct request *request = &model->requests[cell->request];
        if (cell->marks & CELL_BODY && request->fate == FATE_OPEN &&
            (talk->in.moved == talk->in.written || cell[1].request != cell->request))
            body_over(model, request, thread);
        if (cell->marks & CELL_BEGAN)
            request_began(model, talk, thread, cell->request, reads_from);
        if (cell->marks & CELL_PAYLOAD && request->framing == FRAMING_CHUNKED &&
            request->fate == FATE_OPEN)
            request->request_bytes++;
    }
    work_for(model, thread, worked_for(model, talk, thread, reads_from));
    happened[HAPPENED_read_while_another_thread_sends] +=
        talk->sender != MODEL_NOBODY && talk->sender != thread;
}

void model_sending(struct model *model, struct talk *talk, int thread)
{
    if (talk->role == ROLE_UNKNOWN) {
        talk->role = ROLE_CLIENT;
        talk->guessed = talk->guessing = true;
        happened[HAPPENED_client_guessed]++;
    }
    if (talk->role != ROLE_CLIENT)
        return;
    if (talk->wrote || talk->owner == MODEL_NOBODY)
        talk->owner = model_call(model, thread, false);
    talk->wrote = true;
    happened[HAPPENED_client_wrote]++;
}

static void response_over(struct model *model, struct talk *talk, int thread)
{
    struct thread_model *mine = &model->threads[thread];
    bool own = mine->owner == talk->pending[talk->first] &&
               front(model, talk)->answer_framing != FRAMING_CLOSE && !talk->tunnel;
    bool current = mine->owner == talk->pending[talk->first];
    end_front(model, talk, FATE_DONE);
    if (own && front(model, talk) && front(model, talk)->along && !model->works_on &&
        (mine->loop ? handles_in_order(mine) : has_to_itself(model, talk, thread)))
        work_for(model, thread, talk->pending[talk->first]);
    else if (current) {
        work_for(model, thread, MODEL_NOBODY);
        mine->has_answered |= !front(model, talk);
    }
}

static void note_answer_begins(struct model *model, struct request *request, int thread)
{
    struct thread_model *mine = &model->threads[thread];
    request->answered = true;
    note_overtaking(model, request, thread);
    if (request->reader != thread)
        model->hands_over = true;
    else if (request->counted && request->turn == mine->turn && request->calls != mine->calls)
        mine->answers_at_once = true;
    happened[HAPPENED_answered_at_once] += mine->answers_at_once;
}

/* Who answers another request than its own works for nobody known. */
static void note_answerer(struct model *model, const struct talk *talk, int thread)
{
    int answered = talk->pending[talk->first];
    int owner = model->threads[thread].owner;
    happened[HAPPENED_answered_by_another_thread] += model->requests[answered].reader != thread;
    happened[HAPPENED_answered_without_a_context] += owner == MODEL_NOBODY;
    if (owner != answered)
        work_for(model, thread, MODEL_NOBODY);
}

void model_sent(struct model *model, struct talk *talk, int thread, size_t count)
{
    talk->guessing = false;
    if (count)
        touch(model, talk);
    if (talk->role == ROLE_CLIENT)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct cell *cell = &talk->out.cells[talk->out.moved++];
        struct request *request = &model->requests[cell->request];
        talk->perhaps_tunnel |= talk->lost && cell->marks & CELL_TUNNEL;
        if (talk->lost || talk->tunnel)
            continue;
        if (cell->marks & CELL_BEGAN)
            note_answer_begins(model, request, thread);
        if (cell->marks & (CELL_BEGAN | CELL_OVER))
            note_answerer(model, talk, thread);
        if (cell->marks & CELL_PAYLOAD)
            request->response_bytes++;
        talk->tunnel = cell->marks & CELL_TUNNEL;
        if (cell->marks & CELL_OVER)
            response_over(model, talk, thread);
        while (talk->tunnel && front(model, talk)) { /* what looked like one was the tunnel's */
            note_overtaking(model, front(model, talk), thread);
            end_front(model, talk, FATE_NONE);
        }
    }
}

void model_send_left(struct model *model, struct talk *talk, int thread)
{
    talk->sender = MODEL_NOBODY;
    if (talk->references == 0)
        over(model, talk, thread);
}

void model_shut_down(struct model *model, struct talk *talk, int thread)
{
    talk->ended = true;
    if (talk->role == ROLE_SERVER && !talk->lost && !talk->tunnel &&
        lasts_until_close(model, talk)) {
        happened[HAPPENED_shut_down_ended_a_response]++;
        response_over(model, talk, thread);
    }
}
