// SPDX-License-Identifier: Apache-2.0
/* A server's calls in any order: descriptors come and go, bytes move in pieces of any size by any
 * call, threads take turns, the process forks; and the agent says what the model
 * (tests/unit/observe/observe_model.h) says. Afterwards nothing is left: no request, no connection,
 * no buffer, no span that is not accounted for.
 *
 * Input: a byte of settings, then steps of six bytes: what, thread and descriptor, four of detail.
 * Threads are real ones, of which one at a time is at work. */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/counters.h"
#include "agent/life/agent.h"
#include "agent/life/life.h"
#include "agent/net/connection.h"
#include "agent/observe/observe.h"
#include "agent/queue/queue.h"
#include "agent/work/context.h"
#include "agent/work/evidence.h"
#include "agent/work/exchange.h"
#include "agent/work/work.h"
#include "tests/fuzz/open_agent.h"
#include "tests/unit/observe/observe_steps.h"
#include "tests/unit/passing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *played; /* steps so far, for a failure's report */
static size_t played_bytes;

static void print_step(const uint8_t *choice);

void demand(const char *wrong)
{
    if (!wrong)
        return;
    for (size_t i = 0; i + STEP_BYTES <= played_bytes; i += STEP_BYTES)
        print_step(played + i);
    (void)fprintf(stderr, "%s\n", wrong);
    abort();
}

/* ---- threads that take turns ---- */

static struct {
    sem_t turn;
    sem_t done;
    void (*act)(const struct step *);
    const struct step *step;
} workers[MODEL_THREADS];

static void *work(void *number)
{
    for (;;) {
        int i = (int)(intptr_t)number;
        while (sem_wait(&workers[i].turn) != 0)
            ;
        workers[i].act(workers[i].step);
        sem_post(&workers[i].done);
    }
    return NULL;
}

void on_thread(void (*act)(const struct step *), const struct step *step)
{
    if (step->thread == 0) {
        act(step);
        return;
    }
    workers[step->thread].act = act;
    workers[step->thread].step = step;
    sem_post(&workers[step->thread].turn);
    while (sem_wait(&workers[step->thread].done) != 0)
        ;
}

/* ---- all of it ---- */

static void begin(void)
{
    open_agent();
    steps_prepare();
    for (intptr_t i = 1; i < MODEL_THREADS; i++) {
        pthread_t thread;
        sem_init(&workers[i].turn, 0, 0);
        sem_init(&workers[i].done, 0, 0);
        if (pthread_create(&thread, NULL, work, (void *)i) != 0)
            abort();
    }
}

static void forget_thread(const struct step *step)
{
    (void)step;
    evidence_reset();
    work_reset();
}

/* The last things given back are the first ones taken again, so numbers stay low unless some were
 * kept. */
static void nothing_is_left(void)
{
    if (passing_exchanges.open)
        demand("a request that has begun and not ended");
    for (uint32_t slot = 0; slot < (uint32_t)model.request_count; slot++)
        if (atomic_load(&exchange_at(slot)->generation) % 2)
            demand("a request that was not given back");
    for (int fd = STEPS_FIRST_FD; fd < STEPS_FIRST_FD + MODEL_FDS; fd++) {
        connection_open(fd, CONNECTION_SERVER, NULL, 0);
        observe_received(fd, "GET /", 5, 0);
        const struct connection *connection = connection_of(fd);
        if (connection->index > 2 * MODEL_FDS + MODEL_TALKS / 2)
            demand("a connection that was not given back");
        if (connection->flow.side[SIDE_IN].place.buffer > 4 * MODEL_FDS + MODEL_TALKS)
            demand("a head's buffer that was not given back");
    }
    connection_release_range(STEPS_FIRST_FD, STEPS_FIRST_FD + MODEL_FDS - 1);
}

static void print_step(const uint8_t *choice)
{
    struct step step = step_of(choice);
    (void)fprintf(stderr, "thread %d, descriptor %d: %s (%d %d %d %d)\n", step.thread, step.fd,
                  step_kinds[step_kind(choice)].name, choice[2], choice[3], choice[4], choice[5]);
}

static void play(const uint8_t *data, size_t size)
{
    played = data;
    for (played_bytes = STEP_BYTES; played_bytes <= size; played_bytes += STEP_BYTES) {
        const uint8_t *choice = data + played_bytes - STEP_BYTES;
        struct step step = step_of(choice);
        on_thread(steps_end_sends, &step);
        on_thread(step_kinds[step_kind(choice)].act, &step);
        if (steps_in_doubt(&step))
            on_thread(steps_ask_thread, &step);
    }
    played_bytes = size;
}

static void for_each_thread(void (*act)(const struct step *))
{
    static const uint8_t nothing[STEP_BYTES];
    for (int i = 0; i < MODEL_THREADS; i++)
        on_thread(act, &(struct step){nothing, i, 0});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool opened;
    if (!opened)
        begin();
    opened = true;
    if (size < 1)
        return 0;
    size_t records = data[0] & 1 ? STEPS_SMALL_QUEUE : 2048;
    if (queue.records != records) {
        atomic_store(life_mark, LIFE_WIPED); /* another region */
        (void)agent_enter();
    }
    queue.records = records;
    model_reset(&model);
    memset(&counters, 0, sizeof counters);
    for_each_thread(forget_thread);

    play(data + 1, size - 1);
    for_each_thread(steps_end_sends);
    steps_close_all();
    steps_settle_accounts();
    demand(model_check_end(&model, model.unreported + counters_get(&counters.dropped_queue_full)));
    nothing_is_left();
    return 0;
}
