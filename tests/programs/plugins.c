// SPDX-License-Identifier: Apache-2.0
/* plugins.c - opens plugins and closes them again, in two threads, and calls them in between: the
 * libraries that they are linked with come and go.
 *
 *     plugins PORT TIMES PLUGIN...
 *
 * A plugin's fetch(PORT) returns 0. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static int port, times;

static void call(const char *file, int mode)
{
    void *library = dlopen(file, RTLD_NOW | mode);
    int (*fetch)(int) = library ? (int (*)(int))dlsym(library, "fetch") : NULL;
    int result = fetch ? fetch(port) : -1;
    if (result != 0 || dlclose(library) != 0)
        printf("%s: %d\n", file, result);
}

static void *call_often(void *files)
{
    for (int i = 0; i < times; i++)
        for (char **file = files; *file; file++)
            call(*file, i % 2 ? RTLD_LOCAL : RTLD_GLOBAL);
    return NULL;
}

int main(int count, char **arguments)
{
    pthread_t thread;
    if (count < 4)
        return 2;
    port = atoi(arguments[1]);
    times = atoi(arguments[2]);
    if (pthread_create(&thread, NULL, call_often, arguments + 3) != 0)
        return 2;
    call_often(arguments + 3);
    pthread_join(thread, NULL);
    for (char **file = arguments + 3; *file; file++)
        printf("%s\n", dlopen(*file, RTLD_NOW | RTLD_NOLOAD) ? "stays" : "has gone");
    return 0;
}
