// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/os.h"
#include "exporter/base/failure.h"

static const char *fill(struct arena *blob, int fd)
{
    while (blob->used < blob->capacity) {
        ssize_t got = os.read(fd, blob->base + blob->used, blob->capacity - blob->used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failure_text(errno);
        if (got == 0)
            return blob->used ? NULL : "empty";
        blob->used += (size_t)got;
    }
    return "longer than 4 MiB";
}

const char *blob_read(struct arena *blob, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return failure_text(errno);
    const char *failure = "no memory";
    if (arena_map(blob, BLOB_BYTES_MOST)) {
        madvise(blob->base, blob->capacity, MADV_DONTDUMP);
        failure = fill(blob, fd);
    }
    os.close(fd);
    if (failure)
        arena_unmap(blob);
    return failure;
}
