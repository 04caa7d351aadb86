// SPDX-License-Identifier: Apache-2.0
/* observe_model.h - what the agent has to make of a server's calls, said a second time.
 *
 * The model writes requests and responses byte by byte and knows of each byte what it means, so it
 * needs no parser: which request begins, whose body it counts to, which response is over. From
 * that follows which spans come out, with which words and parent, and whom each thread works for.
 * Where the program's calls leave in doubt what was said (bytes that nobody saw, threads that met
 * in one direction) the model doubts, too, and only demands that nothing is said twice or of
 * another request. */
#ifndef TESTS_OBSERVE_MODEL_H
#define TESTS_OBSERVE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/span/span.h"
#include "agent/work/context.h"

#define MODEL_REQUESTS 400
#define MODEL_TALKS    64
#define MODEL_FDS      8
#define MODEL_THREADS  3
#define MODEL_CELLS    6000
#define MODEL_NOBODY   (-1)

/* A byte of a stream and what it means. */
struct cell {
    char byte;
    uint8_t marks; /* CELL_* */
    int16_t request;
};
enum {
    CELL_BEGAN = 1,     /* the last byte of its request's, or response's, head */
    CELL_PAYLOAD = 2,   /* of its body */
    CELL_OVER = 4,      /* the last of its response */
    CELL_TUNNEL = 8,    /* HTTP ends here */
    CELL_ANYTHING = 16, /* may go by unseen */
    CELL_BODY = 32      /* payload and what frames it */
};

struct stream {
    struct cell cells[MODEL_CELLS];
    size_t written;
    size_t moved;
};

enum fate {
    FATE_UNBORN,  /* its head is not complete */
    FATE_OPEN,    /* waits for the end of its response */
    FATE_DONE,    /* one span, as the response says */
    FATE_ABORTED, /* one span: the connection ended first */
    FATE_LOST,    /* one span: lost to view */
    FATE_MAYBE,   /* one span at most */
    FATE_NONE     /* no span: another process's, or not counted as one */
};

enum framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

struct request {
    enum fate fate;
    uint8_t method;
    bool torn;  /* bytes of something else stand in its head */
    bool along; /* read in one call with bytes of the one before it */
    int talk;
    int reader; /* the thread */
    /* As far as that thread is a loop, which owes an answer. */
    bool counted;
    bool whole;  /* its last byte was read */
    bool called; /* a call was begun under it */
    bool own;    /* the first of both was seen by that thread */
    int turn;    /* of the thread, when it was whole */
    int calls;   /* likewise */
    bool has_parent;
    bool sampled;
    bool carries; /* tracestate and baggage */
    enum framing framing;
    uint16_t declared_bytes;
    uint16_t status;
    bool answered;
    enum framing answer_framing;
    uint64_t request_bytes;
    uint64_t response_bytes;
    bool reported;
    bool known; /* its span id */
    uint8_t span_id[8];
};

enum role { ROLE_SERVER, ROLE_CLIENT, ROLE_UNKNOWN, ROLE_LISTENER };

enum happening {
#define HAPPENING(name) HAPPENED_##name,
#include "tests/unit/observe/observe_happenings.def"
#undef HAPPENING
    HAPPENING_COUNT
};
extern unsigned long happened[HAPPENING_COUNT];

/* A connection. */
struct talk {
    enum role role;
    int references;
    bool lost;           /* what it says is in doubt */
    bool tunnel;         /* no HTTP any more */
    bool perhaps_tunnel; /* or not: it was lost before */
    bool ended;          /* nothing is sent after a shutdown */
    bool stale;          /* another process moved its last byte */
    bool guessed;        /* a client by its first bytes: its owner may be unknown */
    bool guessing;       /* which are on their way: until they have gone it is nothing yet */
    bool handed_on;      /* another process has it, too */
    int epoch;           /* forks before its last byte */
    bool wrote;          /* a client: its first request */
    bool refused;        /* an answer was tried */
    int owner;           /* a client's: a request, or MODEL_NOBODY */
    int reader;          /* the thread that moved the last byte of a request */
    int fd;              /* by which bytes came last, or the first */
    int sender;          /* the thread inside a send, or MODEL_NOBODY */
    struct stream in;
    struct stream out;
    int16_t pending[MODEL_REQUESTS]; /* requests that began, oldest first */
    int first;
    int last;
    int answered; /* of pending: those with a response in `out` */
};

struct thread_model {
    int owner;         /* whom it works for */
    bool doubtful;     /* as far as that is not sure */
    bool handing_over; /* it forked, and has not waited or read since */
    bool loop;
    bool interleaves;
    bool defers;
    bool answers_at_once;
    bool overtaken;    /* another thread has answered or ended what it had read */
    bool has_read;     /* since it waited */
    bool crowded;      /* of several connections */
    bool read_unknown; /* bytes of a tunnel, likewise */
    bool has_answered;
    bool has_changed; /* connections */
    int turn;
    int calls;
    int last_read;   /* a request */
    int last_talk;   /* whose bytes it read last, as long as it is no loop */
    int waited_for;  /* a talk that it waited for, and for no other */
    bool goes_round; /* it has left one for another */
};

struct model {
    struct request requests[MODEL_REQUESTS];
    int request_count;
    struct talk talks[MODEL_TALKS];
    int talk_count;
    int talk_of[MODEL_FDS]; /* or MODEL_NOBODY */
    struct thread_model threads[MODEL_THREADS];
    uint64_t chaos;      /* connections that may be counted as opaque */
    uint64_t reported;   /* spans, since the last fork */
    uint64_t unreported; /* that were dropped because of a full queue */
    uint64_t overflowed; /* requests that the pipeline did not hold */
    int forks;           /* after which this process is the parent */
    bool hands_over;     /* its threads do each other's work */
    bool works_on;       /* after answers */
};

void model_reset(struct model *model);

/* Descriptors. */
struct talk *model_talk(struct model *model, int fd);
bool model_open(struct model *model, int fd, enum role role, int thread);
void model_share(struct model *model, int from, int to, int thread);
void model_close(struct model *model, int fd, int thread);

extern const char *const model_methods[];

/* Does that request (or MODEL_NOBODY) wait for the end of its answer? */
bool model_is_open(const struct model *model, int number);

/* Texts (observe_model_text.c). False where there is no room, or nothing to answer. */
bool model_ask(struct model *model, struct talk *talk, const uint8_t choice[4]);
bool model_answer(struct model *model, struct talk *talk, const uint8_t choice[4]);

/* The next `count` bytes of a stream moved; in a client's nothing is read. */
void model_received(struct model *model, struct talk *talk, int thread, size_t count);
void model_sending(struct model *model, struct talk *talk, int thread);
void model_sent(struct model *model, struct talk *talk, int thread, size_t count);
void model_shut_down(struct model *model, struct talk *talk, int thread);
void model_send_left(struct model *model, struct talk *talk, int thread);
/* Nobody can tell any more what this connection says. */
void model_lose(struct model *model, struct talk *talk);
/* This process is the child from now on; or the parent, by that thread. */
void model_forked(struct model *model);
void model_forked_parent(struct model *model, int thread);
/* The thread did something that shows that it does not hand its request over. */
void model_goes_on(struct model *model, int thread);
/* Where it waits for several connections. */
void model_waited(struct model *model, int thread);
/* It asked for more, and there was none. */
void model_read_nothing(struct model *model, const struct talk *talk, int thread);
/* It made a loop wait for the connection. */
void model_registered(struct model *model, const struct talk *talk, int thread);
/* A call begins: a client library's, or (`recorded` false) a request on a client connection. Whose
 * it surely is. */
int model_call(struct model *model, int thread, bool recorded);

/* What came out (observe_model_check.c). NULL: as it has to be; else what is wrong. */
const char *model_check_span(struct model *model, const struct span_record *record);
const char *model_check_context(struct model *model, int thread, const struct context *context,
                                int expected, bool surely);
/* All is closed and all spans were checked: none is missing but `dropped`. */
const char *model_check_end(const struct model *model, uint64_t dropped);

#endif
