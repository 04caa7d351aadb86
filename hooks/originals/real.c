// SPDX-License-Identifier: Apache-2.0
#include "hooks/originals/real.h"

#include <errno.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/os.h"
#include "hooks/originals/library.h"

/* In trampoline.S. */
#define HOOK(type, name, parameters, missing) type trampoline_##name parameters;
#define ALIAS(name, hook)
#include "hooks/hooks.def"
#undef HOOK

struct real real = {
#define HOOK(type, name, parameters, missing) .name = trampoline_##name,
#include "hooks/hooks.def"
#undef HOOK
};

/* The agent's own calls. The compiler sees that both tables mean the same by a name. */
struct os os = {
#define OS(type, name, parameters) .name = trampoline_##name,
#include "agent/base/os.def"
#undef OS
};

/* The trampolines jump through the struct by row number. */
enum row {
#define HOOK(type, name, parameters, missing) ROW_##name,
#include "hooks/hooks.def"
#undef HOOK
    ROW_COUNT
};
#define HOOK(type, name, parameters, missing)                                                      \
    _Static_assert(offsetof(struct real, name) == ROW_##name * sizeof(void *), "one row a "        \
                                                                               "pointer");
#include "hooks/hooks.def"
#undef HOOK

/* What stands in for an original that does not exist. They are reached by a jump with the
 * arguments of any function in the table, and so must not look at more than their own. */
typedef void function(void);

static long fails(void)
{
    errno = ENOSYS;
    return -1;
}

static void *null(void)
{
    return NULL;
}

static void exits(int status)
{
    for (;;)
        real.syscall(SYS_exit_group, status);
}

/* closefrom() can't say that it failed, and a program that found ours by dlsym() relies on it. */
static void closes(int first)
{
    struct rlimit limit;
    unsigned from = first < 0 ? 0 : (unsigned)first;
    if (real.syscall(SYS_close_range, from, ~0U, 0) == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    for (rlim_t fd = from; fd < limit.rlim_cur; fd++)
        real.syscall(SYS_close, (int)fd);
}

static const struct {
    const char *name;
    function *trampoline;
    function *missing;
} rows[ROW_COUNT] = {
// NOLINTBEGIN(bugprone-macro-parentheses): `missing` is the name of a function
#define HOOK(type, name, parameters, missing)                                                      \
    [ROW_##name] = {#name, (function *)trampoline_##name, (function *)missing},
// NOLINTEND(bugprone-macro-parentheses)
#include "hooks/hooks.def"
#undef HOOK
};

/* The pointers as an array: all fields are pointers to functions, checked above. */
static function **slot(unsigned row)
{
    return &((function **)&real)[row];
}

/* Makes it what the agent itself calls, too, if it calls it. */
static void note_own(unsigned row, function *original)
{
    static const struct {
        unsigned row;
        function **own;
    } own[] = {
#define OS(type, name, parameters) {ROW_##name, (function **)&os.name},
#include "agent/base/os.def"
#undef OS
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (own[i].row == row)
            __atomic_store_n(own[i].own, original, __ATOMIC_RELEASE);
}

/* Before glibc 2.34 dlopen() lies in libdl, which may come later. Otherwise what a library opened
 * later calls `shutdown` is its own affair. Where the program has opened us itself, libc comes
 * before us. */
static function *find(unsigned row)
{
    int saved = errno;
    static const char libc[] = "libc.|libdl.";
    function *original = (function *)library_find(rows[row].name, NULL, libc);
    if (!original)
        original = (function *)library_find_anywhere(rows[row].name, libc);
    if (original) {
        __atomic_store_n(slot(row), original, __ATOMIC_RELEASE);
        note_own(row, original);
    }
    errno = saved;
    return original;
}

/* Called by the trampolines, which then jump to the result. */
function *real_target(unsigned row);
function *real_target(unsigned row)
{
    function *original = find(row);
    return original ? original : rows[row].missing;
}

void real_resolve_syscall(void)
{
    find(ROW_syscall);
}

void real_resolve(void)
{
    for (unsigned row = 0; row < ROW_COUNT; row++)
        if (__atomic_load_n(slot(row), __ATOMIC_RELAXED) == rows[row].trampoline)
            find(row);
}
