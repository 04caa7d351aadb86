// SPDX-License-Identifier: Apache-2.0
/* vectors.h - cases as data.
 *
 * A file of lines, fields separated by tabs; lines that begin with `#` and empty ones are skipped.
 * A field `-` is absent; `\t`, `\n`, `\r`, `\\`, `\-` and `\xHH` stand for what they look like; a
 * field that ends in `{N}` after a backslash (`a\{300}`) repeats its last character N times. */
#ifndef TESTS_VECTORS_H
#define TESTS_VECTORS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/percent.h"
#include "agent/base/slice.h"

#define VECTORS_FIELDS 12
#define VECTORS_BYTES  65536

struct vectors_case {
    int line;
    size_t count;
    struct slice fields[VECTORS_FIELDS]; /* those beyond `count` are absent */
};

static inline size_t vectors_unescape(const char *text, size_t length, char *out, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < length && used < room; i++) {
        if (text[i] != '\\' || i + 1 == length) {
            out[used++] = text[i];
            continue;
        }
        char c = text[++i];
        if (c == '{') {
            char *end;
            unsigned long times = strtoul(text + i + 1, &end, 10);
            while (times-- > 1 && used && used < room) {
                out[used] = out[used - 1];
                used++;
            }
            i = (size_t)(end - text);
        } else if (c == 'x') {
            struct slice rest = {text, length};
            out[used++] = (char)percent_pair(rest, i + 1);
            i += 2;
        } else {
            out[used++] = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
        }
    }
    return used;
}

/* Calls `check` for each case of VECTORS/name. Returns how many there were; aborts where the file
 * can't be read, so that a wrong path does not pass. */
static inline int vectors_each(const char *name, void (*check)(const struct vectors_case *, void *),
                               void *context)
{
    static char line[VECTORS_BYTES];
    static char unescaped[VECTORS_BYTES];
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", VECTORS, name);
    FILE *file = fopen(path, "re");
    if (!file) {
        perror(path);
        abort();
    }
    int cases = 0;
    for (int number = 1; fgets(line, sizeof line, file); number++) {
        line[strcspn(line, "\n")] = 0;
        if (!line[0] || line[0] == '#')
            continue;
        struct vectors_case one = {.line = number};
        size_t used = 0;
        for (char *field = line; field && one.count < VECTORS_FIELDS;) {
            char *tab = strchr(field, '\t');
            size_t length = tab ? (size_t)(tab - field) : strlen(field);
            struct slice *out = &one.fields[one.count++];
            if (!(length == 1 && field[0] == '-')) {
                out->at = unescaped + used;
                out->length =
                    vectors_unescape(field, length, unescaped + used, sizeof unescaped - used);
                used += out->length;
            }
            field = tab ? tab + 1 : NULL;
        }
        check(&one, context);
        cases++;
    }
    fclose(file);
    return cases;
}

/* Both absent, or the same bytes; says which line differs. */
static inline bool vectors_same(const struct vectors_case *one, const char *what,
                                struct slice found, struct slice expected)
{
    if (!found.at == !expected.at && slice_equal(found, expected))
        return true;
    fprintf(stderr, "line %d: %s is %s%.*s%s, not %s%.*s%s\n", one->line, what,
            found.at ? "'" : "absent", (int)found.length, found.at ? found.at : "",
            found.at ? "'" : "", expected.at ? "'" : "absent", (int)expected.length,
            expected.at ? expected.at : "", expected.at ? "'" : "");
    return false;
}

#endif
