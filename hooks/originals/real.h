// SPDX-License-Identifier: Apache-2.0
/* real.h - the functions behind our hooks, under their own names.
 *
 * A hook can be called before our constructor has run: by constructors of other libraries, by a
 * malloc replacement, by the loader's helpers. So each pointer starts at a trampoline that looks
 * its original up, stores it and jumps there, and a hook calls through without asking. A
 * trampoline looks up its own function only, and with library.h instead of dlsym(), because a
 * failing dlsym() allocates, and an early caller may be malloc itself.
 *
 * Where libc lacks a function (an older one, or musl) the trampoline stays and answers each time
 * as the function would fail, -1 and ENOSYS, after another look. */
#ifndef HOOKS_REAL_H
#define HOOKS_REAL_H

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

/* A definition that programs bind to; everything else is hidden. Hot, and the look-ups of image.h
 * and library.h cold, because the linker lays both beside the constructor: a program that never
 * serves then has one run of our pages resident instead of three. */
#define EXPORT __attribute__((visibility("default"), hot))

/* Writers store a whole pointer, always the same one, so a hook that reads meanwhile finds the
 * trampoline or the original, and either does. */
struct real {
// NOLINTNEXTLINE(bugprone-macro-parentheses): a type and a parameter list
#define HOOK(type, name, parameters, missing) type(*name) parameters;
#define ALIAS(name, hook)
#include "hooks/hooks.def"
#undef ALIAS
#undef HOOK
};

/* Said to be hidden here too, so that a hook calls through it without a detour by the GOT. */
extern __attribute__((visibility("hidden"))) struct real real;

/* Looks up what the way to a stack of the agent's own calls. For the constructor: later the
 * caller's stack may be too small for it. */
void real_resolve_syscall(void);

/* Looks up what is not known yet. May be called again at any time from any thread, but looks
 * through every loaded object, so not for a request's path. errno is kept. */
__attribute__((cold)) void real_resolve(void);

#endif
