// SPDX-License-Identifier: Apache-2.0
/* curl_library.h - libcurl, opened at run time.
 *
 * What an older one does not know it refuses, option by option. */
#ifndef EXPORTER_CURL_LIBRARY_H
#define EXPORTER_CURL_LIBRARY_H

#include <stdbool.h>

#include "agent/base/curl_abi.h"
#include "exporter/base/loader.h"

/* The OpenSSL flavour first: it takes certificates from memory. */
#define CURL_LIBRARY_NAMES "libcurl.so.4|libcurl-gnutls.so.4"

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
