// SPDX-License-Identifier: Apache-2.0
/* region.h - the memory of a process's unfinished business: finished spans that have not left, and
 * what is known so far of requests that are being answered.
 *
 * It is a file, if it can be, mapped and position-independent, so that a process that is killed
 * loses none of it: the next process of the same service finds the file and sends what it holds
 * (recovery.h). What is touched of the file is allocated before, because a mapped file on a full
 * disk is a SIGBUS: a first part when it is made, more as that fills, because most processes need
 * little and a thread of the program waits for it. Where a file can't be had, anonymous memory does
 * as well until the end.
 *
 * Only the owner's thread that exports reads the ring; when the owner is gone, whoever holds the
 * lock on the file. */
#ifndef AGENT_REGION_H
#define AGENT_REGION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/queue/region_files.h"
#include "agent/queue/ring.h"

#define REGION_MAGIC   UINT64_C(0x6f74656c72656732)
#define REGION_VOID    UINT64_C(0) /* instead: nothing in it is of interest any more */
#define REGION_VERSION 8u /* its records may hold facts; a sign of life comes each minute */
#define REGION_VERSION_READ                                                                        \
    7u /* and up: before that records are in words, all else is the same                           \
        */
#define REGION_ALIVE_NS       60000000000           /* between two signs of life, at most */
#define REGION_STALE_NS       (3 * REGION_ALIVE_NS) /* without one, where nothing else tells */
#define REGION_EXECED_NS      60000000000 /* likewise, of one that has said that it would exec */
#define REGION_RESOURCE_BYTES 86016       /* a hole beyond what is used of it */
#define REGION_OPEN           64          /* requests in flight that outlive the process */
#define REGION_OPEN_BYTES     7168

/* A span that has not ended. */
struct region_open {
    /* The id of the span in flight whose record this is; REGION_ENDING: it is being passed on; 0:
     * none. A forked child, and after a crash another process, may report the span instead of us:
     * whoever takes the id away by CAS. Release with the record, acquire before it is read. */
    _Atomic uint64_t in_flight;
    _Atomic uint64_t ended; /* the last one that somebody reported here; before in_flight changes */
    _Alignas(8) unsigned char record[REGION_OPEN_BYTES - 16];
};
#define REGION_ENDING UINT64_MAX

/* A forked child that has a place in its parent's region (lodging.h). */
struct region_lodger {
    _Atomic uint32_t pid;      /* 0: nobody has the place; all zero then */
    _Atomic uint32_t signal;   /* that ended it, where its parent has been told; or LODGING_* */
    _Atomic uint64_t since_ns; /* CLOCK_BOOTTIME; 0: it has come just now */
    _Atomic uint64_t
        ended_ns; /* likewise: when that was seen; odd: its parent has asked; 0: not yet */
    _Atomic uint32_t writing; /* 1: it may be writing to the ring */
    uint32_t reserved;
};
#define REGION_LODGERS      64
#define REGION_LODGER_BYTES ((size_t)8192) /* of its place */
#define REGION_LODGER_WORDS 126u
#define REGION_LODGER_PAST  (REGION_LODGER_WORDS * 64)

/* Its place. Others use it after it, so it is known for a while what became of each use: one after
 * which `open.ended` is another than `before` has been reported, and use number n has bit
 * n % REGION_LODGER_PAST then. */
struct region_lodging {
    struct region_open open;
    _Atomic uint64_t uses; /* so many have begun; release with what is known of those before */
    uint64_t before;       /* open.ended, when this use began */
    _Atomic uint64_t past[REGION_LODGER_WORDS];
};

/* At the region's base; offsets in bytes from there. */
struct region_header {
    uint64_t magic;
    uint32_t version;
    uint32_t pid;            /* as the process itself sees it, in the pid namespace of that inode */
    uint64_t pid_namespace;  /* 0: unknown */
    uint64_t started_ticks;  /* when the process started, field 22 of /proc/PID/stat; 0: unknown */
    uint64_t bytes;          /* the whole region */
    uint64_t ring_bytes;     /* from REGION_RING on; then the open spans, then lodgers' places */
    uint64_t resource_bytes; /* from REGION_RESOURCE on: an encoded Resource message */
    _Atomic int64_t unix_offset_ns; /* what to add to its records' times */
    _Atomic uint64_t alive_ns;      /* CLOCK_MONOTONIC: the process was seen at work */
    _Atomic uint32_t signal;        /* that ended the process, where somebody knows; else 0 */
    /* CLOCK_MONOTONIC: the process was about to become another program (exec); else 0. Then a bit
     * for each open span whose connection goes on there. */
    _Atomic uint64_t replaced_ns;
    _Atomic uint64_t handed_on;
    /* What the file has room for, of the ring in bytes, and of the open spans; the rest is a hole.
     */
    _Atomic uint64_t ring_ready;
    _Atomic uint32_t open_ready;
    /* What an heir noted about open spans (recovery_note), shifted left by 32, and up to which. 0:
     * nothing, as in the files of versions that do not know it. */
    _Atomic uint64_t open_noted;
    _Atomic uint32_t lodging; /* enum lodging */
    /* So many places of lodgers have memory, the first ones; the rest is a hole. */
    _Atomic uint32_t lodgings_ready;
    uint32_t user;          /* that it acted as when it made the region */
    _Atomic uint32_t rests; /* 1: who lodges here has to say so to the thread (rest.h) */
    struct region_lodger lodgers[REGION_LODGERS];
};

#define REGION_RESOURCE 4096u
#define REGION_RING     (REGION_RESOURCE + REGION_RESOURCE_BYTES)

struct region {
    struct region_header *header; /* NULL: no region */
    size_t bytes;
    struct ring *ring;
    struct region_open *open;    /* REGION_OPEN of them, of which the first `open_ready` may be */
    _Atomic uint32_t open_ready; /* touched; 0 where there is no region */
    _Atomic bool growing;
    char path[REGION_PATH_BYTES]; /* of the file; empty: anonymous memory */
};

/* Where a region's file goes, and what it says of its process. */
struct region_place {
    const char *directory; /* NULL or empty: anonymous memory */
    uint64_t key;          /* of the service: only processes with the same one take a region over */
    struct slice resource; /* at most REGION_RESOURCE_BYTES, or it is left out */
};

static inline bool region_is_read(uint32_t version)
{
    return version >= REGION_VERSION_READ && version <= REGION_VERSION;
}

/* Makes a region whose ring holds at most `ring_records` records (1..RING_RECORDS_MAX, else brought
 * inside) and has 1 KiB of memory for each, at least 64 KiB, rounded up to a power of two. False:
 * no memory; then `region` is all zero. Keeps errno. */
bool region_init(struct region *region, size_t ring_records, const struct region_place *place);

/* Where ring_wants_more(): makes more of it ready. Where the file can't have it, the rest becomes
 * anonymous memory. False where it has to be tried again, because another thread is publishing what
 * it made ready. Any number of threads, but on the program's only where the exporter's was not in
 * time. Keeps errno. */
bool region_grow(struct region *region);

/* All open spans may be touched from now on, if the file can have them. Likewise. */
void region_grow_open(struct region *region);

/* Maps what a region's file holds, for a process that has locked it; `bytes` is the file's size.
 * False: it is no region, or not a whole one. */
bool region_map(struct region *region, int fd, size_t bytes);

/* The span with that id, never 0, is to be reported by the caller. False: somebody else has. Until
 * in_flight is cleared, its end is under way. */
bool region_take_open(struct region_open *open, uint64_t id);

/* Is anything in it that nobody has been told? */
bool region_has_something(const struct region *region);

/* The process is in good health at that moment; the offset as clock_unix_offset_ns() gives it. */
void region_is_alive(struct region *region, uint64_t now_ns, int64_t unix_offset_ns);

/* Was that longer ago? The header may be anybody's. */
bool region_is_silent(const struct region_header *header, int64_t for_ns);

/* The process ends: the file goes, if there is nothing in it. */
void region_leave(struct region *region);

/* Likewise where the process is about to become another program, which may fail: then all goes on,
 * but where the file has gone, nothing outlives the process any more. `handed_on` as in the header.
 */
void region_replace(struct region *region, uint64_t handed_on);

/* Removes the file: from now on nobody takes the region over. Where the process may not, because it
 * is another user by now, it says in the file that it is void. */
void region_unlink(struct region *region);

/* Unmaps it. In a forked child: the file is the parent's and stays. */
void region_forget(struct region *region);

#endif
