// SPDX-License-Identifier: Apache-2.0
#include "exporter/frames_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/span/frames.h"

/* A trace being read. */
struct reading {
    const char *at;
    const char *end;
    unsigned modules;
    unsigned frames;
    struct {
        uint64_t identity;
        struct slice path;
    } module[FRAMES_MODULES_MOST];
    uint64_t frame[FRAMES_MOST];
    struct symbol symbol[FRAMES_MOST];
};

static bool take(struct reading *r, void *to, size_t bytes)
{
    if (bytes > (size_t)(r->end - r->at))
        return false;
    memcpy(to, r->at, bytes);
    r->at += bytes;
    return true;
}

static bool take_module(struct reading *r, unsigned number)
{
    struct frames_module module;
    if (!take(r, &module, sizeof module) || module.length > FRAMES_PATH_BYTES ||
        FRAMES_PADDED(module.length) > (size_t)(r->end - r->at))
        return false;
    r->module[number].identity = module.identity;
    r->module[number].path = (struct slice){r->at, module.length};
    r->at += FRAMES_PADDED(module.length);
    return true;
}

static bool take_all(struct reading *r)
{
    struct frames_head head;
    if (!take(r, &head, sizeof head) || head.modules > FRAMES_MODULES_MOST ||
        head.frames > FRAMES_MOST)
        return false;
    r->modules = head.modules;
    r->frames = head.frames;
    for (unsigned i = 0; i < r->modules; i++)
        if (!take_module(r, i))
            return false;
    return take(r, r->frame, r->frames * sizeof *r->frame);
}

static unsigned module_of(const struct reading *r, unsigned frame)
{
    return (unsigned)(r->frame[frame] >> FRAMES_ADDRESS_BITS);
}

/* All of a module's frames at once, because its file is read once then. */
static void name_frames(struct symbols *symbols, struct reading *r, unsigned module)
{
    char path[FRAMES_PATH_BYTES + 1];
    struct symbol wanted[FRAMES_MOST];
    unsigned places[FRAMES_MOST];
    size_t count = 0;
    for (unsigned i = 0; i < r->frames; i++)
        if (module_of(r, i) == module) {
            wanted[count] = (struct symbol){.address = r->frame[i] & FRAMES_ADDRESS_MASK};
            places[count++] = i;
        }
    memcpy(path, r->module[module].path.at, r->module[module].path.length);
    path[r->module[module].path.length] = '\0';
    symbols_find(symbols, path, r->module[module].identity, wanted, count);
    for (size_t i = 0; i < count; i++)
        r->symbol[places[i]] = wanted[i];
}

static struct slice file_name(struct slice path)
{
    for (size_t i = path.length; i > 0; i--)
        if (path.at[i - 1] == '/')
            return slice_after(path, i);
    return path;
}

static int write_frame(const struct reading *r, unsigned frame, char *line, size_t bytes)
{
    unsigned module = module_of(r, frame);
    uint64_t address = r->frame[frame] & FRAMES_ADDRESS_MASK;
    if (module >= r->modules)
        return snprintf(line, bytes, "0x%" PRIx64 "\n", address);
    struct slice file = file_name(r->module[module].path);
    const struct symbol *symbol = &r->symbol[frame];
    if (!symbol->name[0])
        return snprintf(line, bytes, "%.*s+0x%" PRIx64 "\n", (int)file.length, file.at, address);
    return snprintf(line, bytes, "%s+0x%" PRIx64 " (%.*s)\n", symbol->name, address - symbol->start,
                    (int)file.length, file.at);
}

struct slice frames_text(struct symbols *symbols, struct slice frames, char out[FRAMES_TEXT_BYTES])
{
    struct reading r = {.at = frames.at, .end = frames.at + frames.length};
    size_t used = 0;
    if (!take_all(&r))
        return SLICE_NONE;
    for (unsigned i = 0; i < r.modules; i++)
        name_frames(symbols, &r, i);
    for (unsigned i = 0; i < r.frames; i++) {
        char line[SYMBOL_NAME_BYTES + FRAMES_PATH_BYTES + 32];
        size_t length = (size_t)write_frame(&r, i, line, sizeof line);
        if (length > FRAMES_TEXT_BYTES - used)
            break;
        memcpy(out + used, line, length);
        used += length;
    }
    return used ? (struct slice){out, used - 1} : SLICE_NONE;
}

static void copy_entry(struct span *to, const struct span_entry *entry)
{
    uint32_t bytes = (uint32_t)(sizeof *entry + FRAMES_PADDED(entry->length));
    if (bytes > to->capacity - to->record->length)
        return;
    memcpy((char *)to->record + to->record->length, entry, sizeof *entry + entry->length);
    to->record->length += bytes;
}

void frames_spell(struct symbols *symbols, const struct span_record *record, void *to,
                  uint32_t capacity)
{
    char text[FRAMES_TEXT_BYTES];
    struct span span = {to, capacity, (int32_t)(capacity & ~7u)}; /* nobody has a reserve here */
    bool spelled = false;
    *span.record = *record;
    span.record->length = sizeof *record;
    for (const struct span_entry *entry = span_next_entry(record, NULL); entry;
         entry = span_next_entry(record, entry)) {
        if (entry->kind != SPAN_ENTRY_FRAMES) {
            copy_entry(&span, entry);
            continue;
        }
        if (spelled) /* who wrote it is damaged: one is all there is room for */
            continue;
        struct slice trace = frames_text(symbols, span_entry_text(entry), text);
        span_string(&span, ATTRIBUTE_EXCEPTION_STACKTRACE, trace);
        span_string(&span, ATTRIBUTE_ERROR_STACK, trace);
        spelled = true;
    }
}
