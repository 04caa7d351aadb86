// SPDX-License-Identifier: Apache-2.0
/* Which programs to trace: LD_PRELOAD in a container reaches every process of it, and the health
 * check that runs every ten seconds is not worth a trace. */
#include "agent/base/slice.h"
#include "config/config.h"

/* `*` stands for any characters, `/` among them, `?` for one. On a mismatch it goes back to the
 * last
 * `*` only, so the time is bounded by the product of the lengths. */
static bool matches(struct slice pattern, struct slice text)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = SIZE_MAX; /* the last `*` met, and how far the text was then */
    size_t resume = 0;
    while (t < text.length) {
        if (p < pattern.length && pattern.at[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.length && (pattern.at[p] == '?' || pattern.at[p] == text.at[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.length && pattern.at[p] == '*')
        p++;
    return p == pattern.length;
}

static struct slice base_name(struct slice path)
{
    for (size_t i = path.length; i > 0; i--)
        if (path.at[i - 1] == '/')
            return slice_after(path, i);
    return path;
}

/* Whether an entry of the comma-separated list names the executable. */
static bool listed(const char *list, struct slice path)
{
    struct slice rest = slice_of(list);
    struct slice entry;
    while (slice_next_part(&rest, ',', &entry)) {
        bool whole = slice_find(entry, '/') < entry.length;
        if (entry.length && matches(entry, whole ? path : base_name(path)))
            return true;
    }
    return false;
}

/* The kernel adds this to /proc/self/exe once a package upgrade has replaced the file. */
static struct slice without_deleted(struct slice path)
{
    static const char mark[] = " (deleted)";
    size_t length = sizeof mark - 1;
    if (path.length > length && memcmp(path.at + path.length - length, mark, length) == 0)
        path.length -= length;
    return path;
}

bool config_executable_allowed(const struct config *config, const char *path)
{
    bool all = slice_trim_space(slice_of(config->executables_allow)).length == 0;
    if (!path || !*path)
        return all;
    struct slice executable = without_deleted(slice_of(path));
    if (listed(config->executables_deny, executable))
        return false;
    return all || listed(config->executables_allow, executable);
}
