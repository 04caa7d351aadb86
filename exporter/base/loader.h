// SPDX-License-Identifier: Apache-2.0
/* loader.h - how a library of ours is opened late, handed in by whoever may do so. */
#ifndef EXPORTER_LOADER_H
#define EXPORTER_LOADER_H

struct loader {
    /* The first of `names`, separated by '|', that there is; else NULL and `*why` (static). */
    void *(*open)(const char *names, const char **why);
    void *(*find)(void *library, const char *symbol);
};

#endif
