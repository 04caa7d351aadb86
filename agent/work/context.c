// SPDX-License-Identifier: Apache-2.0
#include "agent/work/context.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/os.h"
#include "agent/base/random.h"
#include "agent/span/sampler.h"

#define THREAD_NAME_BYTES 16 /* TASK_COMM_LEN */

static __thread struct {
    struct context context;
    bool handing_over; /* it forked, and has not waited or read since */
    int32_t id;        /* kernel id; 0: not asked yet */
    uint32_t claims;   /* twice as many as it made */
    char name[THREAD_NAME_BYTES];
} tl_thread;

const struct context *context_current(void)
{
    return &tl_thread.context;
}

void context_set(const struct context *context)
{
    tl_thread.context = *context;
    tl_thread.handing_over = false;
}

void context_clear(void)
{
    memset(&tl_thread.context, 0, sizeof tl_thread.context);
    tl_thread.handing_over = false;
}

void context_doubt(void)
{
    tl_thread.context.doubtful = true;
}

void context_handing_over(void)
{
    tl_thread.handing_over = span_context_present(&tl_thread.context.span);
}

bool context_hands_over(void)
{
    return tl_thread.handing_over;
}

void context_goes_on(void)
{
    tl_thread.handing_over = false;
}

bool context_identify(struct span_context *self, const struct span_context *parent)
{
    memset(self, 0, sizeof *self);
    bool root = !span_context_present(parent);
    if (root) {
        random_make_root_ids(self->trace_id, self->span_id);
    } else {
        memcpy(self->trace_id, parent->trace_id, sizeof self->trace_id);
        random_make_span_id(self->span_id);
    }
    self->flags = sampler_decide(&sampler_of_process, self->trace_id, root ? NULL : parent);
    return (self->flags & TRACE_FLAG_SAMPLED) != 0;
}

bool context_begin_span(struct span_context *self, struct span_context *parent)
{
    if (tl_thread.context.doubtful)
        memset(parent, 0, sizeof *parent);
    else
        *parent = tl_thread.context.span;
    bool recorded = context_identify(self, parent);
    if (!(parent->flags & TRACE_FLAG_LEFT_OUT))
        return recorded;
    self->flags &= (uint8_t)~TRACE_FLAG_SAMPLED; /* samplers need not follow the parent */
    return false;
}

__attribute__((cold, noinline)) static int32_t ask_thread_id(void)
{
    tl_thread.id = (int32_t)os.syscall(SYS_gettid);
    return tl_thread.id;
}

int32_t context_thread_id(void)
{
    return tl_thread.id ? tl_thread.id : ask_thread_id();
}

bool context_thread_has_ended(int32_t id)
{
    return kill(id, 0) != 0 && errno == ESRCH;
}

uint64_t context_claim(void)
{
    tl_thread.claims += 2;
    return (uint64_t)context_thread_id() << 32 | tl_thread.claims;
}

struct slice context_thread_name(void)
{
    if (!tl_thread.name[0])
        os.prctl(PR_GET_NAME, tl_thread.name);
    return slice_of(tl_thread.name);
}

void context_forked(void)
{
    /* The forked thread is the only one in the child. */
    tl_thread.id = 0;
    tl_thread.handing_over = false;
    tl_thread.context.doubtful = true; /* it may be a pool's, made in passing */
    random_reseed();
}
