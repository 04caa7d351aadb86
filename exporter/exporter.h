// SPDX-License-Identifier: Apache-2.0
/* exporter.h - the thread that carries spans out.
 *
 * It starts with the first span, sleeps, takes records out of the ring in batches, and hands each
 * batch to every configured exporter: collector, file, console. Each record it takes is counted
 * once: exported (every exporter has it), refused by the collector, or dropped because one of
 * them failed for good. While a batch is tried again the ring may fill; writers count that.
 *
 * It allocates from maps of its own, holds no lock, and uses these system calls only, so that a
 * program's seccomp filter can allow them: futex, poll, socket, setsockopt, getsockopt, connect,
 * sendmsg, recvfrom, fstat, fcntl, close, read, write, openat, flock, lseek, ftruncate, mmap,
 * munmap, madvise, getpid, prctl (its name), prlimit64, pwritev2, rt_sigtimedwait, ioctl; for what
 * processes leave to others getdents64, newfstatat, pread64, kill, geteuid, unlink, mkdir, rmdir;
 * where no filter is in force sched_getscheduler and sched_setscheduler;
 * of the C library's for any thread rseq, set_robust_list, rt_sigprocmask and exit; and what
 * getaddrinfo() needs where the collector's host is a name: once a minute, and after a post that
 * was not accepted. The program's own threads make these on our behalf when it is loaded, before
 * the first span, for sockets from elsewhere and at exit or exec: readlink, statfs, mkdir,
 * pwrite64, rename, getrandom, gettid, clone3 (before glibc 2.34 clone), mprotect, sigaltstack,
 * sched_yield, getsockname, getpeername and ioctl. */
#ifndef EXPORTER_EXPORTER_H
#define EXPORTER_EXPORTER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/queue/ring.h"
#include "config/config.h"
#include "exporter/base/loader.h"

struct exporter_environment {
    const struct config *config;
    struct ring *const *ring; /* where the ring will be found, before the first exporter_start() */
    const char *endpoint;     /* complete URL of the collector; may be NULL without EXPORTER_OTLP */
    /* Each may be NULL. */
    /* On the thread, at least once a second, and once a minute while it rests (agent/queue/rest.h):
     * the process is well at that moment. */
    void (*alive)(uint64_t now_ns, int64_t unix_offset_ns);
    bool (*outlives)(void); /* what is left in the ring will be sent by another process */
    void (*disown)(void);   /* what is left there shall not be */
    /* Where all threads of the program have ended, but not by an exit of the process: the status of
     * its first one; else -1. Then our thread calls left() and ends, and with it the process. */
    int (*deserted)(void);
    void (*left)(void);
    bool (*has_heir)(void);      /* another process looks after what is left; or NULL */
    bool (*called)(void);        /* others have just left something to this process; or NULL */
    bool (*has_lodgers)(void);   /* others write to the ring, who can't wake us; or NULL */
    const struct loader *loader; /* for an https:// endpoint */
};

/* In the constructor: notes what it is given, finds the resource. Starts and opens nothing. */
void exporter_init(const struct exporter_environment *environment);

/* Opens what an https:// collector needs, and looks up the collector's address, where that takes a
 * resolver on a thread that is waited for for 0.2 s at most, and ends when the resolver does. At
 * the first listen(), before a server changes its root directory. Any thread; only the first call
 * counts. Without it the exporter's thread does so when it starts. Leaves nothing open. */
void exporter_prepare(void);

/* Starts the thread, named "otelagent", all signals blocked. For an https:// collector the first
 * call opens libcurl. Any thread, any number of times; after the first a load and a compare. False:
 * there is none, and won't be in this process. */
bool exporter_start(void);

/* Where another thread is at starting it, waits until it has, and until the thread makes no call
 * any more that a filter might kill for. */
void exporter_await_start(void);

/* Has the thread look at the ring now. Safe in a signal handler. */
void exporter_wake(void);

/* Sends what is in the ring, then ends and joins the thread. Each batch is tried once, and no other
 * after one that failed but may be sent later; none is begun where has_heir(). Waits for at most
 * `bound_ns`; where a process with the same state directory waited in vain a moment ago (late.h),
 * for a tenth of a second. What is left is counted as dropped, or as left behind where it outlives
 * the process. In a forked child, before exporter_child(), it does nothing. Later calls, and
 * exporter_start(), do nothing. */
void exporter_stop(uint64_t bound_ns);

/* In a forked child, after its ring is empty and its counters are zero, before anything else
 * here: no thread, a new instance; descriptors inherited from the parent's thread are closed. */
void exporter_child(void);

#endif
