// SPDX-License-Identifier: Apache-2.0
#include "agent/text/ignore.h"

#include "agent/base/percent.h"
#include "agent/base/url.h"

#define ENCODED_SLASH 0x100 /* a character of its own */
#define END           (-1)

/* Takes one character off the front of *path, as it is compared. */
static int take(struct slice *path)
{
    if (!path->length)
        return END;
    bool slash = path->at[0] == '/';
    char c = percent_take(path);
    while (slash && path->length && path->at[0] == '/')
        *path = slice_after(*path, 1);
    return c == '/' && !slash ? ENCODED_SLASH : (unsigned char)c;
}

static bool ends_segment(int c)
{
    return c == END || c == '/' || c == ENCODED_SLASH || c == '\\' || c == ';';
}

/* Servers differ in what they take for a slash, and in what of a segment they look at; `..;` is one
 * to some. */
static bool has_dot_segment(struct slice path)
{
    size_t dots = 0; /* that the segment consists of so far; 3: other characters, too */
    int c;
    do {
        c = take(&path);
        if (ends_segment(c)) {
            if (dots == 1 || dots == 2)
                return true;
            dots = c == ';' ? 3 : 0;
        } else {
            dots = c == '.' && dots < 3 ? dots + 1 : 3;
        }
    } while (c != END);
    return false;
}

static const char *fault_of(const struct ignore *ignore, struct slice entry)
{
    if (entry.at[0] != '/')
        return "a path begins with '/'";
    if (slice_find(entry, '?') < entry.length || slice_find(entry, '#') < entry.length)
        return "a path has no query and no fragment";
    if (slice_find(entry, '*') + 1 < entry.length)
        return "a '*' stands at the end";
    if (has_dot_segment(entry))
        return "paths with '.' or '..' are never left out";
    return ignore->count == IGNORE_PATHS ? "there are at most 64 paths" : NULL;
}

_Static_assert(IGNORE_PATHS == 64, "as the message says");

struct faults ignore_init(struct ignore *ignore, const struct config *config)
{
    ignore->count = 0;
    struct faults faults = {.count = 0};
    struct slice list = slice_of(config->http_ignore);
    while (list.length) {
        struct slice entry = slice_take_part(&list, ',');
        if (!entry.length)
            continue;
        const char *reason = fault_of(ignore, entry);
        if (!reason)
            ignore->list[ignore->count++] = entry;
        else
            faults_add(&faults, entry, reason);
    }
    return faults;
}

static bool matches(struct slice entry, struct slice path)
{
    bool prefix = entry.at[entry.length - 1] == '*';
    entry.length -= prefix;
    while (entry.length)
        if (take(&entry) != take(&path))
            return false;
    return prefix || !path.length;
}

bool ignore_has(const struct ignore *ignore, struct slice target)
{
    struct slice path = url_target_path(target);
    if (!path.length)
        return false;
    for (size_t i = 0; i < ignore->count; i++)
        if (matches(ignore->list[i], path))
            return !has_dot_segment(path);
    return false;
}
