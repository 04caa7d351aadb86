// SPDX-License-Identifier: Apache-2.0
/* evidence.h - what threads and the process have shown of how they handle requests.
 *
 * A call is a request's child only where that is sure, and it is sure only of a thread that reads a
 * request, handles it and answers it before it does anything else. What else a thread does, it
 * shows:
 *
 * - A *loop* waits for several connections in one place. What it does after such a wait may be
 *   anybody's, and so may what it does while it owes answers to several.
 * - A loop *interleaves*, for good, once a call begins after such a wait though no byte of a
 *   request was read since: some of its requests, or jobs of its own, go on across waits.
 * - A loop *defers* once it waits while a request that was there in full has no byte of its answer:
 *   from then on one whose body is still coming may be being handled, too.
 * - A loop handles requests *in order* if it has answered one, after a call, before it waited, and
 *   has never deferred one: of several read together it is at the first.
 * - A turn of a loop is *crowded* once requests of two connections were read in it: of a loop that
 *   defers, what runs then may be for either, answered or not; and of any loop once bytes were read
 *   that are not understood (of a WebSocket, of TLS): nobody sees whether they are dealt with.
 * - A process *works on*, for good, once a call begins after an answer, before anything is read:
 *   then it may also do so while the next request is there already.
 * - A process *hands over*, for good, once a request is answered by another thread than the one
 *   that read it, is read by two, or is left unanswered by a thread that is no loop and reads from
 *   another connection.
 *
 * Each exchange has a `struct reading`, so that what one thread has read is counted off where
 * another ends it. Relaxed throughout, but where it is said: evidence orders nothing else. */
#ifndef AGENT_EVIDENCE_H
#define AGENT_EVIDENCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* An exchange as something that a thread has read. */
struct reading {
    _Atomic uint32_t state; /* READING_* and the loop that counts it */
    uint32_t thread;        /* the one that read its head; written before others can see it */
    _Atomic uint64_t since; /* that thread's turn and calls, when it had read all of it */
    _Atomic bool answered;  /* its final answer has begun */
};

enum {
    READING_WHOLE = 1,  /* its last byte was read, or a call was begun under it: counted so */
    READING_CALLED = 2, /* a call was begun under it */
    READING_OWN = 4,    /* the thread that read its head was the first to count it so */
    READING_LOOP = 8    /* the shift of the loop's number, from 1; 0: no loop has read it */
};

/* The calling thread: a number that no other thread of the process had; not 0. A forked thread
 * keeps its number. */
uint32_t evidence_thread(void);

/* It waited where it waits for several connections. */
void evidence_waited(void);
/* Has it ever? */
bool evidence_is_loop(void);
bool evidence_handles_in_order(void);
void evidence_interleaves(void);
void evidence_hands_over(void);

/* It is about to read of another connection than before. */
void evidence_changes_connection(void);
/* It reads bytes of a request. */
void evidence_read(void);
/* It has read bytes of a server connection that are not understood. */
void evidence_read_unknown(void);
void evidence_works_on(void);
/* May a thread have gone on to the next request, which is there, with the answer to one? */
bool evidence_ends_with_answers(void);
/* A call of a client library begins on it. */
void evidence_begins_call(void);

/* Does what the thread has read tell whom it works for, as far as its past and the process' go? */
bool evidence_tells(void);

/* How many requests does this loop owe an answer that may be at work? 0 where the thread is no
 * loop. And is that one of them? */
uint32_t evidence_count_owed(void);
bool evidence_is_owed(const struct reading *reading);
/* Is it the only one? Quick where it is. */
bool evidence_owes_nothing_else(const struct reading *reading);

/* An exchange's head was read by this thread; `whole`: and all there is of it. */
void reading_begin(struct reading *reading, bool whole);
/* The last byte of its body. */
void reading_whole(struct reading *reading);
/* A call begins under it, on the thread that read it. */
void reading_called(struct reading *reading);
/* Its final answer begins, by this thread. */
void reading_answered(struct reading *reading);

static inline bool reading_is_answered(const struct reading *reading)
{
    return atomic_load_explicit(&reading->answered, memory_order_relaxed);
}

/* It is over. `abandoned`: it was closed without an attempt at an answer. */
void reading_end(struct reading *reading, bool abandoned);

/* In a forked child. */
void evidence_forked(void);

/* For tests: this thread and the process have shown nothing yet. It owes nothing. */
void evidence_reset(void);

#endif
