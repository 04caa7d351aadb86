// SPDX-License-Identifier: Apache-2.0
/* module.c - a language's extension, as it were: says which read() it is bound to, and opens a
 * library that only its own RUNPATH leads to. */
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

const char *module_reader(void)
{
    Dl_info info;
    if (!dladdr((void *)read, &info))
        return "nowhere";
    return strrchr(info.dli_fname, '/') + 1;
}

int module_opens(void)
{
    void *library = dlopen("libonly-by-runpath.so", RTLD_NOW);
    if (!library)
        return 0;
    return dlclose(library) == 0;
}
