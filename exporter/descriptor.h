// SPDX-License-Identifier: Apache-2.0
/* descriptor.h - descriptors of ours in a process that is not ours. */
#ifndef EXPORTER_DESCRIPTOR_H
#define EXPORTER_DESCRIPTOR_H

#include <stdbool.h>
#include <sys/types.h>

/* Moves `fd` to a high number, close-on-exec, where the application is least likely to trip over
 * it. Returns the new number, or `fd` itself where none is free. */
int descriptor_raise(int fd);

/* What the number refers to; false: nothing. */
bool descriptor_identity(int fd, dev_t *device, ino_t *inode);

#endif
