// SPDX-License-Identifier: Apache-2.0
#include "exporter/console.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/standard_error.h"
#include "exporter/base/utf8.h"

#define TEXT_BYTES ((size_t)256 << 10)
#define NAME_WIDTH 46 /* columns of tree, kind and name before the times */
#define DEPTH_MOST 24

#define RED  "\033[31m"
#define DIM  "\033[2m"
#define BOLD "\033[1m"
#define OFF  "\033[0m"

void console_init(struct console *console, const struct config *config)
{
    int saved = errno;
    struct arena arena = console->arena;
    *console = (struct console){
        .say = standard_error_say,
        .color = config->console_color == WHEN_ALWAYS ||
                 (config->console_color == WHEN_AUTO && isatty(STDERR_FILENO) == 1),
        .patience_ns = 2 * (uint64_t)config->schedule_delay_ms * 1000000u,
        .arena = arena,
    };
    errno = saved;
}

/* Valid, without anything that a terminal would obey (C0 and C1 controls), cut to fit. */
static void copy_visible(char *into, size_t capacity, struct slice text)
{
    char scratch[UTF8_SCRATCH(256)];
    if (text.length > 256)
        text.length = 256; /* may cut a character: then it is replaced */
    text = utf8_clean(text, SIZE_MAX, scratch);
    if (text.length >= capacity) {
        text.length = capacity - 1;
        while (text.length && ((unsigned char)text.at[text.length] & 0xc0) == 0x80)
            text.length--;
    }
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.at[i];
        bool c1 = c == 0xc2 && (unsigned char)text.at[i + 1] < 0xa0;
        into[i] = c < 0x20 || c == 0x7f ? '?' : text.at[i];
        if (c1) {
            into[i] = '?';
            into[++i] = '?';
        }
    }
    into[text.length] = '\0';
}

static void add_detail(struct console_span *span, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_detail(struct console_span *span, const char *format, ...)
{
    char raw[256];
    size_t used = strlen(span->detail);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    if (used && used + 3 < sizeof span->detail) {
        memcpy(span->detail + used, "  ", 3);
        used += 2;
    }
    copy_visible(span->detail + used, sizeof span->detail - used, slice_of(raw));
}

static const char *first_status_message(const struct span_record *record, char *into, size_t bytes)
{
    for (const struct span_entry *entry = span_next_entry(record, NULL); entry;
         entry = span_next_entry(record, entry))
        if (entry->kind == SPAN_ENTRY_STATUS_MESSAGE) {
            copy_visible(into, bytes, span_entry_text(entry));
            return into;
        }
    return "";
}

static void describe(struct console_span *span, const struct span_record *record)
{
    int64_t number;
    char message[128];
    struct slice bucket = span_find_string(record, ATTRIBUTE_AWS_S3_BUCKET);
    struct slice key = span_find_string(record, ATTRIBUTE_AWS_S3_KEY);
    struct slice url = span_find_string(record, ATTRIBUTE_URL_FULL);
    struct slice path = span_find_string(record, ATTRIBUTE_URL_PATH);
    struct slice database = span_find_string(record, ATTRIBUTE_DB_NAMESPACE);
    struct slice error = span_find_string(record, ATTRIBUTE_ERROR_TYPE);
    struct slice text = span_find_string(record, ATTRIBUTE_ERROR_MESSAGE);
#define TEXT(slice) (int)((slice).length < 120 ? (slice).length : 120), (slice).at

    if (span_find_integer(record, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, &number))
        add_detail(span, "%lld", (long long)number);
    if (bucket.at)
        add_detail(span, "s3://%.*s/%.*s", TEXT(bucket), TEXT(key.at ? key : SLICE_LITERAL("")));
    else if (url.at)
        add_detail(span, "%.*s", TEXT(url));
    else if (path.at)
        add_detail(span, "%.*s", TEXT(path));
    if (database.at)
        add_detail(span, "db %.*s", TEXT(database));
    if (span_find_integer(record, ATTRIBUTE_DB_RESPONSE_RETURNED_ROWS, &number) ||
        span_find_integer(record, ATTRIBUTE_DB_ROWS_AFFECTED, &number))
        add_detail(span, number == 1 ? "%lld row" : "%lld rows", (long long)number);
    if (span->error && error.at)
        add_detail(span, "%.*s", TEXT(error));
    if (span->error && text.at)
        add_detail(span, "%.*s", TEXT(text));
    else if (span->error && first_status_message(record, message, sizeof message)[0])
        add_detail(span, "%s", message);
}

static bool is_zero(const uint8_t *id, size_t bytes)
{
    static const uint8_t zero[16];
    return memcmp(id, zero, bytes) == 0;
}

void console_add(struct console *console, const struct span_record *record)
{
    if (!console->spans) {
        size_t bytes = CONSOLE_SPANS_MOST * sizeof *console->spans;
        if (!arena_map(&console->arena, bytes + TEXT_BYTES + 64))
            return;
        console->spans = arena_take(&console->arena, bytes);
        console->text = arena_take(&console->arena, TEXT_BYTES);
    }
    if (console->count == CONSOLE_SPANS_MOST)
        console_flush(console, UINT64_MAX);

    struct console_span *span = &console->spans[console->count++];
    *span = (struct console_span){
        .start_ns = record->start_ns,
        .end_ns = record->end_ns,
        .root = record->parent_remote || is_zero(record->parent_id, sizeof record->parent_id),
        .error = record->status == SPAN_STATUS_ERROR,
        .kind = record->kind == SPAN_KIND_SERVER   ? "SERVER"
                : record->kind == SPAN_KIND_CLIENT ? "CLIENT"
                                                   : "INTERNAL",
    };
    memcpy(span->trace_id, record->trace_id, sizeof span->trace_id);
    memcpy(span->span_id, record->span_id, sizeof span->span_id);
    memcpy(span->parent_id, record->parent_id, sizeof span->parent_id);
    copy_visible(span->name, sizeof span->name, span_find_name(record));
    describe(span, record);
}

static void put(struct console *console, const char *text)
{
    size_t length = strlen(text);
    if (length > TEXT_BYTES - console->length)
        return;
    memcpy(console->text + console->length, text, length);
    console->length += length;
}

static void put_style(struct console *console, const char *style)
{
    if (console->color)
        put(console, style);
}

/* Columns taken: every byte that does not continue a character. */
static int width(const char *text)
{
    int columns = 0;
    for (; *text; text++)
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

static void put_line(struct console *console, const struct console_span *span, const char *branches,
                     uint64_t origin_ns)
{
    char text[64];
    int columns =
        width(branches) + (span->error ? 2 : 0) + (int)strlen(span->kind) + 1 + width(span->name);
    put(console, branches);
    if (span->error) {
        put_style(console, RED);
        put(console, "\u2717 ");
    }
    put(console, span->kind);
    put(console, " ");
    if (!span->error)
        put_style(console, BOLD);
    put(console, span->name);
    put_style(console, OFF);
    snprintf(text, sizeof text, "%*s%10.2f ms", columns < NAME_WIDTH ? NAME_WIDTH - columns : 1, "",
             (double)(span->end_ns - span->start_ns) / 1e6);
    put(console, text);
    put_style(console, DIM);
    snprintf(text, sizeof text, "  %+.2f", (double)(int64_t)(span->start_ns - origin_ns) / 1e6);
    put(console, text);
    put_style(console, OFF);
    if (span->detail[0]) {
        put(console, "  ");
        put(console, span->detail);
    }
    put(console, "\n");
}

static bool same_trace(const struct console_span *a, const struct console_span *b)
{
    return memcmp(a->trace_id, b->trace_id, sizeof a->trace_id) == 0;
}

static bool is_child(const struct console_span *span, const struct console_span *parent)
{
    return !span->root && span != parent && same_trace(span, parent) &&
           memcmp(span->parent_id, parent->span_id, sizeof span->parent_id) == 0;
}

static bool has_parent(const struct console *console, const struct console_span *span)
{
    for (int i = 0; i < console->count; i++)
        if (is_child(span, &console->spans[i]))
            return true;
    return false;
}

/* The earliest child not shown yet, or NULL. */
static struct console_span *next_child(const struct console *console,
                                       const struct console_span *parent)
{
    struct console_span *next = NULL;
    for (int i = 0; i < console->count; i++) {
        struct console_span *span = &console->spans[i];
        if (!span->shown && is_child(span, parent) && (!next || span->start_ns < next->start_ns))
            next = span;
    }
    return next;
}

/* A span and what is below it. `branches` is drawn before it, `below` before its children's
 * branches. Each span is shown once, so that parents in a circle end. */
static void put_tree(struct console *console, struct console_span *span, const char *branches,
                     const char *below, int depth, uint64_t origin_ns)
{
    span->shown = true;
    put_line(console, span, branches, origin_ns);
    if (depth == DEPTH_MOST)
        return; /* the thread's stack is small; the rest is shown as a tree of its own */
    for (struct console_span *child = next_child(console, span); child;) {
        char mine[DEPTH_MOST * 8 + 16];
        char theirs[sizeof mine];
        child->shown = true; /* so that the search finds the one after it */
        struct console_span *after = next_child(console, span);
        snprintf(mine, sizeof mine, "%s%s", below, after ? "\u251c\u2500 " : "\u2514\u2500 ");
        snprintf(theirs, sizeof theirs, "%s%s", below, after ? "\u2502  " : "   ");
        put_tree(console, child, mine, theirs, depth + 1, origin_ns);
        child = after;
    }
}

enum top { TOP_ROOT, TOP_ORPHAN, TOP_ANY /* what is left: parents in a circle, or too deep */ };

/* The earliest span of the trace not shown yet that may stand at the top. */
static struct console_span *next_top(const struct console *console,
                                     const struct console_span *member, enum top top)
{
    struct console_span *next = NULL;
    for (int i = 0; i < console->count; i++) {
        struct console_span *span = &console->spans[i];
        if (span->shown || !same_trace(span, member) || (top == TOP_ROOT && !span->root) ||
            (top == TOP_ORPHAN && span->has_parent))
            continue;
        if (!next || span->start_ns < next->start_ns)
            next = span;
    }
    return next;
}

static void show_trace(struct console *console, const struct console_span *member)
{
    char id[33];
    struct console_span *span;
    uint64_t origin_ns = UINT64_MAX;
    for (int i = 0; i < console->count; i++) {
        struct console_span *each = &console->spans[i];
        if (!same_trace(each, member))
            continue;
        each->has_parent = has_parent(console, each);
        if (each->start_ns < origin_ns)
            origin_ns = each->start_ns;
    }
    for (int i = 0; i < 16; i++)
        snprintf(id + (size_t)i * 2, 3, "%02x", member->trace_id[i]);

    console->length = 0;
    put(console, "trace ");
    put(console, id);
    put(console, "\n");
    while ((span = next_top(console, member, TOP_ROOT)))
        put_tree(console, span, "", "", 0, origin_ns);
    if (next_top(console, member, TOP_ANY))
        put(console, "(parent elsewhere)\n");
    while ((span = next_top(console, member, TOP_ORPHAN)) ||
           (span = next_top(console, member, TOP_ANY)))
        put_tree(console, span, "   ", "   ", 0, origin_ns);
    /* At once, so that trees of several processes do not mix. Who reads no more is not waited
     * for. */
    (void)console->say(console->text, console->length);
}

/* Whether everything that will come of the trace probably has. */
static bool is_ready(const struct console *console, const struct console_span *member,
                     uint64_t now_ns)
{
    uint64_t latest = 0;
    for (int i = 0; i < console->count; i++) {
        const struct console_span *span = &console->spans[i];
        if (!same_trace(span, member))
            continue;
        if (span->root)
            return true;
        if (span->end_ns > latest)
            latest = span->end_ns;
    }
    return now_ns == UINT64_MAX || now_ns >= latest + console->patience_ns;
}

void console_flush(struct console *console, uint64_t now_ns)
{
    for (int i = 0; i < console->count; i++)
        if (!console->spans[i].shown && is_ready(console, &console->spans[i], now_ns))
            show_trace(console, &console->spans[i]);
    int kept = 0;
    for (int i = 0; i < console->count; i++)
        if (!console->spans[i].shown)
            console->spans[kept++] = console->spans[i];
    console->count = kept;
}
