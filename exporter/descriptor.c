// SPDX-License-Identifier: Apache-2.0
#include "exporter/descriptor.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's table of descriptors grows with the highest number, 8 bytes each, in every
 * process: containers often allow a million, so "high" ends here. */
#define HIGHEST 1024
#define ROOM    24

int descriptor_raise(int fd)
{
    struct rlimit limit;
    rlim_t top = HIGHEST;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < top)
        top = limit.rlim_cur;
    for (int least = (int)top - ROOM; least > fd; least /= 2) {
        int raised = fcntl(fd, F_DUPFD_CLOEXEC, least);
        if (raised >= 0) {
            close(fd);
            return raised;
        }
    }
    return fd;
}

bool descriptor_identity(int fd, dev_t *device, ino_t *inode)
{
    struct stat status;
    /* By number, because the function of that name is newer than the oldest C library we start
     * under (it was a macro before 2.33). */
    if (syscall(SYS_fstat, fd, &status) != 0)
        return false;
    *device = status.st_dev;
    *inode = status.st_ino;
    return true;
}
