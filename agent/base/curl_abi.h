// SPDX-License-Identifier: Apache-2.0
/* curl_abi.h - numbers and structures of libcurl's interface, which never change their meaning.
 *
 * The agent is built without libcurl's headers; a test compares. It looks at transfers of the
 * program's libcurl, and sends its own spans by one that it opens. */
#ifndef AGENT_CURL_ABI_H
#define AGENT_CURL_ABI_H

#include <stddef.h>
#include <sys/socket.h>

enum {
    CURL_OPTION_SSLVERSION = 32,
    CURL_OPTION_NOBODY = 44,
    CURL_OPTION_UPLOAD = 46,
    CURL_OPTION_POST = 47,
    CURL_OPTION_PUT = 54,
    CURL_OPTION_SSL_VERIFYPEER = 64,
    CURL_OPTION_FRESH_CONNECT = 74,
    CURL_OPTION_HTTPGET = 80,
    CURL_OPTION_SSL_VERIFYHOST = 81,
    CURL_OPTION_HTTP_VERSION = 84,
    CURL_OPTION_NOSIGNAL = 99,
    CURL_OPTION_CONNECT_ONLY = 141,
    CURL_OPTION_CONNECTTIMEOUT_MS = 156,
    CURL_OPTION_PROTOCOLS = 181,
    CURL_OPTION_HEADEROPT = 229,
    CURL_OPTION_SUPPRESS_CONNECT_HEADERS = 265,
    CURL_OPTION_WRITEDATA = 10001,
    CURL_OPTION_URL = 10002,
    CURL_OPTION_PROXY = 10004,
    CURL_OPTION_READDATA = 10009,
    CURL_OPTION_ERRORBUFFER = 10010,
    CURL_OPTION_POSTFIELDS = 10015,
    CURL_OPTION_HTTPHEADER = 10023,
    CURL_OPTION_HTTPPOST = 10024,
    CURL_OPTION_SSLCERT = 10025,
    CURL_OPTION_KEYPASSWD = 10026,
    CURL_OPTION_HEADERDATA = 10029,
    CURL_OPTION_CUSTOMREQUEST = 10036,
    CURL_OPTION_CAINFO = 10065,
    CURL_OPTION_SSLKEY = 10087,
    CURL_OPTION_OPENSOCKETDATA = 10164,
    CURL_OPTION_COPYPOSTFIELDS = 10165,
    CURL_OPTION_SEEKDATA = 10168,
    CURL_OPTION_NOPROXY = 10177,
    CURL_OPTION_RESOLVE = 10203,
    CURL_OPTION_CLOSESOCKETDATA = 10209,
    CURL_OPTION_PROXY_CAINFO = 10246,
    CURL_OPTION_MIMEPOST = 10269,
    CURL_OPTION_CURLU = 10282,
    CURL_OPTION_AWS_SIGV4 = 10305,
    CURL_OPTION_WRITEFUNCTION = 20011,
    CURL_OPTION_READFUNCTION = 20012,
    CURL_OPTION_HEADERFUNCTION = 20079,
    CURL_OPTION_OPENSOCKETFUNCTION = 20163,
    CURL_OPTION_SEEKFUNCTION = 20167,
    CURL_OPTION_CLOSESOCKETFUNCTION = 20208,
    CURL_OPTION_POSTFIELDSIZE_LARGE = 30120,
    CURL_OPTION_SSLCERT_BLOB = 40291,
    CURL_OPTION_SSLKEY_BLOB = 40292,
    CURL_OPTION_CAINFO_BLOB = 40309,
    CURL_OPTION_PROXY_CAINFO_BLOB = 40310
};

enum {
    CURL_INFO_EFFECTIVE_URL = 0x100001,
    CURL_INFO_PRIMARY_IP = 0x100020,
    CURL_INFO_SCHEME = 0x100031,
    CURL_INFO_RESPONSE_CODE = 0x200002,
    CURL_INFO_SSL_VERIFYRESULT = 0x20000d,
    CURL_INFO_REDIRECT_COUNT = 0x200014,
    CURL_INFO_OS_ERRNO = 0x200019,
    CURL_INFO_NUM_CONNECTS = 0x20001a,
    CURL_INFO_PRIMARY_PORT = 0x200028,
    CURL_INFO_HTTP_VERSION = 0x20002e,
    CURL_INFO_TOTAL_TIME = 0x300003,
    CURL_INFO_SIZE_UPLOAD_T = 0x600007,
    CURL_INFO_SIZE_DOWNLOAD_T = 0x600008,
    CURL_INFO_CONTENT_LENGTH_DOWNLOAD_T = 0x60000f,
    CURL_INFO_TOTAL_TIME_T = 0x600032,
    CURL_INFO_NAMELOOKUP_TIME_T = 0x600033,
    CURL_INFO_CONNECT_TIME_T = 0x600034,
    CURL_INFO_STARTTRANSFER_TIME_T = 0x600036,
    CURL_INFO_APPCONNECT_TIME_T = 0x600038
};

enum {
    CURL_MULTI_OPTION_MAXCONNECTS = 6,
    CURL_INIT_ALL = 3,
    CURL_HTTP_1_1 = 2,
    CURL_TLS_1_2 = 6,
    CURL_HTTPS_ONLY = 2,
    CURL_HEADEROPT_UNIFIED = 0,
    CURL_HEADEROPT_SEPARATE = 1, /* those for the server are not for the proxy */
    CURL_VERSION_WITH_CAINFO = 6,
    CURL_MESSAGE_DONE = 1,
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
       CURL_HTTP_ERROR = 22,
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

struct curl_place { /* curl_sockaddr */
    int family;
    int type;
    int protocol;
    unsigned length;
    struct sockaddr address;
};

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

/* struct CURLMsg */
struct curl_message {
    int kind;
    void *curl;
    union {
        void *whatever;
        int code;
    } data;
};

#endif
