// SPDX-License-Identifier: Apache-2.0
/* Compares what the exporter believes about libcurl's interface with the library's own header: what
 * differs does not compile. */
#define CURL_DISABLE_DEPRECATION /* what is deprecated is what old libraries know */
#include <curl/curl.h>
#include <stddef.h>

/* The header's convenience macros are in the way of members of the same names. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt
#include "exporter/transport/curl_library.h"

#define SET(name)      _Static_assert((int)CURL_SET_##name == (int)CURLOPT_##name, #name)
#define GET(name)      _Static_assert((int)CURL_GET_##name == (int)CURLINFO_##name, #name)
#define SAME(our, its) _Static_assert((int)(our) == (int)(its), #its)
SET(SSLVERSION);
SET(POST);
SET(SSL_VERIFYPEER);
SET(FRESH_CONNECT);
SET(SSL_VERIFYHOST);
SET(HTTP_VERSION);
SET(NOSIGNAL);
SET(CONNECTTIMEOUT_MS);
SET(PROTOCOLS);
SET(HEADEROPT);
SET(SUPPRESS_CONNECT_HEADERS);
SET(WRITEDATA);
SET(URL);
SET(PROXY);
SET(READDATA);
SET(ERRORBUFFER);
SET(HTTPHEADER);
SET(SSLCERT);
SET(KEYPASSWD);
SET(HEADERDATA);
SET(CAINFO);
SET(SSLKEY);
SET(OPENSOCKETDATA);
SET(SEEKDATA);
SET(NOPROXY);
SET(RESOLVE);
SET(CLOSESOCKETDATA);
SET(PROXY_CAINFO);
SET(WRITEFUNCTION);
SET(READFUNCTION);
SET(HEADERFUNCTION);
SET(OPENSOCKETFUNCTION);
SET(SEEKFUNCTION);
SET(CLOSESOCKETFUNCTION);
SET(POSTFIELDSIZE_LARGE);
#if LIBCURL_VERSION_NUM >= 0x074d00
SET(SSLCERT_BLOB);
SET(SSLKEY_BLOB);
SET(CAINFO_BLOB);
SET(PROXY_CAINFO_BLOB);
_Static_assert(sizeof(struct curl_bytes) == sizeof(struct curl_blob), "curl_blob");
_Static_assert(offsetof(struct curl_bytes, flags) == offsetof(struct curl_blob, flags), "flags");
SAME(CURL_BLOB_NOCOPY, 0);
#endif
GET(PRIMARY_IP);
GET(SSL_VERIFYRESULT);
GET(OS_ERRNO);

SAME(CURL_SET_MAXCONNECTS, CURLMOPT_MAXCONNECTS);
SAME(CURL_INIT_ALL, CURL_GLOBAL_ALL);
SAME(CURL_HTTP_1_1, CURL_HTTP_VERSION_1_1);
SAME(CURL_TLS_1_2, CURL_SSLVERSION_TLSv1_2);
SAME(CURL_HTTPS_ONLY, CURLPROTO_HTTPS);
SAME(CURL_HEADERS_APART, CURLHEADER_SEPARATE);
SAME(CURL_VERSION_WITH_CAINFO, CURLVERSION_SEVENTH);
SAME(CURL_DONE, CURLMSG_DONE);
SAME(CURL_SOCKET_NONE, CURL_SOCKET_BAD);

SAME(CURL_OK, CURLE_OK);
SAME(CURL_OK, CURLM_OK);
SAME(CURL_UNSUPPORTED_PROTOCOL, CURLE_UNSUPPORTED_PROTOCOL);
SAME(CURL_NOT_BUILT_IN, CURLE_NOT_BUILT_IN);
SAME(CURL_NO_PROXY_NAME, CURLE_COULDNT_RESOLVE_PROXY);
SAME(CURL_NO_HOST_NAME, CURLE_COULDNT_RESOLVE_HOST);
SAME(CURL_NO_CONNECTION, CURLE_COULDNT_CONNECT);
SAME(CURL_WEIRD_ANSWER, CURLE_WEIRD_SERVER_REPLY);
SAME(CURL_WRITE_FAILED, CURLE_WRITE_ERROR);
SAME(CURL_NO_MEMORY, CURLE_OUT_OF_MEMORY);
SAME(CURL_TOO_LATE, CURLE_OPERATION_TIMEDOUT);
SAME(CURL_TLS_FAILED, CURLE_SSL_CONNECT_ERROR);
SAME(CURL_RECEIVE_FAILED, CURLE_RECV_ERROR);
SAME(CURL_BAD_CERTIFICATE, CURLE_SSL_CERTPROBLEM);
SAME(CURL_BAD_PEER, CURLE_PEER_FAILED_VERIFICATION);
SAME(CURL_BAD_AUTHORITIES, CURLE_SSL_CACERT_BADFILE);
SAME(CURL_PROXY_FAILED, CURLE_PROXY);

_Static_assert(sizeof(struct curl_line) == sizeof(struct curl_slist), "curl_slist");
_Static_assert(offsetof(struct curl_line, next) == offsetof(struct curl_slist, next), "curl_slist");
_Static_assert(sizeof(struct curl_place) == sizeof(struct curl_sockaddr), "curl_sockaddr");
_Static_assert(offsetof(struct curl_place, address) == offsetof(struct curl_sockaddr, addr),
               "addr");
_Static_assert(sizeof(struct curl_done) == sizeof(CURLMsg), "CURLMsg");
_Static_assert(offsetof(struct curl_done, data) == offsetof(CURLMsg, data), "CURLMsg");
_Static_assert(offsetof(struct curl_version, tls) == offsetof(curl_version_info_data, ssl_version),
               "curl_version_info_data");
#if LIBCURL_VERSION_NUM >= 0x074600
_Static_assert(offsetof(struct curl_version, cainfo) == offsetof(curl_version_info_data, cainfo),
               "curl_version_info_data");
#endif
