// SPDX-License-Identifier: Apache-2.0
/* curl.c - calls of libcurl, in its two flavours.
 *
 * Debian installs libcurl twice, with OpenSSL and with GnuTLS, and one process may use both, and
 * builds without versions beside them, that packages bring. Debian's differ in the symbol version
 * only, so do our functions; which original each passes on to is the caller's affair (original.h).
 *
 * Without libcurl's headers, because the agent is built where they are not installed; a test
 * compares. The variadic functions take one more argument, an integer or a pointer, which on
 * x86-64 comes in the register where the third of a fixed list does. The count of floating
 * arguments that a variadic call passes along says only how many registers the callee may save;
 * there are none that libcurl reads. */
#include <stddef.h>
#include <stdint.h>

#include "agent/observe/observe_curl.h"
#include "hooks/originals/original.h"
#include "hooks/originals/real.h"

enum {
    FAILED_INIT = 2,     /* CURLE_FAILED_INIT */
    BAD_HANDLE = 1,      /* CURLM_BAD_HANDLE */
    RESPONSE_HEADER = 1, /* CURLH_HEADER */
    LAST_REQUEST = -1
};

#pragma GCC diagnostic ignored "-Wunused-parameter" /* of what stands in for the absent */

#define CALLER __builtin_return_address(0)

// NOLINTBEGIN(bugprone-macro-parentheses): types and lists
#define FLAVOUR(suffix, version)
#define ASK(type, name, parameters, arguments, missing)                                            \
    typedef type type_##name parameters;                                                           \
    static type absent_##name parameters                                                           \
    {                                                                                              \
        return missing;                                                                            \
    }
#define OPTIONAL ASK
#define HOOK     ASK
#include "hooks/curl.def"
#undef HOOK
#undef OPTIONAL
#undef ASK
#undef FLAVOUR
// NOLINTEND(bugprone-macro-parentheses)

#define VERSION        "CURL_OPENSSL_4"
#define OWN(name)      name##_openssl
#define OWN_TEXT(name) #name "_openssl"
#define BEGIN(name)    begin_openssl_##name
#define ASKED(name)    asked_openssl_##name
#include "hooks/curl_flavour.h"
#undef VERSION
#undef OWN
#undef OWN_TEXT
#undef BEGIN
#undef ASKED

#define VERSION        "CURL_GNUTLS_3"
#define OWN(name)      name##_gnutls
#define OWN_TEXT(name) #name "_gnutls"
#define BEGIN(name)    begin_gnutls_##name
#define ASKED(name)    asked_gnutls_##name
#include "hooks/curl_flavour.h"
