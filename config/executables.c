// SPDX-License-Identifier: Apache-2.0
/* Which programs to trace: LD_PRELOAD in a container reaches every process of it, and the health
 * check that runs every ten seconds is not worth a trace. */
#include "config/config.h"
#include "config/piece.h"

/* `*` stands for any characters, `/` among them, `?` for one. On a mismatch it goes back to the
 * last
 * `*` only, so the time is bounded by the product of the lengths. */
static bool matches(struct piece pattern, struct piece text)
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

static struct piece base_name(struct piece path)
{
    for (size_t i = path.length; i > 0; i--)
        if (path.at[i - 1] == '/')
            return (struct piece){path.at + i, path.length - i};
    return path;
}

/* Whether an entry of the comma-separated list names the executable. */
static bool listed(const char *list, struct piece path)
{
    struct piece rest = piece_of(list);
    struct piece entry;
    while (piece_next(&rest, ',', &entry)) {
        bool whole = piece_find(entry, '/') < entry.length;
        if (entry.length && matches(entry, whole ? path : base_name(path)))
            return true;
    }
    return false;
}

/* The kernel adds this to /proc/self/exe once a package upgrade has replaced the file. */
static struct piece without_deleted(struct piece path)
{
    static const char mark[] = " (deleted)";
    size_t length = sizeof mark - 1;
    if (path.length > length && memcmp(path.at + path.length - length, mark, length) == 0)
        path.length -= length;
    return path;
}

bool config_executable_allowed(const struct config *config, const char *path)
{
    bool all = piece_trim(piece_of(config->executables_allow)).length == 0;
    if (!path || !*path)
        return all;
    struct piece executable = without_deleted(piece_of(path));
    if (listed(config->executables_deny, executable))
        return false;
    return all || listed(config->executables_allow, executable);
}
