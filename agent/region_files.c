// SPDX-License-Identifier: Apache-2.0
#include "agent/region_files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/process.h"
#include "agent/random.h"
#include "agent/region.h"

#define DIRECTORY_BYTES 4096

/* As getdents64(2) writes it. */
struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

bool region_name_parse(struct region_name *name, const char *text)
{
    char *at;
    *name = (struct region_name){0};
    if (strncmp(text, REGION_PREFIX, strlen(REGION_PREFIX)) != 0)
        return false;
    name->key = strtoull(text + strlen(REGION_PREFIX), &at, 16);
    if (*at++ != '-')
        return false;
    name->pid_namespace = strtoull(at, &at, 16);
    if (*at++ != '-')
        return false;
    name->pid = (uint32_t)strtoul(at, &at, 10);
    if (*at++ != '-' || name->pid == 0)
        return false;
    unsigned long image = strtoul(at, &at, 16);
    if (*at == '-') /* else it is the random number of an older agent's */
        name->image = (uint32_t)image;
    name->replaced = strchr(at, '.') != NULL;
    return true;
}

bool region_name_new(char path[REGION_PATH_BYTES], const char *directory, uint64_t key)
{
    int length =
        snprintf(path, REGION_PATH_BYTES, "%s/" REGION_PREFIX "%016llx-%llx-%ld-%08x-%08x",
                 directory, (unsigned long long)key, (unsigned long long)process_namespace(),
                 syscall(SYS_getpid), (unsigned)process_image(), (unsigned)random_next());
    if (length > 0 && (size_t)length + sizeof REGION_REPLACED <= REGION_PATH_BYTES)
        return true;
    path[0] = '\0';
    return false;
}

bool region_files_visit(const char *directory, region_visit *visit, void *context)
{
    _Alignas(8) char entries[DIRECTORY_BYTES];
    uint64_t here = process_namespace();
    int fd = directory[0] ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    bool found = false;
    long bytes;
    while (!found && (bytes = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0) {
        for (long at = 0; at < bytes && !found;) {
            const struct entry *entry = (const struct entry *)(entries + at);
            char path[REGION_PATH_BYTES];
            struct region_name name;
            at += entry->length;
            if (!region_name_parse(&name, entry->name))
                continue;
            name.here = here && name.pid_namespace == here;
            int length = snprintf(path, sizeof path, "%s/%s", directory, entry->name);
            found = length > 0 && (size_t)length < sizeof path && visit(&name, path, context);
        }
    }
    close(fd);
    return found;
}

/* ---- counting ---- */

/* Its header, if it is a file of this user's. */
static bool read_header(const char *path, struct region_header *header)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool read = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
                pread(fd, header, sizeof *header, 0) >= 0;
    close(fd);
    return read;
}

/* A process whose number is used again makes a file look as if its owner lived: then it is not
 * counted, because asking further would cost more than a few files too many. */
static bool count_left(const struct region_name *name, const char *path, void *context)
{
    unsigned *left = context;
    struct region_header header = {0};
    if ((name->here && (kill((pid_t)name->pid, 0) == 0 || errno != ESRCH)) ||
        !read_header(path, &header))
        return false;
    if (name->here && header.magic == REGION_VOID && unlink(path) == 0)
        return false;
    *left +=
        name->here || (header.magic == REGION_MAGIC && region_is_silent(&header, REGION_STALE_NS));
    return *left == REGION_FILES_LEFT;
}

unsigned region_files_left(const char *directory)
{
    unsigned left = 0;
    region_files_visit(directory, count_left, &left);
    return left;
}
