// SPDX-License-Identifier: Apache-2.0
/* life_libraries.c - libraries that the agent has wrappers for come and go. */
#include <dlfcn.h>
#include <stdio.h>

#include "life.h"

static void load_and_unload(int client, const char *name)
{
    static const struct {
        const char *file, *symbol;
    } libraries[] = {{"libmariadb.so.3", "mysql_get_client_info"},
                     {"libcurl.so.4", "curl_version"}};
    (void)name;
    for (int i = 0; i < 6; i++) {
        void *library =
            dlopen(libraries[i % 2].file, RTLD_NOW | (i < 4 ? RTLD_LOCAL : RTLD_GLOBAL));
        const char *(*version)(void) = NULL;
        if (library)
            *(void **)&version = dlsym(library, libraries[i % 2].symbol);
        if (!version || !version() || dlclose(library) != 0)
            printf("%s: %s\n", libraries[i % 2].file, dlerror());
    }
    answer(client);
}

const struct row library_rows[] = {
    {"libraries", load_and_unload},
    {0},
};
