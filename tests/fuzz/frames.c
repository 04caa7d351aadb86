// SPDX-License-Identifier: Apache-2.0
/* Stack traces of a record that may be anybody's, and the ELF files they name: the first half of
 * the input is a record's entry, the second a file, whose identity the entry is given. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/span/frames.h"
#include "exporter/frames_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

/* A file of these bytes, and its path; the descriptor. */
static int make_file(const uint8_t *data, size_t size, char *path, size_t bytes, uint64_t *identity)
{
    unsigned char beginning[FRAMES_IDENTITY_READ] = {0};
    int fd = memfd_create("file", MFD_CLOEXEC);
    demand(fd >= 0 && (size == 0 || write(fd, data, size) == (ssize_t)size));
    memcpy(beginning, data, size < sizeof beginning ? size : sizeof beginning);
    *identity = frames_identity(beginning);
    snprintf(path, bytes, "/proc/self/fd/%d", fd);
    return fd;
}

/* The entry as it is, as the only event of a span. */
static void spell(struct symbols *symbols, struct slice frames)
{
    static _Alignas(8) unsigned char memory[16384];
    static _Alignas(8) unsigned char spelled[FRAMES_RECORD_BYTES(sizeof memory)];
    struct span span;
    struct span_context self = {.flags = TRACE_FLAG_SAMPLED};
    span_begin(&span, memory, sizeof memory, SPAN_SCOPE_MYSQL, SPAN_KIND_CLIENT, &self, NULL, 1);
    span_event(&span, EVENT_EXCEPTION, 2);
    span_frames(&span, frames);
    span_string(&span, ATTRIBUTE_EXCEPTION_TYPE, SLICE_LITERAL("last"));
    span_end(&span, 3);
    frames_spell(symbols, span.record, spelled, sizeof spelled);
    const struct span_record *record = (const struct span_record *)spelled;
    demand(record->length <= sizeof spelled);
    demand(slice_equal(span_find_string(record, ATTRIBUTE_EXCEPTION_TYPE), SLICE_LITERAL("last")));
    struct slice trace = span_find_string(record, ATTRIBUTE_EXCEPTION_STACKTRACE);
    demand(trace.length < FRAMES_TEXT_BYTES);
}

/* A trace of one module with four addresses of the input. */
static void name(struct symbols *symbols, const char *path, uint64_t identity, const uint8_t *data,
                 size_t size)
{
    struct {
        struct frames_head head;
        uint64_t identity; /* struct frames_module */
        uint32_t length;
        uint32_t reserved;
        char path[32];
        uint64_t frames[4];
    } trace = {{1, 4, 0}, identity, sizeof trace.path, 0, {0}, {0}};
    memcpy(trace.path, path, strlen(path));
    memcpy(trace.frames, data, size < sizeof trace.frames ? size : sizeof trace.frames);
    for (int i = 0; i < 4; i++)
        trace.frames[i] &= FRAMES_ADDRESS_MASK;
    spell(symbols, (struct slice){(const char *)&trace, sizeof trace});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct symbols symbols;
    char path[32];
    uint64_t identity;
    size_t half = size < 512 ? size / 2 : 256;
    demand(symbols_init(&symbols));
    spell(&symbols, (struct slice){(const char *)data, half});
    int fd = make_file(data + half, size - half, path, sizeof path, &identity);
    name(&symbols, path, identity, data, half);
    close(fd);
    return 0;
}
