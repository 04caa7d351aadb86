// SPDX-License-Identifier: Apache-2.0
/* loader_forks.c - children forked while another thread is inside the loader.
 *
 *     loader_forks COUNT fork|clone|list LIBRARY PLUGIN
 *
 * One thread opens and closes LIBRARY all the time. A child inherits the loader's locks as they are
 * at that moment, maybe held by a thread that it does not have. It calls functions of libraries
 * that its parent has opened and never called: call() of the plugin.
 *
 * clone: children are made by the system call alone, of which the C library knows nothing.
 * list: LIBRARY is the plugin, so nothing comes or goes; the thread makes the plugin's calls, and
 * the children list the loaded objects. */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 60 /* a child needs a millisecond */

typedef void call(void);

struct work {
    const char *library;
    call *by_thread; /* NULL: nothing */
    call *by_child;
    bool raw;
};

static atomic_bool over;

static void die(void)
{
    fprintf(stderr, "%s\n", dlerror());
    exit(2);
}

static void *open_and_close(void *argument)
{
    const struct work *work = argument;
    while (!atomic_load(&over)) {
        void *library = dlopen(work->library, RTLD_NOW | RTLD_LOCAL);
        if (!library || dlclose(library) != 0)
            die();
        if (work->by_thread)
            work->by_thread();
    }
    return NULL;
}

static bool ends_well(pid_t child, int number)
{
    struct timespec pause = {.tv_nsec = 200000};
    int status = 0;
    time_t last = time(NULL) + PATIENCE_S;
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (time(NULL) > last) {
            printf("child %d hangs\n", number);
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
            return false;
        }
        nanosleep(&pause, NULL);
    }
    if (status != 0)
        printf("child %d ended with status %#x\n", number, (unsigned)status);
    return status == 0;
}

static int count_object(struct dl_phdr_info *object, size_t size, void *count)
{
    (void)object;
    (void)size;
    ++*(int *)count;
    return 0;
}

static void list_objects(void)
{
    int count = 0;
    dl_iterate_phdr(count_object, &count);
}

static call *open_plugin(const char *path)
{
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    call *function = NULL;
    if (plugin)
        *(void **)&function = dlsym(plugin, "call");
    if (!function)
        die();
    return function;
}

static pid_t fork_child(const struct work *work)
{
    pid_t child = work->raw ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : fork();
    if (child != 0)
        return child;
    work->by_child();
    _exit(0);
}

int main(int count, char **arguments)
{
    pthread_t other;
    if (count != 5)
        return 2;
    long most = strtol(arguments[1], NULL, 10);
    call *plugin = open_plugin(arguments[4]);
    bool lists = strcmp(arguments[2], "list") == 0;
    struct work work = {
        .library = arguments[3],
        .by_thread = lists ? plugin : NULL,
        .by_child = lists ? list_objects : plugin,
        .raw = strcmp(arguments[2], "clone") == 0,
    };
    if (pthread_create(&other, NULL, open_and_close, &work) != 0)
        return 2;
    int children = 0;
    bool well = true;
    for (; well && children < most; children++)
        well = ends_well(fork_child(&work), children);
    atomic_store(&over, 1);
    pthread_join(other, NULL);
    if (well)
        printf("%d children ended well\n", children);
    return !well;
}
