// SPDX-License-Identifier: Apache-2.0
/* os.h - the agent's own calls, past its own hooks.
 *
 * Within the shared object `close` is our hook, which takes whatever it sees for the program's: a
 * descriptor of ours for a connection, our connection for a request's. So the agent calls
 * `os.close` and the like, the functions behind the hooks. What nobody hooks is called by its name.
 *
 * In the shared object hooks/originals/real.c fills the table: each pointer starts at a trampoline
 * that finds its original, so calls from before the constructor find it, too. What has no hooks
 * before it, a test or a fuzzer, links os.c, where they are the C library's. Nobody else writes. */
#ifndef AGENT_OS_H
#define AGENT_OS_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

struct os {
// NOLINTNEXTLINE(bugprone-macro-parentheses): a type and a parameter list
#define OS(type, name, parameters) type(*name) parameters;
#include "agent/base/os.def"
#undef OS
};

/* Said to be hidden here too, so that a call goes through it without a detour by the GOT. */
extern __attribute__((visibility("hidden"))) struct os os;

#endif
