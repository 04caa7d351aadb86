// SPDX-License-Identifier: Apache-2.0
/* curl_flavour.h - libcurl's hooks for one flavour: begin, real, end.
 *
 * Included by curl.c once a flavour, which is why it has no guard, with OWN(name) and
 * ORIGINAL(name) for what is called so in this flavour, and VERSION, its symbol version. */

// NOLINTBEGIN(bugprone-macro-parentheses): types and lists
#define FLAVOUR(suffix, version)
#define ASK(type, name, parameters, arguments, missing)                                            \
    static type ORIGINAL(name) parameters                                                          \
    {                                                                                              \
        static struct library_original known = {                                                   \
            .symbol = #name, .version = VERSION, .names = "libcurl"};                              \
        type(*function) parameters = (type(*) parameters)library_get(&known);                      \
        if (!function)                                                                             \
            return missing;                                                                        \
        return function arguments;                                                                 \
    }
/* "remove": the function is known by its versioned name only. */
#define HOOK(type, name, parameters, arguments, missing)                                           \
    ASK(type, name, parameters, arguments, missing)                                                \
    EXPORT type OWN(name) parameters;                                                              \
    __asm__(".symver " OWN_TEXT(name) ", " #name "@" VERSION ", remove");
#include "hooks/curl.def"
#undef HOOK
#undef ASK
#undef FLAVOUR
// NOLINTEND(bugprone-macro-parentheses)

static int OWN(header)(void *curl, const char *name, struct curl_response_header **answer)
{
    return ORIGINAL(curl_easy_header)(curl, name, 0, RESPONSE_HEADER, LAST_REQUEST, answer);
}

static const struct curl_library OWN(library) = {
    .set = ORIGINAL(curl_easy_setopt),
    .get = ORIGINAL(curl_easy_getinfo),
    .error = ORIGINAL(curl_easy_strerror),
    .header = OWN(header),
};

void *OWN(curl_easy_init)(void)
{
    void *curl = ORIGINAL(curl_easy_init)();
    observe_curl_made(&OWN(library), curl);
    return curl;
}

void *OWN(curl_easy_duphandle)(void *from)
{
    void *curl = ORIGINAL(curl_easy_duphandle)(from);
    observe_curl_copied(&OWN(library), from, curl);
    return curl;
}

void OWN(curl_easy_reset)(void *curl)
{
    ORIGINAL(curl_easy_reset)(curl);
    observe_curl_reset(curl);
}

void OWN(curl_easy_cleanup)(void *curl)
{
    observe_curl_closing(curl);
    ORIGINAL(curl_easy_cleanup)(curl);
}

int OWN(curl_easy_setopt)(void *curl, int option, uintptr_t value)
{
    int code = ORIGINAL(curl_easy_setopt)(curl, option, value);
    observe_curl_option(curl, option, value, code);
    return code;
}

int OWN(curl_easy_perform)(void *curl)
{
    struct curl_call call;
    observe_curl_performing(&call, curl);
    int code = ORIGINAL(curl_easy_perform)(curl);
    observe_curl_performed(&call, code);
    return code;
}

int OWN(curl_multi_add_handle)(void *multi, void *curl)
{
    int code = ORIGINAL(curl_multi_add_handle)(multi, curl);
    observe_curl_added(multi, curl, code);
    return code;
}

int OWN(curl_multi_remove_handle)(void *multi, void *curl)
{
    observe_curl_removing(curl);
    return ORIGINAL(curl_multi_remove_handle)(multi, curl);
}

void *OWN(curl_multi_init)(void)
{
    void *multi = ORIGINAL(curl_multi_init)();
    observe_curl_multi_made(multi);
    return multi;
}

int OWN(curl_multi_cleanup)(void *multi)
{
    observe_curl_multi_closing(multi);
    return ORIGINAL(curl_multi_cleanup)(multi);
}

int OWN(curl_multi_perform)(void *multi, int *running)
{
    observe_curl_driving(multi);
    int code = ORIGINAL(curl_multi_perform)(multi, running);
    observe_curl_driven(multi, running, code);
    return code;
}

int OWN(curl_multi_socket_action)(void *multi, int fd, int events, int *running)
{
    observe_curl_driving(multi);
    int code = ORIGINAL(curl_multi_socket_action)(multi, fd, events, running);
    observe_curl_driven(multi, running, code);
    return code;
}

int OWN(curl_multi_socket)(void *multi, int fd, int *running)
{
    observe_curl_driving(multi);
    int code = ORIGINAL(curl_multi_socket)(multi, fd, running);
    observe_curl_driven(multi, running, code);
    return code;
}

int OWN(curl_multi_socket_all)(void *multi, int *running)
{
    observe_curl_driving(multi);
    int code = ORIGINAL(curl_multi_socket_all)(multi, running);
    observe_curl_driven(multi, running, code);
    return code;
}

void *OWN(curl_multi_info_read)(void *multi, int *left)
{
    void *message = ORIGINAL(curl_multi_info_read)(multi, left);
    observe_curl_message(message);
    return message;
}
