// SPDX-License-Identifier: Apache-2.0
#include "agent/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/os.h"
#include "agent/base/sha256.h"

#define STAT_BYTES    1024
#define STATE_FIELD   3
#define PARENT_FIELD  4
#define THREADS_FIELD 20
#define START_FIELD   22
#define STATUS_FIELD  52

uint32_t process_owner;

void process_own_memory(void)
{
    process_owner = (uint32_t)getpid();
}

bool process_owns_memory(void)
{
    return (uint32_t)getpid() == process_owner;
}

uint64_t process_namespace(void)
{
    struct stat status;
    return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

/* The kernel puts 16 random bytes into each new image. They are a secret, from which libc makes its
 * guards of stack and pointers; so only a part of their digest is told. */
uint32_t process_image(void)
{
    const char *bytes = (const char *)getauxval(AT_RANDOM);
    uint8_t digest[SHA256_BYTES];
    uint32_t image = 0;
    if (!bytes)
        return 0;
    sha256((struct slice){bytes, 16}, digest);
    memcpy(&image, digest, sizeof image);
    return image;
}

/* Field `number`, 3 or higher, of /proc/PID/stat; 0 is this process. The second is the program's
 * name in parentheses, which may hold anything: counting begins behind the last one. */
static const char *stat_field(uint32_t pid, char text[STAT_BYTES], int number)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    int fd = open(pid ? path : "/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    ssize_t length = pread(fd, text, STAT_BYTES - 1, 0);
    os.close(fd);
    if (length <= 0)
        return NULL;
    text[length] = '\0';
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < number; field++)
        at = strchr(at + 1, ' ');
    return at ? at + 1 : NULL;
}

uint64_t process_started_ticks(uint32_t pid)
{
    char text[STAT_BYTES];
    const char *field = stat_field(pid, text, START_FIELD);
    return field ? strtoull(field, NULL, 10) : 0;
}

uint32_t process_parent(uint32_t pid)
{
    char text[STAT_BYTES];
    const char *field = stat_field(pid, text, PARENT_FIELD);
    return field ? (uint32_t)strtoul(field, NULL, 10) : 0;
}

long process_user(uint32_t pid)
{
    char path[32], text[STAT_BYTES];
    snprintf(path, sizeof path, "/proc/%u/status", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t length = pread(fd, text, sizeof text - 1, 0);
    os.close(fd);
    text[length > 0 ? length : 0] = '\0';
    const char *ids = strstr(text, "\nUid:\t"); /* real, effective, ... */
    const char *effective = ids ? strchr(ids + 6, '\t') : NULL;
    return effective ? strtol(effective + 1, NULL, 10) : -1;
}

/* How many threads it has, if the first one has ended, which counts until all have; else 0. */
static unsigned long threads_without_first(uint32_t pid)
{
    char text[STAT_BYTES];
    const char *state = stat_field(pid, text, STATE_FIELD);
    if (!state || (*state != 'Z' && *state != 'X'))
        return 0;
    const char *threads = stat_field(pid, text, THREADS_FIELD);
    return threads ? strtoul(threads, NULL, 10) : 0;
}

/* Ended, but its parent has not asked yet. */
static bool is_zombie(uint32_t pid)
{
    return threads_without_first(pid) == 1;
}

bool process_is_without_first(void)
{
    return threads_without_first(0) != 0;
}

int process_deserted(void)
{
    char text[STAT_BYTES];
    if (threads_without_first(0) != 2)
        return -1;
    const char *status = stat_field(0, text, STATUS_FIELD);
    return status ? WEXITSTATUS((int)strtoul(status, NULL, 10)) : 0;
}

enum process_state process_state(uint32_t pid, uint64_t started_ticks)
{
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
        return PROCESS_GONE;
    if (is_zombie(pid))
        return PROCESS_ZOMBIE;
    uint64_t now = started_ticks ? process_started_ticks(pid) : 0;
    return now && now != started_ticks ? PROCESS_GONE : PROCESS_RUNS;
}
