// SPDX-License-Identifier: Apache-2.0
/* curl_flavour.h - libcurl's hooks for one flavour: begin, real, end.
 *
 * Included by curl.c once a flavour, which is why it has no guard, with OWN(name), BEGIN(name) and
 * ASKED(name) for what is called so in this flavour, and VERSION, its symbol version. A hook begins
 * with BEGIN, which finds what its caller is bound to and notes it as called last; ASKED finds what
 * the library of that has. */

// NOLINTBEGIN(bugprone-macro-parentheses): types and lists
#define FLAVOUR(suffix, version)
#define FIND(name, caller, kind)                                                                   \
    static const struct scope_wish wish = {#name, VERSION, "libcurl", kind};                       \
    static struct original known;                                                                  \
    type_##name *found = (type_##name *)original_get(&known, &wish, caller);                       \
    if (__builtin_expect(!found, 0))                                                               \
        found = absent_##name;
#define FIND_ASKED(name, kind)                                                                     \
    static type_##name *ASKED(name)(void)                                                          \
    {                                                                                              \
        FIND(name, tl_called, kind)                                                                \
        return found;                                                                              \
    }
#define ASK(type, name, parameters, arguments, missing)      FIND_ASKED(name, SCOPE_OWN_FIRST)
#define OPTIONAL(type, name, parameters, arguments, missing) FIND_ASKED(name, SCOPE_OWN_ONLY)
/* "remove": the function is known by its versioned name only. */
#define HOOK(type, name, parameters, arguments, missing)                                           \
    static type_##name *BEGIN(name)(const void *caller)                                            \
    {                                                                                              \
        FIND(name, caller, SCOPE_OF_CALLER)                                                        \
        original_called((void *)found);                                                            \
        return found;                                                                              \
    }                                                                                              \
    EXPORT type OWN(name) parameters;                                                              \
    __asm__(".symver " OWN_TEXT(name) ", " #name "@" VERSION ", remove");
#include "hooks/curl.def"
#undef HOOK
#undef OPTIONAL
#undef ASK
FIND_ASKED(curl_easy_setopt, SCOPE_OWN_FIRST)
#undef FIND_ASKED
#undef FIND
#undef FLAVOUR
// NOLINTEND(bugprone-macro-parentheses)

/* About a handle of the library that this thread called last. */
static int OWN(set)(void *curl, int option, uintptr_t value)
{
    return ASKED(curl_easy_setopt)()(curl, option, value);
}

static int OWN(get)(void *curl, int value, void *answer)
{
    return ASKED(curl_easy_getinfo)()(curl, value, answer);
}

static const char *OWN(error)(int code)
{
    return ASKED(curl_easy_strerror)()(code);
}

static int OWN(header)(void *curl, const char *name, struct curl_response_header **answer)
{
    return ASKED(curl_easy_header)()(curl, name, 0, RESPONSE_HEADER, LAST_REQUEST, answer);
}

static const struct curl_functions OWN(library) = {
    .set = OWN(set),
    .get = OWN(get),
    .error = OWN(error),
    .header = OWN(header),
};

void *OWN(curl_easy_init)(void)
{
    type_curl_easy_init *original = BEGIN(curl_easy_init)(CALLER);
    void *curl = original();
    observe_curl_made(&OWN(library), curl);
    return curl;
}

void *OWN(curl_easy_duphandle)(void *from)
{
    type_curl_easy_duphandle *original = BEGIN(curl_easy_duphandle)(CALLER);
    void *curl = original(from);
    original_called((void *)original);
    observe_curl_copied(&OWN(library), from, curl);
    return curl;
}

void OWN(curl_easy_reset)(void *curl)
{
    type_curl_easy_reset *original = BEGIN(curl_easy_reset)(CALLER);
    original(curl);
    observe_curl_reset(curl);
}

void OWN(curl_easy_cleanup)(void *curl)
{
    type_curl_easy_cleanup *original = BEGIN(curl_easy_cleanup)(CALLER);
    observe_curl_closing(curl);
    original(curl);
}

int OWN(curl_easy_setopt)(void *curl, int option, uintptr_t value)
{
    type_curl_easy_setopt *original = BEGIN(curl_easy_setopt)(CALLER);
    int code = original(curl, option, value);
    observe_curl_option(curl, option, value, code);
    return code;
}

int OWN(curl_easy_perform)(void *curl)
{
    struct curl_call call;
    type_curl_easy_perform *original = BEGIN(curl_easy_perform)(CALLER);
    observe_curl_performing(&call, curl);
    int code = original(curl);
    original_called((void *)original);
    observe_curl_performed(&call, code);
    return code;
}

int OWN(curl_multi_add_handle)(void *multi, void *curl)
{
    type_curl_multi_add_handle *original = BEGIN(curl_multi_add_handle)(CALLER);
    int code = original(multi, curl);
    original_called((void *)original);
    observe_curl_added(multi, curl, code);
    return code;
}

int OWN(curl_multi_remove_handle)(void *multi, void *curl)
{
    type_curl_multi_remove_handle *original = BEGIN(curl_multi_remove_handle)(CALLER);
    observe_curl_removing(curl);
    return original(multi, curl);
}

void *OWN(curl_multi_init)(void)
{
    type_curl_multi_init *original = BEGIN(curl_multi_init)(CALLER);
    void *multi = original();
    observe_curl_multi_made(multi);
    return multi;
}

int OWN(curl_multi_cleanup)(void *multi)
{
    type_curl_multi_cleanup *original = BEGIN(curl_multi_cleanup)(CALLER);
    observe_curl_multi_closing(multi);
    return original(multi);
}

int OWN(curl_multi_perform)(void *multi, int *running)
{
    struct library_call call;
    type_curl_multi_perform *original = BEGIN(curl_multi_perform)(CALLER);
    observe_curl_driving(&call, multi);
    int code = original(multi, running);
    observe_curl_driven(&call, multi, running, code);
    return code;
}

int OWN(curl_multi_socket_action)(void *multi, int fd, int events, int *running)
{
    struct library_call call;
    type_curl_multi_socket_action *original = BEGIN(curl_multi_socket_action)(CALLER);
    observe_curl_driving(&call, multi);
    int code = original(multi, fd, events, running);
    observe_curl_driven(&call, multi, running, code);
    return code;
}

int OWN(curl_multi_socket)(void *multi, int fd, int *running)
{
    struct library_call call;
    type_curl_multi_socket *original = BEGIN(curl_multi_socket)(CALLER);
    observe_curl_driving(&call, multi);
    int code = original(multi, fd, running);
    observe_curl_driven(&call, multi, running, code);
    return code;
}

int OWN(curl_multi_socket_all)(void *multi, int *running)
{
    struct library_call call;
    type_curl_multi_socket_all *original = BEGIN(curl_multi_socket_all)(CALLER);
    observe_curl_driving(&call, multi);
    int code = original(multi, running);
    observe_curl_driven(&call, multi, running, code);
    return code;
}

void *OWN(curl_multi_info_read)(void *multi, int *left)
{
    type_curl_multi_info_read *original = BEGIN(curl_multi_info_read)(CALLER);
    void *message = original(multi, left);
    original_called((void *)original);
    observe_curl_message(message);
    return message;
}
