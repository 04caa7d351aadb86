// SPDX-License-Identifier: Apache-2.0
#include "exporter/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/base/os.h"
#include "exporter/base/failure.h"
#include "exporter/otlp/json.h"

/* For the batch in one piece, its tree (about 130 bytes an attribute, so some ten times the
 * batch) and its text: addresses, touched as far as a batch needs. */
#define BATCH_BYTES_MOST ((size_t)6 << 20)
#define TREE_BYTES       ((size_t)96 << 20)
#define LINE_BYTES       ((size_t)32 << 20)
#define KEEP_BYTES       ((size_t)1 << 20)

void file_init(struct file *file, const char *pattern)
{
    struct arena arena = file->arena;
    size_t length = 0;
    *file = (struct file){.own = OWN_FD_NONE, .arena = arena};
    for (; *pattern && length + 12 < sizeof file->path; pattern++) {
        if (pattern[0] == '%' && pattern[1] == 'p') {
            length += (size_t)snprintf(file->path + length, 12, "%ld", (long)getpid());
            pattern++;
        } else
            file->path[length++] = *pattern;
    }
}

void file_close(struct file *file)
{
    own_fd_close(&file->own);
}

static bool open_file(struct file *file)
{
    int fd =
        open(file->path,
             O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
    if (fd < 0)
        return false;
    file->own = own_fd_take(fd);
    return file->own.fd >= 0;
}

/* Appends a line. Where the disk fills in the middle of it, the part is taken back if nobody can
 * have written behind it, because half a line would spoil the next one of another process. */
static bool append(int fd, const char *line, size_t length)
{
    bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0; /* if not: the write is still in one piece */
    size_t done = 0;
    int error = 0;
    while (done < length && !error) {
        ssize_t written = os.write(fd, line + done, length - done);
        if (written > 0)
            done += (size_t)written;
        else if (written == 0 || errno != EINTR)
            error = written == 0 ? EIO : errno;
    }
    if (error && done) {
        off_t end = lseek(fd, 0, SEEK_CUR);
        if (!locked || end < (off_t)done || lseek(fd, 0, SEEK_END) != end ||
            ftruncate(fd, end - (off_t)done) != 0)
            (void)!os.write(fd, "\n", 1); /* at least the next line is whole */
    }
    flock(fd, LOCK_UN);
    errno = error;
    return done == length;
}

static void *take(void *arena, size_t bytes)
{
    return arena_take(arena, bytes);
}

static void give_back(void *arena, void *memory)
{
    (void)arena; /* reset as a whole */
    (void)memory;
}

/* The batch as a line in the arena; absent where memory does not suffice. */
static struct slice make_line(struct file *file, const struct otlp_body *body)
{
    arena_reset(&file->arena, KEEP_BYTES);
    if (body->bytes > BATCH_BYTES_MOST ||
        !arena_map(&file->arena, BATCH_BYTES_MOST + TREE_BYTES + LINE_BYTES))
        return SLICE_NONE;
    unsigned char *whole = arena_take(&file->arena, body->bytes);
    size_t length = 0;
    for (int i = 0; i < body->count; i++) {
        memcpy(whole + length, body->pieces[i].iov_base, body->pieces[i].iov_len);
        length += body->pieces[i].iov_len;
    }
    ProtobufCAllocator allocator = {take, give_back, &file->arena};
    Otlp__Request *request = otlp__request__unpack(&allocator, length, whole);
    if (!request)
        return SLICE_NONE;
    size_t capacity = file->arena.capacity - file->arena.used;
    char *line = (char *)file->arena.base + file->arena.used;
    length = json_write(request, line, capacity);
    file->arena.used += length;
    return length ? (struct slice){line, length} : SLICE_NONE;
}

static void say(struct file *file, bool written, int error)
{
    if (!written && !file->failing)
        log_once(LOG_WARN, file->path, "can't write spans to %s: %s (OTEL_AGENT_EXPORT_FILE)",
                 file->path, failure_text(error));
    if (written && (file->failing || !file->answered))
        (void)log_over(file->path);
    if (written && file->failing)
        log_write(LOG_WARN, "writing spans to %s works again; %llu batches were lost", file->path,
                  (unsigned long long)file->lost_since);
    if (written)
        file->lost_since = 0;
    else
        file->lost_since++;
    file->failing = !written;
    file->answered |= written;
}

/* From here on nobody can tell whether the batch is in the file. */
static bool begin(struct file *file)
{
    uint32_t state = FILE_NOT_BEGUN;
    return atomic_compare_exchange_strong(&file->state, &state, FILE_BEGUN) || state == FILE_BEGUN;
}

void file_end(struct file *file)
{
    uint32_t state = FILE_BEGUN;
    atomic_compare_exchange_strong(&file->state, &state, FILE_NOT_BEGUN);
}

void file_forbid(struct file *file)
{
    uint32_t state = FILE_NOT_BEGUN;
    atomic_compare_exchange_strong(&file->state, &state, FILE_FORBIDDEN);
}

bool file_is_forbidden(const struct file *file)
{
    return atomic_load_explicit(&file->state, memory_order_relaxed) == FILE_FORBIDDEN;
}

bool file_write(struct file *file, const struct otlp_body *body)
{
    if (!own_fd_is_valid(&file->own) && !open_file(file)) {
        say(file, false, errno);
        return false;
    }
    struct slice line = make_line(file, body);
    if (!begin(file))
        return false;
    errno = ENOMEM;
    bool written = line.at && append(file->own.fd, line.at, line.length);
    say(file, written, errno);
    if (!written)
        file_close(file);
    return written;
}
