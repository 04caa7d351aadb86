// SPDX-License-Identifier: Apache-2.0
/* The process: its end, what it becomes, what it restricts itself to, and its children. */
#include "agent/observe/observe.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/own_stack.h"
#include "agent/base/preparation.h"
#include "agent/base/process.h"
#include "agent/base/standard_error.h"
#include "agent/life/agent.h"
#include "agent/life/life.h"
#include "agent/queue/family.h"
#include "agent/queue/lodging.h"
#include "agent/queue/queue.h"
#include "agent/queue/recovery.h"

void observe_ending(void)
{
    int saved = errno;
    agent_leave(true);
    errno = saved;
}

void observe_starting(void)
{
    if (agent_gate_open())
        standard_error_leaving(life_settling() || process_owns_memory());
}

void observe_leaving(void)
{
    int saved = errno;
    observe_starting();
    agent_leave(false);
    errno = saved;
}

void observe_staying(void)
{
    int saved = errno;
    if (agent_gate_open())
        standard_error_staying();
    agent_stay();
    errno = saved;
}

struct death {
    pid_t child;
    int signal;
};

static void note_death(void *context)
{
    const struct death *death = context;
    lodging_note_signal(&queue.region, (uint32_t)death->child, (uint32_t)death->signal);
    recovery_note_signal((uint32_t)death->child, (uint32_t)death->signal);
}

static void note_signal(pid_t child, int signal)
{
    int saved = errno;
    if (agent_enter() && preparation_is_done()) {
        own_stack_run(note_death, &(struct death){child, signal});
        family_say_left();
    }
    errno = saved;
}

void observe_child(pid_t ended, const int *status)
{
    if (ended > 0 && WIFSIGNALED(*status))
        note_signal(ended, WTERMSIG(*status));
}

void observe_child_information(int result, const siginfo_t *information)
{
    if (result == 0 && information->si_signo == SIGCHLD && information->si_pid > 0 &&
        (information->si_code == CLD_KILLED || information->si_code == CLD_DUMPED))
        note_signal(information->si_pid, information->si_status);
}

void observe_limiting(pid_t process, int resource, const void *limit)
{
    if (resource != RLIMIT_NPROC || !limit || (process && process != getpid()))
        return;
    int saved = errno;
    /* Each of haproxy's threads sets it. */
    if (preparation_is_done() && agent_enter_settled())
        agent_restrict(false);
    errno = saved;
}

/* A forked child that has not been put in order yet is offered nothing as another user. */
void observe_changing_user(void)
{
    int saved = errno;
    if (preparation_is_done() && !life_settling() && agent_enter_own_process())
        lodging_quit();
    errno = saved;
}

void observe_restricting(int prctl_option, unsigned long mode)
{
    int saved = errno;
    if (prctl_option == PR_SET_SECCOMP && preparation_is_done() && agent_enter_own_process())
        agent_restrict(mode == SECCOMP_MODE_STRICT);
    errno = saved;
}
