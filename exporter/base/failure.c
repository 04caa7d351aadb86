// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/failure.h"

#include <errno.h>

const char *failure_text(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return "connection refused";
    case ECONNRESET:
        return "connection reset by the other side";
    case EPIPE:
        return "connection closed by the other side";
    case ETIMEDOUT:
        return "no connection in time";
    case EHOSTUNREACH:
        return "host unreachable";
    case ENETUNREACH:
        return "network unreachable";
    case EADDRNOTAVAIL:
        return "address not available";
    case ENOENT:
        return "no such file or directory";
    case EACCES:
    case EPERM:
        return "permission denied";
    case EMFILE:
    case ENFILE:
        return "too many open files";
    case ENOMEM:
    case ENOBUFS:
        return "no memory";
    case ENOSPC:
    case EDQUOT:
        return "no space left on the device";
    case EFBIG:
        return "file too large";
    case EROFS:
        return "read-only file system";
    case EISDIR:
        return "is a directory";
    case ENOTDIR:
        return "not a directory";
    case ELOOP:
        return "is a symbolic link";
    case EIO:
        return "input/output error";
    default:
        return "an error of the system";
    }
}
