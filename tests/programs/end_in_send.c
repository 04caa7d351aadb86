// SPDX-License-Identifier: Apache-2.0
/* end_in_send.c - preloaded behind the agent: raises SIGTERM as the kernel may deliver it, when a
 * call that sends has done its work and has not returned. In the call whose bytes contain END_AFTER
 * (then they have gone), or END_BEFORE (then none has). */
#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static bool is_it(const char *variable, const struct iovec *parts, int count)
{
    const char *word = getenv(variable);
    for (int i = 0; word && i < count; i++)
        if (memmem(parts[i].iov_base, parts[i].iov_len, word, strlen(word)))
            return true;
    return false;
}

static void end_if(const char *variable, const struct iovec *parts, int count)
{
    if (is_it(variable, parts, count))
        raise(SIGTERM);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    ssize_t (*real)(int, const struct iovec *, int) =
        (ssize_t(*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
    end_if("END_BEFORE", parts, count);
    ssize_t sent = real(fd, parts, count);
    end_if("END_AFTER", parts, count);
    return sent;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    ssize_t (*real)(int, const void *, size_t) =
        (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    struct iovec part = {(void *)bytes, size};
    end_if("END_BEFORE", &part, 1);
    ssize_t sent = real(fd, bytes, size);
    end_if("END_AFTER", &part, 1);
    return sent;
}
