// SPDX-License-Identifier: Apache-2.0
#include "hooks/originals/opener.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "hooks/originals/library.h"
#include "hooks/originals/real.h"

void *opener_open(const char *names, const char **why)
{
    int mode = RTLD_NOW | RTLD_LOCAL;
    if (library_replaced("SSL_CTX_new", "libssl.|libssl-")) {
        *why = "the program brings its own OpenSSL and its own malloc";
        if (library_replaced("malloc", "libc."))
            return NULL;
        mode |= RTLD_DEEPBIND;
    }
    dlerror(); /* before glibc 2.34 this brings libdl, where real.dlopen() is found then */
    *why = "not installed here, or not loadable";
    while (*names) {
        char name[64];
        int length = (int)strcspn(names, "|");
        snprintf(name, sizeof name, "%.*s", length, names);
        void *library = real.dlopen(name, mode);
        if (library)
            return library;
        names += length + (names[length] == '|');
    }
    return NULL;
}

void *opener_find(void *library, const char *symbol)
{
    return dlsym(library, symbol);
}
