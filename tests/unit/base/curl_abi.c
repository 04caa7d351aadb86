// SPDX-License-Identifier: Apache-2.0
/* Compares what the agent believes about libcurl's interface with the library's own header: what
 * differs does not compile. */
#define CURL_DISABLE_DEPRECATION /* what is deprecated is still called, and what old ones know */
#include <curl/curl.h>
#include <stddef.h>

#include "agent/base/curl_abi.h"

#define OPTION(name)   _Static_assert((int)CURL_OPTION_##name == (int)CURLOPT_##name, #name)
#define INFO(name)     _Static_assert((int)CURL_INFO_##name == (int)CURLINFO_##name, #name)
#define SAME(our, its) _Static_assert((int)(our) == (int)(its), #its)
OPTION(SSLVERSION);
OPTION(NOBODY);
OPTION(UPLOAD);
OPTION(POST);
OPTION(PUT);
OPTION(SSL_VERIFYPEER);
OPTION(FRESH_CONNECT);
OPTION(HTTPGET);
OPTION(SSL_VERIFYHOST);
OPTION(HTTP_VERSION);
OPTION(NOSIGNAL);
OPTION(CONNECT_ONLY);
OPTION(CONNECTTIMEOUT_MS);
OPTION(PROTOCOLS);
OPTION(HEADEROPT);
OPTION(SUPPRESS_CONNECT_HEADERS);
OPTION(WRITEDATA);
OPTION(URL);
OPTION(PROXY);
OPTION(READDATA);
OPTION(ERRORBUFFER);
OPTION(POSTFIELDS);
OPTION(HTTPHEADER);
OPTION(HTTPPOST);
OPTION(SSLCERT);
OPTION(KEYPASSWD);
OPTION(HEADERDATA);
OPTION(CUSTOMREQUEST);
OPTION(CAINFO);
OPTION(SSLKEY);
OPTION(OPENSOCKETDATA);
OPTION(COPYPOSTFIELDS);
OPTION(SEEKDATA);
OPTION(NOPROXY);
OPTION(RESOLVE);
OPTION(CLOSESOCKETDATA);
OPTION(PROXY_CAINFO);
OPTION(MIMEPOST);
OPTION(CURLU);
OPTION(AWS_SIGV4);
OPTION(WRITEFUNCTION);
OPTION(READFUNCTION);
OPTION(HEADERFUNCTION);
OPTION(OPENSOCKETFUNCTION);
OPTION(SEEKFUNCTION);
OPTION(CLOSESOCKETFUNCTION);
OPTION(POSTFIELDSIZE_LARGE);
#if LIBCURL_VERSION_NUM >= 0x074d00
OPTION(SSLCERT_BLOB);
OPTION(SSLKEY_BLOB);
OPTION(CAINFO_BLOB);
OPTION(PROXY_CAINFO_BLOB);
_Static_assert(sizeof(struct curl_bytes) == sizeof(struct curl_blob), "curl_blob");
_Static_assert(offsetof(struct curl_bytes, flags) == offsetof(struct curl_blob, flags), "flags");
SAME(CURL_BLOB_NOCOPY, 0);
#endif
INFO(EFFECTIVE_URL);
INFO(PRIMARY_IP);
INFO(SCHEME);
INFO(RESPONSE_CODE);
INFO(SSL_VERIFYRESULT);
INFO(REDIRECT_COUNT);
INFO(OS_ERRNO);
INFO(NUM_CONNECTS);
INFO(PRIMARY_PORT);
INFO(HTTP_VERSION);
INFO(TOTAL_TIME);
INFO(SIZE_UPLOAD_T);
INFO(SIZE_DOWNLOAD_T);
INFO(CONTENT_LENGTH_DOWNLOAD_T);
INFO(TOTAL_TIME_T);
INFO(NAMELOOKUP_TIME_T);
INFO(CONNECT_TIME_T);
INFO(STARTTRANSFER_TIME_T);
INFO(APPCONNECT_TIME_T);

SAME(CURL_MULTI_OPTION_MAXCONNECTS, CURLMOPT_MAXCONNECTS);
SAME(CURL_INIT_ALL, CURL_GLOBAL_ALL);
SAME(CURL_HTTP_1_1, CURL_HTTP_VERSION_1_1);
SAME(CURL_TLS_1_2, CURL_SSLVERSION_TLSv1_2);
SAME(CURL_HTTPS_ONLY, CURLPROTO_HTTPS);
SAME(CURL_HEADEROPT_SEPARATE, CURLHEADER_SEPARATE);
SAME(CURL_VERSION_WITH_CAINFO, CURLVERSION_SEVENTH);
SAME(CURL_MESSAGE_DONE, CURLMSG_DONE);
SAME(CURL_SOCKET_NONE, CURL_SOCKET_BAD);
SAME(CURL_HEADEROPT_UNIFIED, CURLHEADER_UNIFIED);

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
SAME(CURL_HTTP_ERROR, CURLE_HTTP_RETURNED_ERROR);

_Static_assert(sizeof(struct curl_message) == sizeof(CURLMsg), "CURLMsg");
_Static_assert(offsetof(struct curl_message, curl) == offsetof(CURLMsg, easy_handle), "CURLMsg");
_Static_assert(offsetof(struct curl_message, data) == offsetof(CURLMsg, data), "CURLMsg");
_Static_assert(sizeof(struct curl_list) == sizeof(struct curl_slist), "curl_slist");
_Static_assert(offsetof(struct curl_list, next) == offsetof(struct curl_slist, next), "curl_slist");
#if LIBCURL_VERSION_NUM >= 0x075300
_Static_assert(sizeof(struct curl_response_header) == sizeof(struct curl_header), "curl_header");
_Static_assert(offsetof(struct curl_response_header, value) == offsetof(struct curl_header, value),
               "curl_header");
#endif
_Static_assert(sizeof(struct curl_place) == sizeof(struct curl_sockaddr), "curl_sockaddr");
_Static_assert(offsetof(struct curl_place, address) == offsetof(struct curl_sockaddr, addr),
               "addr");
_Static_assert(offsetof(struct curl_version, tls) == offsetof(curl_version_info_data, ssl_version),
               "curl_version_info_data");
#if LIBCURL_VERSION_NUM >= 0x074600
_Static_assert(offsetof(struct curl_version, cainfo) == offsetof(curl_version_info_data, cainfo),
               "curl_version_info_data");
#endif
