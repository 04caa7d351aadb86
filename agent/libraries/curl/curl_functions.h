// SPDX-License-Identifier: Apache-2.0
/* curl_functions.h - how the agent asks libcurl about a handle. */
#ifndef AGENT_CURL_FUNCTIONS_H
#define AGENT_CURL_FUNCTIONS_H

#include <stdint.h>

#include "agent/base/curl_abi.h"

/* What the agent asks the library that a handle belongs to: there may be two in a process. Where
 * it lacks a function, not 0 or NULL. */
struct curl_functions {
    int (*set)(void *curl, int option, uintptr_t value); /* curl_easy_setopt() */
    int (*get)(void *curl, int info, void *answer);      /* curl_easy_getinfo() */
    const char *(*error)(int code);                      /* curl_easy_strerror() */
    int (*header)(void *curl, const char *name, struct curl_response_header **answer);
};

#endif
