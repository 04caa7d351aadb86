// SPDX-License-Identifier: Apache-2.0
/* Compares what the agent believes about libcurl's interface with the library's own header: what
 * differs does not compile. */
#define CURL_DISABLE_DEPRECATION /* what is deprecated is still called */
#include <curl/curl.h>
#include <stddef.h>

#include "agent/libraries/curl/curl_constants.h"
#include "agent/observe/observe_curl.h"

#define OPTION(name) _Static_assert((int)CURL_OPTION_##name == (int)CURLOPT_##name, #name)
#define INFO(name)   _Static_assert((int)CURL_INFO_##name == (int)CURLINFO_##name, #name)
OPTION(NOBODY);
OPTION(UPLOAD);
OPTION(POST);
OPTION(PUT);
OPTION(HTTPGET);
OPTION(CONNECT_ONLY);
OPTION(HEADEROPT);
OPTION(URL);
OPTION(POSTFIELDS);
OPTION(HTTPHEADER);
OPTION(HTTPPOST);
OPTION(CUSTOMREQUEST);
OPTION(COPYPOSTFIELDS);
OPTION(MIMEPOST);
OPTION(CURLU);
OPTION(AWS_SIGV4);
INFO(EFFECTIVE_URL);
INFO(PRIMARY_IP);
INFO(SCHEME);
INFO(RESPONSE_CODE);
INFO(REDIRECT_COUNT);
INFO(OS_ERRNO);
INFO(NUM_CONNECTS);
INFO(PRIMARY_PORT);
INFO(HTTP_VERSION);
INFO(SIZE_UPLOAD_T);
INFO(SIZE_DOWNLOAD_T);
INFO(CONTENT_LENGTH_DOWNLOAD_T);
INFO(TOTAL_TIME);
INFO(TOTAL_TIME_T);
INFO(NAMELOOKUP_TIME_T);
INFO(CONNECT_TIME_T);
INFO(STARTTRANSFER_TIME_T);
INFO(APPCONNECT_TIME_T);

_Static_assert((int)CURL_HEADEROPT_UNIFIED == CURLHEADER_UNIFIED, "HEADEROPT");
_Static_assert((int)CURL_MESSAGE_DONE == (int)CURLMSG_DONE, "DONE");
_Static_assert((int)CURL_CODE_COULDNT_CONNECT == (int)CURLE_COULDNT_CONNECT, "COULDNT_CONNECT");
_Static_assert((int)CURL_CODE_HTTP_RETURNED_ERROR == (int)CURLE_HTTP_RETURNED_ERROR, "HTTP");

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
