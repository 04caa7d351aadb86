// SPDX-License-Identifier: Apache-2.0
/* regions.h - a directory for the files of regions. */
#ifndef TESTS_UNIT_REGIONS_H
#define TESTS_UNIT_REGIONS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/queue/region.h"

static _Alignas(8) unsigned char taken[RING_RECORD_BYTES_MAX];
static char directory[] = "/tmp/region_test.XXXXXX";

static inline int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static inline int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory); /* fails where a test left a file behind */
}

static inline struct region_place in_directory(const char *path)
{
    return (struct region_place){
        .directory = path, .key = 0xfeed, .resource = SLICE_LITERAL("res")};
}

static inline void make_file_region(struct region *region)
{
    struct region_place place = in_directory(directory);
    assert_true(region_init(region, 10, &place) && region->path[0]);
}

static inline bool exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

#endif
