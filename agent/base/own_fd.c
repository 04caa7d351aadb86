// SPDX-License-Identifier: Apache-2.0
#include "agent/base/own_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/os.h"

/* The kernel's table of descriptors grows with the highest number, 8 bytes each, in every
 * process: containers often allow a million, so "high" ends here. */
#define HIGHEST 1024
#define ROOM    24

static bool identify(int fd, struct own_fd *own)
{
    struct stat status;
    /* By number, because the function of that name is newer than the oldest C library we start
     * under (it was a macro before 2.33). */
    if (fd < 0 || os.syscall(SYS_fstat, fd, &status) != 0)
        return false;
    *own = (struct own_fd){fd, status.st_dev, status.st_ino};
    return true;
}

static int raise_number(int fd)
{
    struct rlimit limit;
    rlim_t top = HIGHEST;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < top)
        top = limit.rlim_cur;
    for (int least = (int)top - ROOM; least > fd; least /= 2) {
        int raised = os.fcntl(fd, F_DUPFD_CLOEXEC, least);
        if (raised >= 0)
            return raised;
    }
    return fd;
}

struct own_fd own_fd_take(int fd)
{
    struct own_fd first;
    if (!identify(fd, &first))
        return OWN_FD_NONE;
    struct own_fd own = first;
    own.fd = raise_number(fd);
    if (own.fd != fd)
        own_fd_close(&first);
    return own_fd_is_valid(&own) ? own : OWN_FD_NONE;
}

bool own_fd_is_valid(const struct own_fd *own)
{
    struct own_fd now;
    return identify(own->fd, &now) && now.device == own->device && now.inode == own->inode;
}

void own_fd_close(struct own_fd *own)
{
    int saved = errno;
    if (own_fd_is_valid(own))
        os.close(own->fd);
    *own = OWN_FD_NONE;
    errno = saved;
}
