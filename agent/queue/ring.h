// SPDX-License-Identifier: Apache-2.0
/* ring.h - finished spans on their way to the exporter.
 *
 * Many threads write, one reads. A write never blocks, never allocates and makes no system call
 * (but for a thread's first, which asks for its id): when the ring is full the record is dropped
 * and the caller counts it, because an application must not wait for its own telemetry. A signal
 * handler may write in the middle of the write it interrupted.
 *
 * A writer that is killed, cancelled or jumps away in the middle of a record blocks the reader
 * for about a second at most; then its record is retired and counted. Its memory is not used again
 * while it may still be written (see ring.c), so a writer that was merely slow spoils nobody's
 * record.
 *
 * The ring has no pointers inside: it may be mapped elsewhere and by other processes. */
#ifndef AGENT_RING_H
#define AGENT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_RECORD_BYTES_MAX 16384u
#define RING_RECORDS_MAX      ((1u << 20) - 1) /* records that may wait, whatever the limit is */

struct ring;

/* Bytes of memory for at least that many bytes of records, each counted as a multiple of 56. */
size_t ring_bytes(size_t capacity_bytes);

/* Makes a ring in zeroed memory, aligned to 64 bytes or better. It uses the largest power of two
 * that fits and touches only its head. NULL: misaligned, or too small for one record. */
struct ring *ring_init(void *memory, size_t bytes);

/* From now on only the first `bytes` of its memory, head included, may be touched; all of it where
 * that is as much as it has. At first all. One thread at a time; values only rise. */
void ring_grown(struct ring *ring, size_t bytes);

/* How many bytes that are; SIZE_MAX: all. */
size_t ring_ready(const struct ring *ring);

/* Will writers soon come to what is not ready? */
bool ring_wants_more(const struct ring *ring);

/* Bounds how many records may wait, 1..RING_RECORDS_MAX (values outside are brought inside).
 * Before the first write. */
void ring_set_limit(struct ring *ring, uint32_t records);

/* Any thread, also in a signal handler. `record` may be unaligned; `length` is a multiple of 8 in
 * 8..RING_RECORD_BYTES_MAX. False: the ring is full (or the length is wrong), nothing was written,
 * the caller counts. True: the record is in the ring, or the reader lost patience with this writer
 * and has counted the record as abandoned; either way it is accounted for. */
bool ring_write(struct ring *ring, const void *record, uint32_t length);

/* The same, for whoever does not write each span: so the other one has one caller, and is inlined
 * there. */
bool ring_write_seldom(struct ring *ring, const void *record, uint32_t length);

/* One reader. Copies the oldest record it has not seen yet to `into` (8-byte aligned, `capacity`
 * bytes, at least RING_RECORD_BYTES_MAX: a record that does not fit is dropped and counted as
 * abandoned). The record stays where it is until ring_release(), so that it outlives a reader who
 * is killed before he has passed it on. Returns its length, 0 when there is none or the next one is
 * still being written. Keeps errno. */
uint32_t ring_peek(struct ring *ring, void *into, uint32_t capacity);

/* The next record was being written when the reader last looked. Look again within 100 ms, because
 * patience is measured in time and in visits. */
bool ring_is_stalled(const struct ring *ring);

/* Notes `what`, 1..1048575, about all records that it has seen; 0: nothing. It is kept for those
 * that are not released before the reader is killed. One note at a time: a new one replaces it. */
void ring_note(struct ring *ring, uint32_t what);

/* What the reader before this one noted about the record that ring_peek() gives next; 0: nothing,
 * or there is none. */
uint32_t ring_noted(const struct ring *ring);

/* The reader is done with all it has seen: its place is given to writers. */
void ring_release(struct ring *ring);

/* Makes the caller the reader of a ring, in `bytes` of memory, whose last reader has ended,
 * wherever that was: what it had peeked at and not released is seen again. Nobody writes there any
 * more: a record that is half written is retired at once. False: this is no ring. */
bool ring_adopt(struct ring *ring, size_t bytes);

/* Peeks and releases. */
uint32_t ring_read(struct ring *ring, void *into, uint32_t capacity);

/* Records claimed and not yet released: waiting, being written, or on their way. */
uint32_t ring_pending(const struct ring *ring);

/* More than half full, in bytes or in records, or what is ready will be soon: for a writer to
 * decide on a wake-up. */
bool ring_is_filling(const struct ring *ring);

/* Since ring_init: records retired because their writer did not finish them, and records written,
 * the retired ones not included (exact while no write is under way). */
uint64_t ring_abandoned(const struct ring *ring);
uint64_t ring_written(const struct ring *ring);

/* Forgets the thread ids that writers have cached, all threads'. In a forked child, before its
 * first write: the ids it inherited are its parent's. */
void ring_thread_reset(void);

#endif
