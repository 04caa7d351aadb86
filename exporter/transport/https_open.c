// SPDX-License-Identifier: Apache-2.0
/* https_open.c - what https.h needs from the file system. */
#include <stdio.h>

#include "exporter/transport/blob.h"
#include "exporter/transport/door.h"
#include "exporter/transport/https.h"

#define RATHER                                                                                     \
    "install libcurl (Debian: libcurl4), or post by http:// to a collector beside the program"

/* Where nobody has said, and libcurl does not know. */
#define AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"

static void note(struct https *https, const char *what, const char *detail, const char *why,
                 const char *advice)
{
    snprintf(https->problem, sizeof https->problem, "%s%s: %s", what, detail, why);
    https->advice = advice;
}

/* What is not taken from memory is read to see whether it can be. */
static bool read_file(struct https *https, struct arena *into, const char *path, const char *advice)
{
    if (!path[0])
        return true;
    const char *why = blob_read(into, path);
    if (why)
        note(https, "can't read ", path, why, advice);
    else if (!curl_library_takes_bytes(&https->curl))
        arena_unmap(into);
    return !why;
}

static void choose_authorities(struct https *https)
{
    const struct curl_version *version = https->curl.version;
    https->authorities_path = https->config->otlp_certificate;
    if (https->authorities_path[0])
        return;
    https->authorities_path =
        version->age >= CURL_VERSION_WITH_CAINFO && version->cainfo ? version->cainfo : AUTHORITIES;
}

void https_open(struct https *https, const struct loader *loader)
{
    const char *why = "";
    https->problem[0] = '\0';
    if (!door_may_open()) {
        note(https, "libcurl", "", "can't be opened in a process forked from one with threads",
             "post by http:// to a collector beside the program");
        return;
    }
    if (!curl_library_open(&https->curl, loader, &why)) {
        note(https, "https needs libcurl (libcurl.so.4 or libcurl-gnutls.so.4)", "", why, RATHER);
        return;
    }
    choose_authorities(https);
    if (read_file(https, &https->authorities, https->authorities_path,
                  https->config->otlp_certificate[0]
                      ? "check OTEL_EXPORTER_OTLP_CERTIFICATE"
                      : "install the authorities (Debian: ca-certificates), or set "
                        "OTEL_EXPORTER_OTLP_CERTIFICATE") &&
        read_file(https, &https->certificate, https->config->otlp_client_certificate,
                  "check OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"))
        read_file(https, &https->key, https->config->otlp_client_key,
                  "check OTEL_EXPORTER_OTLP_CLIENT_KEY");
}
