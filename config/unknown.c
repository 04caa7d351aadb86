// SPDX-License-Identifier: Apache-2.0
#include "config/unknown.h"

#include "config/option.h"

#define OWN        "OTEL_AGENT_"
#define NAME_BYTES 64 /* of a name are compared; no known one is as long */

/* Letters to change, add, leave out or swap with the next (optimal string alignment), whatever
 * their case. */
static unsigned distance(struct slice a, struct slice b)
{
    unsigned char rows[3][NAME_BYTES + 1];
    unsigned char *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.length; j++)
        above[j] = (unsigned char)j;
    for (size_t i = 1; i <= a.length; i++) {
        row[0] = (unsigned char)i;
        for (size_t j = 1; j <= b.length; j++) {
            bool same = slice_lower(a.at[i - 1]) == slice_lower(b.at[j - 1]);
            unsigned least = above[j - 1] + !same;
            if (above[j] + 1u < least)
                least = above[j] + 1u;
            if (row[j - 1] + 1u < least)
                least = row[j - 1] + 1u;
            bool swapped = i > 1 && j > 1 && slice_lower(a.at[i - 1]) == slice_lower(b.at[j - 2]) &&
                           slice_lower(a.at[i - 2]) == slice_lower(b.at[j - 1]);
            if (swapped && before[j - 2] + 1u < least)
                least = before[j - 2] + 1u;
            row[j] = (unsigned char)least;
        }
        unsigned char *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b.length];
}

static struct slice compared(struct slice name)
{
    return (struct slice){name.at, name.length < NAME_BYTES ? name.length : NAME_BYTES};
}

/* Is the name what remains of the other one when letters are left out? */
static bool is_rest_of(struct slice name, struct slice other)
{
    size_t found = 0;
    for (size_t i = 0; i < other.length && found < name.length; i++)
        found += slice_lower(other.at[i]) == slice_lower(name.at[found]);
    return found == name.length;
}

struct nearest {
    const char *name;
    unsigned distance;
};

/* Of those that begin with `prefix`; `most`: what is further off need not be looked at. 0 apart:
 * in another case. */
static struct nearest find_nearest(struct slice name, const char *prefix, unsigned most)
{
    struct nearest nearest = {NULL, most + 1};
    for (size_t row = 0; row < OPTION_ROWS; row++)
        for (const char *const *known = option_rows[row].variables; *known; known++) {
            struct slice other = compared(slice_of(*known));
            if (!slice_starts_nocase(other, slice_of(prefix)))
                continue;
            size_t lack = other.length > name.length ? other.length - name.length
                                                     : name.length - other.length;
            if (lack >= nearest.distance)
                continue;
            unsigned apart = distance(name, other);
            if (is_rest_of(name, other))
                apart = (apart + 1) / 2; /* a word that was left out is one slip */
            if (apart < nearest.distance)
                nearest = (struct nearest){*known, apart};
        }
    return nearest;
}

static bool is_known(struct slice name)
{
    for (size_t row = 0; row < OPTION_ROWS; row++)
        for (const char *const *known = option_rows[row].variables; *known; known++)
            if (strlen(*known) == name.length && memcmp(*known, name.at, name.length) == 0)
                return true;
    return false;
}

/* NULL: nobody meant us. */
static const char *meant(struct slice name)
{
    if (is_known(name))
        return NULL;
    if (slice_starts_nocase(name, SLICE_LITERAL(OWN)))
        return find_nearest(compared(name), OWN, 2 * NAME_BYTES).name;
    struct nearest nearest = find_nearest(compared(name), "", 2);
    bool own = nearest.name && slice_starts_nocase(slice_of(nearest.name), SLICE_LITERAL(OWN));
    return nearest.distance <= (own ? 2u : 1u) ? nearest.name : NULL;
}

void unknown_find(char *const *environment,
                  void (*tell)(void *context, struct slice name, const char *nearest),
                  void *context)
{
    for (; environment && *environment; environment++) {
        struct slice variable = slice_of(*environment);
        struct slice name = {variable.at, slice_find(variable, '=')};
        const char *nearest = slice_starts_nocase(name, SLICE_LITERAL("OTEL")) ? meant(name) : NULL;
        if (nearest)
            tell(context, name, nearest);
    }
}
