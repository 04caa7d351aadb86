// SPDX-License-Identifier: Apache-2.0
/* What a killed process left may be cut, spoilt or made by somebody: it is read without a crash and
 * to an end, and what is read is encoded or refused.
 *
 * Input: a byte that says how the file is spoilt, then changes of eight bytes each: two of where,
 * one of how, five of what. Whole words are changed, and mostly those that mean something: the
 * header, the ring's head, its control words, the records. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/process.h"
#include "agent/describe/describe.h"
#include "agent/queue/lodging.h"
#include "agent/queue/recovery.h"
#include "agent/queue/region.h"
#include "agent/queue/region_memory.h"
#include "agent/span/span.h"
#include "config/config.h"
#include "exporter/otlp/otlp.h"

#define KEY          7
#define RECORDS      48
#define OPEN         5
#define LODGED       3 /* and so many of children */
#define CHANGE_BYTES 8
#define RING_HEAD    256
#define GRANULE      64
#define READS_MOST   (1u << 17) /* more than any ring of this size holds */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/dev/shm/fuzz_region.XXXXXX";
static char own[64]; /* its directory */
static char path[192];
static unsigned char *whole; /* a region as a killed process leaves it */
static size_t whole_bytes;
static uint32_t dead_pid;
static struct config config;
static struct otlp otlp;

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static const char *nothing_set(void *context, const char *name)
{
    (void)context;
    (void)name;
    return NULL;
}

/* However this process ends, and most end by a finding, a child outlives it that tidies up: the end
 * of a pipe is the end of all who can write to it. */
static void remove_directory_at_the_end(void)
{
    int ends[2];
    char byte;
    demand(pipe(ends) == 0);
    if (fork() != 0) {
        close(ends[0]);
        return;
    }
    setsid(); /* timeout(1) kills its whole process group */
    for (int number = 1; number < SIGCHLD; number++)
        signal(number, SIG_IGN);
    close(ends[1]);
    while (read(ends[0], &byte, 1) > 0)
        ;
    unlink(path);
    rmdir(own);
    rmdir(directory);
    _exit(0);
}

static void make_record(struct span *span, void *memory, uint32_t room, unsigned number)
{
    struct span_context self = {.trace_id = {1}, .span_id = {(uint8_t)number, 2}};
    span_begin(span, memory, room, (enum span_scope)(number % SPAN_SCOPE_COUNT), SPAN_KIND_SERVER,
               &self, NULL, 1000);
    span_name(span, SLICE_LITERAL("GET /some/{id}"));
    span_tracestate(span, SLICE_LITERAL("a=b"));
    span_string(span, ATTRIBUTE_URL_PATH, SLICE_LITERAL("/some/17"));
    span_integer(span, ATTRIBUTE_SERVER_PORT, 8080);
    span_header(span, true, SLICE_LITERAL("x-tenant"), SLICE_LITERAL("blue"));
    span_error(span, SLICE_LITERAL("broken"));
    span_event(span, (enum event)(number % EVENT_COUNT), 1500);
    span_link(span, &self);
}

static void set_open(struct region_open *open, unsigned number)
{
    struct span span;
    uint64_t id;
    make_record(&span, open->record, sizeof open->record, number);
    memcpy(&id, span.record->span_id, sizeof id);
    atomic_store(&open->in_flight, id);
}

/* The children's places: one of them was killed. */
static void fill_lodgings(struct region *region)
{
    size_t all = REGION_LODGERS * REGION_LODGER_BYTES;
    demand(region_populate((char *)region->header, region->bytes - all, region->bytes));
    lodging_open(region);
    atomic_store(&region->header->lodgings_ready, LODGED);
    atomic_store(&region->header->lodgers[1].pid, INT32_MAX); /* nobody has that number */
    for (unsigned i = 0; i < LODGED; i++)
        set_open(lodging_place(region, i), 200 + i);
}

static void fill(struct region *region)
{
    static const struct span_process child = {.pid = 1, .parent_pid = 2, .instance = {3}};
    static _Alignas(8) unsigned char memory[RING_RECORD_BYTES_MAX];
    struct span span;
    for (unsigned i = 0; i < RECORDS; i++) {
        span_say_process(i % 3 ? NULL : &child);
        make_record(&span, memory, sizeof memory, i);
        span_end(&span, 2000);
        demand(ring_write(region->ring, span.record, span.record->length));
        if (i < RECORDS / 3)
            demand(ring_read(region->ring, memory, RING_RECORD_BYTES_MAX) != 0);
    }
    span_say_process(NULL);
    for (unsigned i = 0; i < OPEN; i++)
        set_open(&region->open[i], 100 + i);
    span_say_process(&child);
    fill_lodgings(region);
    span_say_process(NULL);
}

static void make_region(void)
{
    struct region region;
    struct region_place place = {directory, KEY, SLICE_LITERAL("\x0a\x03xyz")};
    demand(mkdtemp(directory) != NULL);
    demand(region_init(&region, RECORDS, &place) && region.path[0]);
    fill(&region);
    whole_bytes = region.bytes;
    whole = malloc(whole_bytes);
    demand(whole != NULL);
    memcpy(whole, region.header, whole_bytes);
    region_unlink(&region);
    region_forget(&region);
}

/* An id that nobody has. */
static void find_dead(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    dead_pid = (uint32_t)child;
    snprintf(own, sizeof own, "%s/" REGION_PREFIX "%u", directory, (unsigned)geteuid());
    snprintf(path, sizeof path, "%s/" REGION_PREFIX "%016x-%llx-%u-%08x", own, KEY,
             (unsigned long long)process_namespace(), dead_pid, 1u);
}

static void prepare(void)
{
    make_region();
    find_dead();
    remove_directory_at_the_end();
    demand(config_parse(&config, nothing_set, NULL, NULL) && otlp_init(&otlp, &config));
    recovery_init(directory, KEY);
}

/* ---- spoiling ---- */

static size_t open_at(size_t open, size_t number)
{
    return number < OPEN ? open + number * sizeof(struct region_open)
                         : open + REGION_OPEN * sizeof(struct region_open) +
                               (number - OPEN) * REGION_LODGER_BYTES;
}

static size_t place_of(const uint8_t *change)
{
    size_t number = (size_t)change[0] | (size_t)change[1] << 8;
    const struct region_header *header = (const struct region_header *)whole;
    size_t ring = REGION_RING;
    size_t open = ring + header->ring_bytes;
    switch (change[2] % 6) {
    case 0:
        return number * 4 % sizeof *header;
    case 1:
        return ring + number * 4 % RING_HEAD;
    case 2: /* control words of the first granules */
        return ring + RING_HEAD + number % 512 * GRANULE;
    case 3: /* of any */
        return ring + RING_HEAD + number * GRANULE % (header->ring_bytes - RING_HEAD);
    case 4:
        return ring + number * 4 % 32768;
    default:
        return open_at(open, number % (OPEN + LODGED)) + number / (OPEN + LODGED) * 4 % 512;
    }
}

static void change(unsigned char *memory, size_t bytes, const uint8_t *how)
{
    size_t at = place_of(how);
    uint64_t word = 0;
    uint64_t more = 0;
    if (at + sizeof word > bytes)
        return;
    memcpy(&word, memory + at, sizeof word);
    memcpy(&more, how + 3, 5);
    switch (how[2] / 6 % 5) {
    case 0:
        word = more;
        break;
    case 1:
        word ^= more;
        break;
    case 2:
        word += more;
        break;
    case 3:
        word |= more << 24;
        break;
    default: /* as it stands elsewhere */
        memcpy(&word, memory + more % (bytes - sizeof word) / 8 * 8, sizeof word);
    }
    memcpy(memory + at, &word, sizeof word);
}

static void write_file(const uint8_t *data, size_t size)
{
    static unsigned char *copy;
    size_t bytes = data[0] & 1 ? whole_bytes : whole_bytes - data[0] * 4096u % whole_bytes;
    if (!copy)
        copy = malloc(whole_bytes);
    demand(copy != NULL);
    memcpy(copy, whole, whole_bytes);
    ((struct region_header *)copy)->pid = dead_pid;
    for (data++, size--; size >= CHANGE_BYTES; data += CHANGE_BYTES, size -= CHANGE_BYTES)
        change(copy, whole_bytes, data);
    (void)mkdir(own, 0700); /* it goes with each file */
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    demand(fd >= 0);
    demand(write(fd, copy, bytes) == (ssize_t)bytes);
    close(fd);
}

/* ---- reading, as the exporter does ---- */

static void encode(const struct span_record *record, uint32_t length, int64_t offset_ns,
                   struct slice resource)
{
    static _Alignas(8) unsigned char words[DESCRIBE_BYTES(RING_RECORD_BYTES_MAX)];
    if (length >= sizeof *record && record->length <= length && record->facts_at) {
        record = describe(record, words, sizeof words);
        length = record->length;
    }
    struct otlp_body body;
    struct span_process child;
    if (length >= sizeof *record && record->length <= length && span_find_process(record, &child))
        otlp_add_of_child(&otlp, record, length, offset_ns, &child, resource);
    else
        otlp_add(&otlp, record, length, offset_ns);
    if (otlp.spans < 100 && otlp_room(&otlp))
        return;
    otlp_finish(&otlp, SLICE_LITERAL(""), &body);
    otlp_clear(&otlp);
}

static void inherit(void)
{
    static _Alignas(8) unsigned char memory[RING_RECORD_BYTES_MAX];
    struct span_record *record = (struct span_record *)memory;
    struct recovery dead;
    struct otlp_body body;
    unsigned reads = 0;
    uint32_t length;
    if (!recovery_begin(&dead))
        return;
    while ((length = ring_peek(dead.ring, record, sizeof memory)) != 0) {
        demand(++reads < READS_MOST && length <= sizeof memory);
        recovery_saw(&dead, record);
        encode(record, length, dead.unix_offset_ns, dead.resource);
        demand(ring_noted(dead.ring) < 1u << 20);
        if (reads % 5 == 0)
            recovery_note(&dead, reads);
        if (reads % 7 == 0)
            ring_release(dead.ring);
    }
    (void)recovery_noted(&dead);
    while ((length = recovery_next_open(&dead, record)) != 0) {
        demand(++reads < READS_MOST && length <= sizeof memory);
        encode(record, length, dead.unix_offset_ns, dead.resource);
    }
    ring_release(dead.ring);
    recovery_settle(&dead);
    otlp_finish(&otlp, dead.resource, &body);
    otlp_clear(&otlp);
    recovery_end(&dead, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!whole)
        prepare();
    if (size < 1)
        return 0;
    write_file(data, size);
    inherit();
    unlink(path);
    return 0;
}
