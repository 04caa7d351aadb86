// SPDX-License-Identifier: Apache-2.0
/* shim.c - functions that some libcs lack, for our own use: newer ones, and glibc's way to
 * pthread_atfork(), which musl does not have.
 *
 * Hidden, so programs keep theirs. The kernel's struct stat is libc's on 64-bit Linux. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/os.h"

int fstat(int fd, struct stat *status)
{
    return (int)os.syscall(SYS_fstat, fd, status);
}

int stat(const char *path, struct stat *status)
{
    return (int)os.syscall(SYS_newfstatat, AT_FDCWD, path, status, 0);
}

ssize_t getrandom(void *bytes, size_t size, unsigned flags)
{
    return os.syscall(SYS_getrandom, bytes, size, flags);
}

void explicit_bzero(void *bytes, size_t size)
{
    memset(bytes, 0, size);
    __asm__ volatile("" : : "r"(bytes) : "memory"); /* else a last write may be optimised away */
}

extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                             void *object) __attribute__((weak));

/* No object is named, because ours is never unloaded. */
int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return __register_atfork ? __register_atfork(prepare, parent, child, NULL) : ENOSYS;
}
