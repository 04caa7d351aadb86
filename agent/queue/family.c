// SPDX-License-Identifier: Apache-2.0
#include "agent/queue/family.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/futex.h"
#include "agent/base/process.h"

#define FAMILY_CHOOSING (-1)
#define MOMENT_NS       1000000 /* between two looks whether those who leave have ended */

static struct family alone;
struct family *family = &alone;
static pid_t founder;           /* written together with it */
static _Atomic pid_t unawaited; /* this process, where it leaves and nobody could be told */
static _Atomic pid_t last_heir; /* of this process and its parents; relaxed, as it stands alone */

void family_found(void)
{
    if (family != &alone)
        return; /* its children are of the same one */
    void *page =
        mmap(NULL, sizeof *family, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return;
    founder = getpid();
    family = page;
}

bool family_is_founder(void)
{
    return founder == getpid();
}

/* Threads that accept at the same time may miss one, and see the next. */
bool family_forks_to_answer(uint32_t forks)
{
    static _Atomic uint32_t counted_in; /* the process */
    static _Atomic uint32_t counted;
    bool known = atomic_load_explicit(&counted_in, memory_order_relaxed) == process_owner;
    if (known && atomic_load_explicit(&counted, memory_order_relaxed) == forks)
        return false;
    atomic_store_explicit(&counted_in, process_owner, memory_order_relaxed);
    atomic_store_explicit(&counted, forks, memory_order_relaxed);
    return known && atomic_load_explicit(&family->records, memory_order_relaxed);
}

static int32_t find_heir(void)
{
    int32_t heir = atomic_load(&family->heir); /* see family_leave() */
    return heir > 0 && kill(heir, 0) != 0 && errno == ESRCH ? 0 : heir;
}

bool family_lacks_heir(void)
{
    return find_heir() == 0;
}

bool family_become_heir(const struct region *region)
{
    struct stat status;
    int32_t before = atomic_load_explicit(&family->heir, memory_order_relaxed);
    if (!family_lacks_heir() || !region->path[0] || stat(region->path, &status) != 0 ||
        !atomic_compare_exchange_strong(&family->heir, &before, FAMILY_CHOOSING))
        return false;
    family->inode = status.st_ino;
    memcpy(family->path, region->path, sizeof family->path);
    atomic_store_explicit(&last_heir, getpid(), memory_order_relaxed);
    atomic_store_explicit(&family->heir, getpid(), memory_order_release);
    return true;
}

void family_ring(uint32_t pid)
{
    int saved = errno;
    /* Sequentially consistent, as is what the thread reads after the count and before it waits. */
    atomic_fetch_add(family_bell(pid), 1);
    futex_wake_shared(family_bell(pid));
    errno = saved;
}

/* The heir may rest. */
static void say_left(uint32_t what)
{
    atomic_fetch_or(&family->left, what);
    int32_t heir = atomic_load(&family->heir);
    if (heir > 0)
        family_ring((uint32_t)heir);
}

void family_say_left(void)
{
    say_left(FAMILY_LEFT);
}

bool family_waits_for_us(void)
{
    return atomic_load(&family->left) != 0 &&
           atomic_load_explicit(&last_heir, memory_order_relaxed) == getpid();
}

/* Takes those who have ended out of the list. `left_some`: others are in it still. */
static bool forget_ended(bool *left_some)
{
    bool any = false;
    *left_some = false;
    for (int i = 0; i < FAMILY_LEAVING; i++) {
        int32_t pid = atomic_load(&family->leaving[i]);
        if (pid && process_state((uint32_t)pid, 0) != PROCESS_GONE)
            *left_some = true;
        else if (pid)
            any |= atomic_compare_exchange_strong(&family->leaving[i], &pid, 0);
    }
    return any;
}

bool family_calls(void)
{
    if (!family_has_left() || atomic_load_explicit(&last_heir, memory_order_relaxed) != getpid())
        return false;
    bool left_some = false;
    uint32_t left = atomic_exchange(&family->left, 0);
    bool ended = left & FAMILY_LEAVES && forget_ended(&left_some);
    if (left_some)
        atomic_fetch_or(&family->left, FAMILY_LEAVES);
    return ended || left & FAMILY_LEFT;
}

/* A zombie's file is not taken before its parent has asked, for which nobody waits. */
static bool any_is_leaving(void)
{
    for (int i = 0; i < FAMILY_LEAVING; i++) {
        int32_t pid = atomic_load(&family->leaving[i]);
        if (pid && process_state((uint32_t)pid, 0) == PROCESS_RUNS)
            return true;
    }
    return false;
}

void family_resign(uint64_t most_ns)
{
    static _Atomic uint32_t never;
    int32_t self = getpid();
    uint64_t begun_ns = clock_monotonic_ns();
    if (atomic_compare_exchange_strong(&family->heir, &self, 0))
        while (any_is_leaving() && clock_monotonic_ns() - begun_ns < most_ns)
            futex_wait(&never, MOMENT_NS);
}

static bool in_one_directory(const char *one, const char *other)
{
    const char *name = strrchr(one, '/');
    return name && strncmp(one, other, (size_t)(name - one) + 1) == 0 &&
           !strchr(other + (name - one) + 1, '/');
}

bool family_inherits(const struct region *region)
{
    struct stat status;
    if (atomic_load_explicit(&unawaited, memory_order_relaxed) == getpid())
        return false;
    int32_t heir = find_heir();
    return heir > 0 && heir == getppid() && in_one_directory(region->path, family->path) &&
           stat(family->path, &status) == 0 && status.st_ino == family->inode;
}

/* Puts one process id in the place of another, in one entry. */
static bool replace_leaving(int32_t from, int32_t to)
{
    for (int i = 0; i < FAMILY_LEAVING; i++) {
        int32_t found = from;
        if (atomic_compare_exchange_strong(&family->leaving[i], &found, to))
            return true;
    }
    return false;
}

/* All of it, and what the heir does with it, is sequentially consistent: of the two who write, one
 * their id here and one that there is no heir, one sees the other. */
void family_leave(const struct region *region)
{
    int32_t self = getpid();
    if (!family_inherits(region) || replace_leaving(self, self))
        return;
    if (replace_leaving(0, self))
        say_left(FAMILY_LEAVES);
    else
        atomic_store_explicit(&unawaited, self, memory_order_relaxed);
}

void family_has_gone(bool something)
{
    int32_t self = getpid();
    bool awaited = replace_leaving(self, something ? self : 0);
    if (something && !awaited)
        family_say_left();
}
