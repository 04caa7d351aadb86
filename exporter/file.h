// SPDX-License-Identifier: Apache-2.0
/* file.h - spans in a file: one TracesData message a line, by the rules of OTLP/JSON.
 *
 * Several processes append to one file, so a line is one write under O_APPEND; where a write
 * comes back short, what follows is written under a lock, or not at all. The file holds what
 * people asked for in URLs, so only its owner may read it, and a symbolic link is not followed:
 * the name is predictable and the directory may be everybody's.
 *
 * A line is made from the encoded batch, so that it says exactly what a collector would be told. */
#ifndef EXPORTER_FILE_H
#define EXPORTER_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/own_fd.h"
#include "exporter/base/arena.h"
#include "exporter/otlp/otlp.h"

/* BEGUN: a batch is being written, or nobody has noted yet that it was. */
enum file_state { FILE_NOT_BEGUN, FILE_BEGUN, FILE_FORBIDDEN };

struct file {
    char path[1024];
    struct own_fd own;      /* none: not open */
    _Atomic uint32_t state; /* enum file_state */
    bool failing;           /* said so, or another of the tree has */
    bool answered;          /* taken a batch of this process */
    uint64_t lost_since;
    struct arena arena;
};

/* `pattern` is the path; "%p" in it becomes the process id. Opens nothing. */
void file_init(struct file *file, const char *pattern);

/* Appends a batch. False: it is not in the file, or not in full. Says so once, and once when it
 * works again. Where that is forbidden it writes and says nothing. */
bool file_write(struct file *file, const struct otlp_body *body);

/* After file_write(), once that is noted. */
void file_end(struct file *file);

/* Any thread: nothing more is written, but what has begun. */
void file_forbid(struct file *file);
bool file_is_forbidden(const struct file *file);

void file_close(struct file *file);

#endif
