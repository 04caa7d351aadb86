// SPDX-License-Identifier: Apache-2.0
/* curl_library.h - libcurl as the agent sees it: what it asks, and what of its memory it reads. */
#ifndef AGENT_CURL_LIBRARY_H
#define AGENT_CURL_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

/* struct curl_slist of libcurl, which is public. */
struct curl_list {
    char *data;
    struct curl_list *next;
};

/* struct curl_header of libcurl 7.83 and later, which is public. */
struct curl_response_header {
    char *name;
    char *value;
    size_t amount;
    size_t index;
    unsigned origin;
    void *anchor;
};

/* What the agent asks the library that a handle belongs to: there may be two in a process. Where
 * it lacks a function, not 0 or NULL. */
struct curl_library {
    int (*set)(void *curl, int option, uintptr_t value); /* curl_easy_setopt() */
    int (*get)(void *curl, int info, void *answer);      /* curl_easy_getinfo() */
    const char *(*error)(int code);                      /* curl_easy_strerror() */
    int (*header)(void *curl, const char *name, struct curl_response_header **answer);
};

#endif
