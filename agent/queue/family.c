// SPDX-License-Identifier: Apache-2.0
#include "agent/queue/family.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAMILY_CHOOSING (-1)

static struct family alone;
struct family *family = &alone;
static pid_t founder;           /* written together with it */
static _Atomic pid_t last_heir; /* of this process and its parents; relaxed, as it stands alone */

void family_found(void)
{
    if (family != &alone)
        return; /* its children are of the same one */
    void *page =
        mmap(NULL, sizeof *family, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return;
    founder = getpid();
    family = page;
}

bool family_is_founder(void)
{
    return founder == getpid();
}

static int32_t find_heir(void)
{
    int32_t heir = atomic_load_explicit(&family->heir, memory_order_acquire);
    return heir > 0 && kill(heir, 0) != 0 && errno == ESRCH ? 0 : heir;
}

bool family_lacks_heir(void)
{
    return find_heir() == 0;
}

bool family_become_heir(const struct region *region)
{
    struct stat status;
    int32_t before = atomic_load_explicit(&family->heir, memory_order_relaxed);
    if (!family_lacks_heir() || !region->path[0] || stat(region->path, &status) != 0 ||
        !atomic_compare_exchange_strong(&family->heir, &before, FAMILY_CHOOSING))
        return false;
    family->inode = status.st_ino;
    memcpy(family->path, region->path, sizeof family->path);
    atomic_store_explicit(&last_heir, getpid(), memory_order_relaxed);
    atomic_store_explicit(&family->heir, getpid(), memory_order_release);
    return true;
}

bool family_calls(void)
{
    return family_has_left() &&
           atomic_load_explicit(&last_heir, memory_order_relaxed) == getpid() &&
           atomic_exchange_explicit(&family->left, 0, memory_order_relaxed) != 0;
}

void family_resign(void)
{
    int32_t self = getpid();
    atomic_compare_exchange_strong(&family->heir, &self, 0);
}

static bool in_one_directory(const char *one, const char *other)
{
    const char *name = strrchr(one, '/');
    return name && strncmp(one, other, (size_t)(name - one) + 1) == 0 &&
           !strchr(other + (name - one) + 1, '/');
}

bool family_inherits(const struct region *region)
{
    struct stat status;
    int32_t heir = find_heir();
    return heir > 0 && heir == getppid() && in_one_directory(region->path, family->path) &&
           stat(family->path, &status) == 0 && status.st_ino == family->inode;
}
