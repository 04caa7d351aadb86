// SPDX-License-Identifier: Apache-2.0
/* curl_library.h - libcurl, opened at run time.
 *
 * Its numbers and structures are written down here, because the agent is built without its
 * headers; they never change their meaning, and a test compares. What an older libcurl does not
 * know it refuses, option by option. */
#ifndef EXPORTER_CURL_LIBRARY_H
#define EXPORTER_CURL_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "exporter/base/loader.h"

/* The OpenSSL flavour first: it takes certificates from memory. */
#define CURL_LIBRARY_NAMES "libcurl.so.4|libcurl-gnutls.so.4"

enum {
    CURL_SET_SSLVERSION = 32,
    CURL_SET_POST = 47,
    CURL_SET_SSL_VERIFYPEER = 64,
    CURL_SET_FRESH_CONNECT = 74,
    CURL_SET_SSL_VERIFYHOST = 81,
    CURL_SET_HTTP_VERSION = 84,
    CURL_SET_NOSIGNAL = 99,
    CURL_SET_CONNECTTIMEOUT_MS = 156,
    CURL_SET_PROTOCOLS = 181,
    CURL_SET_HEADEROPT = 229,
    CURL_SET_SUPPRESS_CONNECT_HEADERS = 265,
    CURL_SET_WRITEDATA = 10001,
    CURL_SET_URL = 10002,
    CURL_SET_PROXY = 10004,
    CURL_SET_READDATA = 10009,
    CURL_SET_ERRORBUFFER = 10010,
    CURL_SET_HTTPHEADER = 10023,
    CURL_SET_SSLCERT = 10025,
    CURL_SET_KEYPASSWD = 10026,
    CURL_SET_HEADERDATA = 10029,
    CURL_SET_CAINFO = 10065,
    CURL_SET_SSLKEY = 10087,
    CURL_SET_OPENSOCKETDATA = 10164,
    CURL_SET_SEEKDATA = 10168,
    CURL_SET_NOPROXY = 10177,
    CURL_SET_RESOLVE = 10203,
    CURL_SET_CLOSESOCKETDATA = 10209,
    CURL_SET_PROXY_CAINFO = 10246,
    CURL_SET_WRITEFUNCTION = 20011,
    CURL_SET_READFUNCTION = 20012,
    CURL_SET_HEADERFUNCTION = 20079,
    CURL_SET_OPENSOCKETFUNCTION = 20163,
    CURL_SET_SEEKFUNCTION = 20167,
    CURL_SET_CLOSESOCKETFUNCTION = 20208,
    CURL_SET_POSTFIELDSIZE_LARGE = 30120,
    CURL_SET_SSLCERT_BLOB = 40291,
    CURL_SET_SSLKEY_BLOB = 40292,
    CURL_SET_CAINFO_BLOB = 40309,
    CURL_SET_PROXY_CAINFO_BLOB = 40310,

    CURL_SET_MAXCONNECTS = 6, /* of a multi handle */

    CURL_GET_PRIMARY_IP = 0x100020,
    CURL_GET_SSL_VERIFYRESULT = 0x20000d,
    CURL_GET_OS_ERRNO = 0x200019,

    CURL_INIT_ALL = 3,
    CURL_HTTP_1_1 = 2,
    CURL_TLS_1_2 = 6,
    CURL_HTTPS_ONLY = 2,
    CURL_HEADERS_APART = 1, /* those for the collector are not for the proxy */
    CURL_VERSION_WITH_CAINFO = 6,
    CURL_DONE = 1,
    CURL_SOCKET_NONE = -1
};

enum { /* results */
       CURL_OK = 0,
       CURL_UNSUPPORTED_PROTOCOL = 1,
       CURL_NOT_BUILT_IN = 4,
       CURL_NO_PROXY_NAME = 5,
       CURL_NO_HOST_NAME = 6,
       CURL_NO_CONNECTION = 7,
       CURL_WEIRD_ANSWER = 8,
       CURL_WRITE_FAILED = 23,
       CURL_NO_MEMORY = 27,
       CURL_TOO_LATE = 28,
       CURL_TLS_FAILED = 35,
       CURL_GOT_NOTHING = 52,
       CURL_SEND_FAILED = 55,
       CURL_RECEIVE_FAILED = 56,
       CURL_BAD_CERTIFICATE = 58,
       CURL_BAD_PEER = 60,
       CURL_BAD_AUTHORITIES = 77,
       CURL_PROXY_FAILED = 97
};

struct curl_version { /* the beginning of curl_version_info_data */
    int age;
    const char *version;
    unsigned number;
    const char *host;
    int features;
    const char *tls;
    long tls_number;
    const char *zlib;
    const char *const *protocols;
    const char *ares;
    int ares_number;
    const char *idn;
    int iconv_number;
    const char *ssh;
    unsigned brotli_number;
    const char *brotli;
    unsigned nghttp2_number;
    const char *nghttp2;
    const char *quic;
    const char *cainfo; /* from age CURL_VERSION_WITH_CAINFO on */
};

struct curl_bytes { /* curl_blob; the bytes are not copied */
    void *data;
    size_t length;
    unsigned flags;
};

struct curl_line { /* curl_slist */
    char *text;
    struct curl_line *next;
};

struct curl_place { /* curl_sockaddr */
    int family;
    int type;
    int protocol;
    unsigned length;
    struct sockaddr address;
};

struct curl_done { /* CURLMsg */
    int kind;
    void *easy;
    union {
        void *whatever;
        int code;
    } data;
};

struct curl_library {
// NOLINTNEXTLINE(bugprone-macro-parentheses): a type and a parameter list
#define FUNCTION(type, name, parameters) type(*name) parameters;
#include "exporter/transport/curl_library.def"
#undef FUNCTION
    const struct curl_version *version; /* NULL: not opened */
};

/* Opens and initialises it, on the caller's stack. False, and `*why` (static). */
bool curl_library_open(struct curl_library *library, const struct loader *loader, const char **why);

/* Whether its TLS is OpenSSL's, or of that family. */
bool curl_library_is_openssl(const struct curl_library *library);

/* Whether it takes certificates and keys from memory. */
bool curl_library_takes_bytes(const struct curl_library *library);

#endif
