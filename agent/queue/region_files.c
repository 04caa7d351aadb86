// SPDX-License-Identifier: Apache-2.0
#include "agent/queue/region_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/base/os.h"
#include "agent/base/process.h"
#include "agent/base/random.h"

#define DIRECTORY_BYTES 2048 /* at a time; two of them on a stack of the program's */

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

const char *region_name_new(char path[REGION_PATH_BYTES], const char *directory, uint64_t key)
{
    char own[REGION_PATH_BYTES];
    path[0] = '\0';
    if (!own_directory_path(own, directory))
        return "the path is too long";
    const char *why = own_directory_make(own);
    if (why)
        return why;
    int length =
        snprintf(path, REGION_PATH_BYTES, "%s/" REGION_PREFIX "%016llx-%llx-%ld-%08x-%08x", own,
                 (unsigned long long)key, (unsigned long long)process_namespace(),
                 os.syscall(SYS_getpid), (unsigned)process_image(), (unsigned)random_next());
    if (length > 0 && (size_t)length + sizeof REGION_REPLACED <= REGION_PATH_BYTES)
        return NULL;
    path[0] = '\0';
    return "the path is too long";
}

bool region_file_remove(const char *path)
{
    char own[REGION_PATH_BYTES];
    if (unlink(path) != 0)
        return false;
    const char *name = strrchr(path, '/');
    memcpy(own, path, (size_t)(name - path));
    own[name - path] = '\0';
    rmdir(own); /* fails while there are others in it */
    return true;
}

/* ---- visits ---- */

typedef bool entry_visit(int directory, const struct entry *entry, void *context);

#define ALL_ENTRIES UINT_MAX

/* Calls that for each entry of the directory, at most for so many, until it says true. */
static bool for_each_entry(int directory, unsigned most, entry_visit *visit, void *context)
{
    _Alignas(8) char entries[DIRECTORY_BYTES];
    unsigned seen = 0;
    long bytes;
    while (seen < most &&
           (bytes = os.syscall(SYS_getdents64, directory, entries, sizeof entries)) > 0)
        for (long at = 0; at < bytes && seen < most; seen++) {
            const struct entry *entry = (const struct entry *)(entries + at);
            at += entry->length;
            if (visit(directory, entry, context))
                return true;
        }
    return false;
}

struct visit {
    region_visit *visit;
    void *context;
    const char *directory;
    uint64_t here;
};

static bool visit_file(int directory, const struct entry *entry, void *context)
{
    const struct visit *visit = context;
    char path[REGION_PATH_BYTES];
    struct region_name name;
    if (!region_name_parse(&name, entry->name))
        return false;
    name.here = visit->here && name.pid_namespace == visit->here;
    name.directory = directory;
    name.text = entry->name;
    int length = snprintf(path, sizeof path, "%s/%s", visit->directory, entry->name);
    return length > 0 && (size_t)length < sizeof path && visit->visit(&name, path, visit->context);
}

bool region_files_visit(const char *directory, region_visit *visit, void *context)
{
    char own[REGION_PATH_BYTES];
    int fd = own_directory_path(own, directory) ? own_directory_open(own) : -1;
    if (fd < 0)
        return false;
    bool found = for_each_entry(fd, ALL_ENTRIES, visit_file,
                                &(struct visit){visit, context, own, process_namespace()});
    os.close(fd);
    return found;
}

static bool visit_directory(int directory, const struct entry *entry, void *context)
{
    static const char digits[] = "0123456789";
    size_t prefix = strlen(OWN_DIRECTORY_PREFIX);
    if (strncmp(entry->name, OWN_DIRECTORY_PREFIX, prefix) != 0 ||
        entry->name[prefix + strspn(entry->name + prefix, digits)] != '\0')
        return false;
    int fd = openat(directory, entry->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    bool found = fd >= 0 && for_each_entry(fd, REGION_ENTRIES_MOST, visit_file, context);
    if (fd >= 0)
        os.close(fd);
    return found;
}

bool region_files_visit_all(const char *directory, region_visit *visit, void *context)
{
    int fd = directory[0] ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    bool found = for_each_entry(fd, REGION_ENTRIES_MOST, visit_directory,
                                &(struct visit){visit, context, "", process_namespace()});
    os.close(fd);
    return found;
}

/* ---- counting ---- */

#define TMPFS_ENTRY_BYTES 20 /* what tmpfs adds to a directory's size for each entry */
#define DOTS              2  /* "." and "..", which count */

struct count {
    uint64_t here;
    unsigned most;
    unsigned files;
};

/* A process whose number is used again makes a file look as if its owner lived: asking further
 * would cost more than a few files too many. */
static bool count_ended(int directory, const struct entry *entry, void *context)
{
    struct count *count = context;
    struct region_name name;
    (void)directory;
    if (!region_name_parse(&name, entry->name))
        return false;
    bool lives = count->here && name.pid_namespace == count->here &&
                 (kill((pid_t)name.pid, 0) == 0 || errno != ESRCH);
    count->files += !lives;
    return count->files == count->most;
}

static unsigned files_most(const struct statfs *system, size_t bytes)
{
    size_t share = (size_t)system->f_blocks * (size_t)system->f_bsize / REGION_SHARE;
    if (share < REGION_BYTES_LEAST)
        share = REGION_BYTES_LEAST;
    size_t most = (share < REGION_BYTES_MOST ? share : REGION_BYTES_MOST) / bytes;
    if (most < REGION_FILES_LEAST)
        return REGION_FILES_LEAST;
    return most < REGION_FILES_MOST ? (unsigned)most : REGION_FILES_MOST;
}

bool region_files_room(const char *directory, size_t bytes)
{
    char own[REGION_PATH_BYTES];
    struct stat status;
    struct statfs system;
    struct count count = {0};
    if (!own_directory_path(own, directory) || statfs(own, &system) != 0 || stat(own, &status) != 0)
        return true; /* none is there yet */
    count.most = files_most(&system, bytes);
    if (system.f_type == TMPFS_MAGIC && status.st_size / TMPFS_ENTRY_BYTES < count.most + DOTS)
        return true;
    int fd = own_directory_open(own);
    if (fd < 0)
        return true;
    count.here = process_namespace();
    bool full = for_each_entry(fd, ALL_ENTRIES, count_ended, &count);
    os.close(fd);
    return !full;
}

/* Does a page that was once written have its place for ever? Not where each change goes to a new
 * place, as in btrfs, or to another machine: there a full disk, or a lost one, is a SIGBUS in
 * whichever thread of the program touches the page. */
static bool keeps_places(const struct statfs *system)
{
    static const uint32_t known[] = {TMPFS_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,
                                     OVERLAYFS_SUPER_MAGIC};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if ((uint32_t)system->f_type == known[i])
            return true;
    return false;
}

/* A file that is longer than the process may write is a SIGXFSZ. One that takes more than half of
 * what is left would rob those whom the file system was made for: /dev/shm has 64 MB in a
 * container. */
const char *region_files_find_obstacle(const char *directory, size_t bytes)
{
    struct rlimit limit;
    struct statfs system;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur < bytes)
        return "files may not be as large here";
    if (statfs(directory, &system) != 0)
        return strerror(errno);
    if (!keeps_places(&system))
        return "it is neither on tmpfs nor on ext4, xfs or an overlay of them";
    if ((uint64_t)system.f_bavail * (uint64_t)system.f_bsize / 2 < bytes)
        return "it would take more than half of the room that is left";
    if (!region_files_room(directory, bytes))
        return "ended processes left too many there that nobody has come for";
    return NULL;
}
