// SPDX-License-Identifier: Apache-2.0
/* loader.c - libraries that go: real, then observe. dlopen() is in trampoline.S. */
#include "hooks/originals/real.h"

#include <dlfcn.h>

#include "hooks/originals/library.h"

EXPORT int dlclose(void *handle)
{
    int result = real.dlclose(handle);
    library_closed();
    return result;
}
