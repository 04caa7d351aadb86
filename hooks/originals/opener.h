// SPDX-License-Identifier: Apache-2.0
/* opener.h - libraries that we open for ourselves, late.
 *
 * Opened privately (RTLD_LOCAL), resolved in full at once, because there may be no files later.
 * Such a library still looks for its symbols in the program first. Some programs (node) export an
 * OpenSSL and a zlib of their own without versions, and a library that mixes those with its own
 * crashes; there it is made to look in its own dependencies first (RTLD_DEEPBIND). That in turn
 * breaks where malloc was replaced, because memory then crosses from one allocator to the other. */
#ifndef HOOKS_OPENER_H
#define HOOKS_OPENER_H

/* Opens the first of `names`, separated by '|', that there is; NULL, and `*why` (static), where
 * none is or where it can't be done safely. On the caller's stack, of which it takes 20 KB. What
 * the program would read from dlerror() is lost. */
__attribute__((cold)) void *opener_open(const char *names, const char **why);

/* A function of that library or of those it needs, or NULL. */
__attribute__((cold)) void *opener_find(void *library, const char *symbol);

#endif
