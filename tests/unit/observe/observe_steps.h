// SPDX-License-Identifier: Apache-2.0
/* observe_steps.h - what a server may do next, done to the agent and told to the model alike.
 *
 * A step is six bytes: what, thread and descriptor, four of detail. Who plays them (the target
 * tests/fuzz/observe.c) gives the threads their turns. */
#ifndef TESTS_OBSERVE_STEPS_H
#define TESTS_OBSERVE_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/observe/observe_model.h"

#define STEP_BYTES        6
#define STEPS_FIRST_FD    900
#define STEPS_SMALL_QUEUE 4

struct step {
    const uint8_t *choice;
    int thread;
    int fd; /* of the model: 0.. */
};

struct step_kind {
    const char *name;
    void (*act)(const struct step *step);
};
extern const struct step_kind step_kinds[];
unsigned step_kind(const uint8_t *choice);
struct step step_of(const uint8_t *choice);

extern struct model model;

/* Once: what descriptors from elsewhere are made of. */
void steps_prepare(void);

/* Bytes (observe_steps_bytes.c). */
void steps_receive(const struct step *step);
void steps_begin_send(const struct step *step);
void steps_send_now(const struct step *step);
void steps_shut_down(const struct step *step);
/* Ends the sends that the step's thread is in: there it can do nothing else. */
void steps_end_sends(const struct step *step);

/* The thread works for whom the model says. `before`: the request that was before this step;
 * `doubt`: that will do, too; `surely`: nobody will not. */
void steps_check_context(const struct step *step, int before, bool doubt, bool surely);

/* Does the thread work for a request of a connection that was lost? It may leave it with any step,
 * as when the connection ends: then it is asked whether it has. */
bool steps_in_doubt(const struct step *step);
void steps_ask_thread(const struct step *step);

/* All that is open is closed, by the first thread. */
void steps_close_all(void);

/* The accounts of this process, at the end or before it is another one. */
void steps_settle_accounts(void);

/* The player's: fails on anything but NULL; acts on the step's thread. */
void demand(const char *wrong);
void on_thread(void (*act)(const struct step *), const struct step *step);

#endif
