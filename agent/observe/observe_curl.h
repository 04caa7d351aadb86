// SPDX-License-Identifier: Apache-2.0
/* observe_curl.h - the seam to libcurl.
 *
 * A transfer begins when curl_easy_perform() is called, or with a multi's first turn after a handle
 * was added to it. It ends when the first returns; in a multi after the time that libcurl says,
 * which we ask for when the DONE message is read or the handle is taken out.
 * curl_easy_perform() adds its handle to a multi of its own through the exported names, which
 * land in our hooks again; such calls are recognised by the handle and the stack frame they are
 * under.
 *
 * Header lines are added by way of the handle's own list: for the time of the transfer it has a
 * list of ours, the application's nodes and then our lines, and gets the application's back
 * afterwards. The application's list itself is never written.
 *
 * Every function here keeps errno. */
#ifndef AGENT_OBSERVE_CURL_H
#define AGENT_OBSERVE_CURL_H

#include <stdint.h>

#include "agent/libraries/curl/curl_functions.h"
#include "agent/net/library.h"

/* A call under way, on its hook's stack. */
struct curl_call {
    void *curl; /* NULL: nothing to do at the end */
    struct library_call library;
};

/* curl_easy_init() and curl_easy_duphandle() returned a handle, or NULL. */
void observe_curl_made(const struct curl_functions *library, void *curl);
void observe_curl_copied(const struct curl_functions *library, void *from, void *curl);
/* curl_easy_reset() is done; curl_easy_cleanup() is about to free the handle. */
void observe_curl_reset(void *curl);
void observe_curl_closing(void *curl);

/* curl_easy_setopt() returned `code`. */
void observe_curl_option(void *curl, int option, uintptr_t value, int code);

/* Around curl_easy_perform(). */
void observe_curl_performing(struct curl_call *call, void *curl);
void observe_curl_performed(struct curl_call *call, int code);

/* curl_multi_init() returned a handle, or NULL; curl_multi_cleanup() is about to free it. */
void observe_curl_multi_made(void *multi);
void observe_curl_multi_closing(void *multi);

/* curl_multi_add_handle() returned `code`. Nothing is sent before the next call on the multi. */
void observe_curl_added(void *multi, void *curl, int code);

/* Around curl_multi_perform(), curl_multi_socket_action() and their older kin: it returned `code`,
 * and *running transfers go on. */
void observe_curl_driving(struct library_call *call, void *multi);
void observe_curl_driven(const struct library_call *call, void *multi, const int *running,
                         int code);

/* curl_multi_info_read() returned this message (struct CURLMsg), or NULL. */
void observe_curl_message(const void *message);
/* Before curl_multi_remove_handle(). */
void observe_curl_removing(void *curl);

#endif
