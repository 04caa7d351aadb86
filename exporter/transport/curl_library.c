// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/curl_library.h"

#include <stdint.h>
#include <string.h>

#define TAKES_ALL_BYTES 0x074d00 /* 7.77: authorities; certificates and keys since 7.71 */

static bool find_all(struct curl_library *library, const struct loader *loader, void *handle)
{
    const struct {
        const char *name;
        void **function;
    } functions[] = {
#define FUNCTION(type, name, parameters) {#name, (void **)&library->name},
#include "exporter/transport/curl_library.def"
#undef FUNCTION
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (!(*functions[i].function = loader->find(handle, functions[i].name)))
            return false;
    return true;
}

/* OpenSSL takes itself down in a handler of its own at exit, which nobody survives who is inside it
 * still (door.h keeps us out, but not where a moment lasts longer than an exit may wait). Where we
 * are the first to bring it in, it is asked to leave that to the kernel, as the process ends.
 * Programs that use it already have said what they want. */
static void keep_openssl_up(const struct loader *loader, void *handle)
{
    const uint64_t no_atexit = 0x00080000; /* OPENSSL_INIT_NO_ATEXIT, since 1.1.1 */
    union {
        void *found;
        int (*init)(uint64_t options, const void *settings);
    } openssl = {loader->find(handle, "OPENSSL_init_crypto")};
    if (openssl.found)
        openssl.init(no_atexit, NULL);
}

bool curl_library_open(struct curl_library *library, const struct loader *loader, const char **why)
{
    struct curl_library found = {0};
    void *handle = loader->open(CURL_LIBRARY_NAMES, why);
    if (!handle)
        return false;
    *why = "too old, or could not be initialised";
    keep_openssl_up(loader, handle);
    if (!find_all(&found, loader, handle) || found.curl_global_init(CURL_INIT_ALL) != CURL_OK)
        return false;
    found.version = found.curl_version_info(CURL_VERSION_WITH_CAINFO);
    *library = found;
    return true;
}

bool curl_library_is_openssl(const struct curl_library *library)
{
    static const char *const families[] = {"OpenSSL", "LibreSSL", "BoringSSL", "AWS-LC", "quictls"};
    const char *tls = library->version->tls;
    for (size_t i = 0; tls && i < sizeof families / sizeof *families; i++)
        if (strncmp(tls, families[i], strlen(families[i])) == 0)
            return true;
    return false;
}

/* The other families ignore a client's certificate that is not a file. */
bool curl_library_takes_bytes(const struct curl_library *library)
{
    return curl_library_is_openssl(library) && library->version->number >= TAKES_ALL_BYTES;
}
