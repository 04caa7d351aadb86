// SPDX-License-Identifier: Apache-2.0
#include "agent/base/standard_error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/exec_note.h"
#include "agent/base/os.h"
#include "agent/base/room.h"
#include "agent/base/signals.h"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8 /* Linux's number; not every C library has it */
#endif
#define JOURNAL  "/run/systemd/journal" /* of a namespace: /run/systemd/journal.NAME/stdout */
#define REOPENED "/proc/self/fd/2"

/* An object of the kernel's. The type is stored last and read first, so that who reads it while
 * another thread writes finds none, or what the other is about to allow. */
struct identity {
    _Atomic uint64_t device;
    _Atomic uint64_t inode;
    _Atomic uint32_t type; /* S_IFMT of its mode; 0: there is none. Release pairs with acquire */
};

static struct identity at_start; /* written in the constructor only */
static struct identity known;    /* what may be written to */
static struct identity chosen;   /* what dup() or dup2() put there, known or not */
static _Atomic bool to_journal;  /* `known` is a connection to it, which is always read */
static _Atomic unsigned unsaid;  /* a mere count */

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t bytes = strlen(end);
    return length >= bytes && memcmp(text + length - bytes, end, bytes) == 0;
}

static bool find_peer(struct sockaddr_un *peer)
{
    socklen_t length = sizeof *peer;
    memset(peer, 0, sizeof *peer);
    return getpeername(STDERR_FILENO, (struct sockaddr *)peer, &length) == 0;
}

static bool is_journal(const struct sockaddr_un *peer)
{
    size_t length = strnlen(peer->sun_path, sizeof peer->sun_path);
    return memcmp(peer->sun_path, JOURNAL, sizeof JOURNAL - 1) == 0 &&
           ends_with(peer->sun_path, length, "/stdout");
}

static void remember(struct identity *identity, const struct stat *status)
{
    atomic_store_explicit(&identity->type, 0, memory_order_release);
    if (!status)
        return;
    struct sockaddr_un peer;
    bool journal = S_ISSOCK(status->st_mode) && find_peer(&peer) && is_journal(&peer);
    atomic_store_explicit(&to_journal, journal, memory_order_relaxed);
    atomic_store_explicit(&identity->device, status->st_dev, memory_order_relaxed);
    atomic_store_explicit(&identity->inode, status->st_ino, memory_order_relaxed);
    atomic_store_explicit(&identity->type, status->st_mode & S_IFMT, memory_order_release);
}

static bool is(struct identity *identity, const struct stat *status)
{
    return atomic_load_explicit(&identity->type, memory_order_acquire) ==
               (status->st_mode & S_IFMT) &&
           atomic_load_explicit(&identity->device, memory_order_relaxed) == status->st_dev &&
           atomic_load_explicit(&identity->inode, memory_order_relaxed) == status->st_ino;
}

/* System calls by number, here and below: the functions of libc are where a thread can be
 * cancelled. */
static bool look_at(int fd, struct stat *status)
{
    return os.syscall(SYS_fstat, fd, status) == 0;
}

static bool is_also(int fd, const struct stat *status)
{
    struct stat other;
    return look_at(fd, &other) && other.st_dev == status->st_dev && other.st_ino == status->st_ino;
}

static int access_mode(int fd)
{
    return (int)os.syscall(SYS_fcntl, fd, F_GETFL, 0) & O_ACCMODE;
}

static bool has_option(int fd, int option, int wanted)
{
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 && value == wanted;
}

/* Could standard input, or output where it `writes`, be what it is, where 2 is standard error? Not
 * where a program that began without any of the three opened what it needs, and executes another:
 * that one finds a listening socket, an epoll descriptor and a file of data under them. Descriptor
 * 0 of a FastCGI server listens, too. */
static bool is_usual(int fd, bool writes, bool may_listen)
{
    struct stat status;
    if (!look_at(fd, &status))
        return true;
    switch (status.st_mode & S_IFMT) {
    case S_IFCHR:
        return true;
    case S_IFREG:
        return writes ? access_mode(fd) != O_RDONLY : access_mode(fd) == O_RDONLY;
    case S_IFIFO:
        return access_mode(fd) != (writes ? O_RDONLY : O_WRONLY);
    case S_IFSOCK:
        if (has_option(fd, SO_ACCEPTCONN, 1))
            return may_listen && !writes;
        return has_option(fd, SO_DOMAIN, AF_UNIX) || is_also(!fd, &status); /* as inetd makes it */
    default:
        return false;
    }
}

static bool streams_are_usual(bool may_listen)
{
    return is_usual(STDIN_FILENO, false, may_listen) && is_usual(STDOUT_FILENO, true, may_listen);
}

/* There when the program began. A redirection opens for writing only; who opens a file for reading,
 * too, keeps data in it, unless it takes all that the program says, or has no name: then it is
 * where whoever started the program collects its words (Python's TemporaryFile). */
static bool is_redirection(const struct stat *status)
{
    int mode = access_mode(STDERR_FILENO);
    bool appends = (int)os.syscall(SYS_fcntl, STDERR_FILENO, F_GETFL, 0) & O_APPEND;
    if (mode == O_RDONLY || is_also(STDIN_FILENO, status) || !streams_are_usual(appends))
        return false;
    return mode == O_WRONLY || status->st_nlink == 0 || is_also(STDOUT_FILENO, status);
}

/* Nobody sends anything to a program by its standard error. */
static bool has_unread(int fd)
{
    int bytes = 0;
    return os.syscall(SYS_ioctl, fd, FIONREAD, &bytes) != 0 || bytes != 0;
}

/* A connection to the system's journal, or one of a pair, or to some other logger, that whoever
 * started the program had made: its own end has no name. One that was accepted has the listener's,
 * and standard input that is the same socket has a client at its other end. */
static bool is_loggers_socket(const struct stat *status, bool started_with)
{
    struct sockaddr_un own, peer;
    socklen_t own_length = sizeof own;
    if (!has_option(STDERR_FILENO, SO_TYPE, SOCK_STREAM) ||
        !has_option(STDERR_FILENO, SO_DOMAIN, AF_UNIX) ||
        getsockname(STDERR_FILENO, (struct sockaddr *)&own, &own_length) != 0 ||
        own_length > sizeof own.sun_family || !find_peer(&peer) || is_also(STDIN_FILENO, status))
        return false;
    return is_journal(&peer) ||
           (started_with && streams_are_usual(false) && !has_unread(STDERR_FILENO));
}

/* Of a pipe that the program made its other end may be standard output or input, and one that keeps
 * each write apart carries messages of some protocol. */
static bool is_own_pipe(const struct stat *status)
{
    return is_also(STDIN_FILENO, status) ||
           (is_also(STDOUT_FILENO, status) && access_mode(STDOUT_FILENO) == O_RDONLY) ||
           (os.syscall(SYS_fcntl, STDERR_FILENO, F_GETFL, 0) & O_DIRECT);
}

static bool is_sure(const struct stat *status, bool started_with)
{
    switch (status->st_mode & S_IFMT) {
    case S_IFREG:
        return !started_with || is_redirection(status);
    case S_IFIFO:
        return !is_own_pipe(status);
    case S_IFCHR:
        return isatty(STDERR_FILENO) == 1; /* /dev/null needs no words, a tunnel is no reader */
    case S_IFSOCK:
        return is_loggers_socket(status, started_with);
    default:
        return false;
    }
}

/* "2", or a list with it. */
static bool lists(const char *value, int fd)
{
    if (value[strspn(value, "0123456789 ,:;")] != '\0')
        return false;
    for (char *end; *value; value = end) {
        long number = strtol(value, &end, 10);
        if (end == value)
            end++; /* what separates them */
        else if (number == fd)
            return true;
    }
    return false;
}

/* So a program is told which descriptor is its channel: NODE_CHANNEL_FD of a child of node,
 * WAYLAND_SOCKET, and others alike. LISTEN_FDS is how many there are. What has to do with words is
 * told that they go to standard error. */
static bool names_channel(const char *name, size_t length)
{
    static const char *const words[] = {"LISTEN_FDS", "COUNT", "LOG", "ERR", "TRACE", "DEBUG"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (memmem(name, length, words[i], strlen(words[i])))
            return false;
    return memmem(name, length, "FD", 2) || memmem(name, length, "SOCKET", 6);
}

static bool environment_names(int fd)
{
    for (char **entry = environ; entry && *entry; entry++) {
        const char *value = strchr(*entry, '=');
        if (value && lists(value + 1, fd) && names_channel(*entry, (size_t)(value - *entry)))
            return true;
    }
    return false;
}

static bool may_be_noted(const struct stat *status)
{
    return S_ISREG(status->st_mode) || S_ISSOCK(status->st_mode);
}

void standard_error_at_start(void)
{
    int saved = errno;
    struct stat status;
    if (look_at(STDERR_FILENO, &status) && is_sure(&status, true) &&
        (S_ISCHR(status.st_mode) || !environment_names(STDERR_FILENO)) &&
        !(may_be_noted(&status) && exec_note_tells(&status))) {
        remember(&at_start, &status);
        remember(&known, &status);
    }
    errno = saved;
}

void standard_error_put(bool by_number)
{
    int saved = errno;
    struct stat status;
    bool there = look_at(STDERR_FILENO, &status);
    bool sure = there && (is(&at_start, &status) || (by_number && is_sure(&status, false)));
    remember(&chosen, there ? &status : NULL);
    remember(&known, sure ? &status : NULL);
    errno = saved;
}

void standard_error_closing(void)
{
    remember(&chosen, NULL);
    remember(&known, NULL);
}

bool standard_error_is_read(uint64_t *object)
{
    int saved = errno;
    struct stat status;
    bool read = look_at(STDERR_FILENO, &status) && is(&known, &status);
    *object = 0;
    if (read && (S_ISREG(status.st_mode) || S_ISCHR(status.st_mode)))
        *object = (uint64_t)status.st_dev << 40 ^ status.st_ino;
    errno = saved;
    return read;
}

static bool is_parents(const struct stat *status)
{
    char path[32];
    struct stat parents;
    snprintf(path, sizeof path, "/proc/%ld/fd/2", (long)getppid());
    return os.syscall(SYS_newfstatat, AT_FDCWD, path, &parents, 0) == 0 &&
           parents.st_dev == status->st_dev && parents.st_ino == status->st_ino;
}

/* What a child puts there is for the program that it executes: a socket for its words, mostly. So
 * only what the process came by without choosing is data, or what its parent had chosen. */
void standard_error_leaving(bool own)
{
    int saved = errno;
    struct stat status;
    if (look_at(STDERR_FILENO, &status) && may_be_noted(&status) && !is(&known, &status) &&
        ((own && !is(&chosen, &status)) || is_parents(&status)))
        exec_note_write(&status);
    errno = saved;
}

void standard_error_staying(void)
{
    int saved = errno;
    struct stat status;
    if (look_at(STDERR_FILENO, &status) && may_be_noted(&status) && !is(&known, &status))
        exec_note_take_back();
    errno = saved;
}

/* --- Writing --- */

enum how {
    HOW_SEND,  /* a socket, whatever its flags */
    HOW_NOW,   /* a pipe, likewise, since Linux 6.4 */
    HOW_WRITE, /* what does not wait by itself */
};

static ssize_t put(int fd, enum how how, const char *text, size_t length)
{
    struct iovec part = {(char *)text, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    switch (how) {
    case HOW_SEND:
        return os.syscall(SYS_sendmsg, fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    case HOW_NOW:
        return os.syscall(SYS_pwritev2, fd, &part, 1, -1L, -1L, RWF_NOWAIT);
    case HOW_WRITE:
        break;
    }
    return os.syscall(SYS_write, fd, text, length);
}

/* As many lines as fit, and a longer one as it is. */
static size_t whole_lines(const char *text, size_t length, size_t most)
{
    if (length <= most)
        return length;
    const char *end = memrchr(text, '\n', most);
    return end ? (size_t)(end - text) + 1 : most;
}

typedef bool has_room(int fd, size_t length);

static bool always(int fd, size_t length)
{
    (void)fd;
    (void)length;
    return true;
}

/* At most PIPE_BUF at a time, which a pipe takes as a whole or not at all. */
static bool put_all(int fd, enum how how, has_room *room, const char *text, size_t length)
{
    errno = 0;
    while (length) {
        size_t piece = whole_lines(text, length, PIPE_BUF);
        if (!room(fd, piece)) {
            errno = EAGAIN;
            return false;
        }
        if (put(fd, how, text, piece) != (ssize_t)piece)
            return false;
        text += piece;
        length -= piece;
    }
    return true;
}

/* Another open file description of the same object has flags of its own. Without a reader a pipe
 * can't be opened so. */
static int reopen(const struct stat *wanted)
{
    struct stat status;
    int fd = (int)os.syscall(SYS_openat, AT_FDCWD, REOPENED,
                             O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    if (fd >= 0 && look_at(fd, &status) && status.st_dev == wanted->st_dev &&
        status.st_ino == wanted->st_ino)
        return fd;
    if (fd >= 0)
        os.syscall(SYS_close, fd);
    return -1;
}

/* Newer processors have only ppoll; a program's filter of system calls may allow only poll. */
static long poll_at_once(struct pollfd *one)
{
#ifdef SYS_poll
    return os.syscall(SYS_poll, one, 1, 0);
#else
    return os.syscall(SYS_ppoll, one, 1, &(struct timespec){0}, NULL, 0);
#endif
}

/* A pipe, or a terminal. */
static bool put_without_waiting(const struct stat *status, const char *text, size_t length)
{
    struct pollfd ready = {STDERR_FILENO, POLLOUT, 0};
    if (poll_at_once(&ready) != 1 || ready.revents != POLLOUT)
        return false;
    has_room *room = S_ISFIFO(status->st_mode) ? room_in_pipe : always;
    if (S_ISFIFO(status->st_mode) && put_all(STDERR_FILENO, HOW_NOW, room, text, length))
        return true;
    if (errno == EAGAIN || errno == EPIPE)
        return false;
    int fd = reopen(status);
    if (fd < 0)
        return false;
    bool done = put_all(fd, HOW_WRITE, room, text, length);
    int error = errno;
    os.syscall(SYS_close, fd);
    errno = error;
    return done;
}

static bool put_into_socket(const char *text, size_t length)
{
    if (atomic_load_explicit(&to_journal, memory_order_relaxed))
        return put_all(STDERR_FILENO, HOW_SEND, always, text, length);
    return !has_unread(STDERR_FILENO) &&
           put_all(STDERR_FILENO, HOW_SEND, room_in_socket, text, length);
}

/* A file does not wait for anybody. Where its size is limited, what we say would take room that the
 * program's own words need: it would be ended at the limit, though later. */
static bool put_into_file(const char *text, size_t length)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY &&
           put(STDERR_FILENO, HOW_WRITE, text, length) == (ssize_t)length;
}

/* Signals of a write are the thread's that makes it. A blocked SIGTTOU is not raised at all: the
 * write goes on. The others wait, also where the program ignores them, and are taken back. */
static bool put_without_signals(const struct stat *status, const char *text, size_t length)
{
    uint64_t ours = SIGNAL_BIT(SIGPIPE) | SIGNAL_BIT(SIGXFSZ) | SIGNAL_BIT(SIGTTOU), before;
    if (!signals_change(SIG_BLOCK, ours, &before))
        return false;
    errno = 0;
    bool done = S_ISREG(status->st_mode) ? put_into_file(text, length)
                                         : put_without_waiting(status, text, length);
    uint64_t raised = errno == EPIPE   ? SIGNAL_BIT(SIGPIPE)
                      : errno == EFBIG ? SIGNAL_BIT(SIGXFSZ)
                                       : 0;
    if (!done && raised) {
        struct timespec at_once = {0, 0};
        os.syscall(SYS_rt_sigtimedwait, &raised, NULL, &at_once, sizeof raised);
    }
    if ((before & ours) != ours)
        signals_change(SIG_SETMASK, before, NULL);
    return done;
}

void standard_error_count_unsaid(unsigned count)
{
    atomic_fetch_add_explicit(&unsaid, count, memory_order_relaxed);
}

bool standard_error_say(const char *text, size_t length)
{
    int saved = errno;
    struct stat status;
    bool there = look_at(STDERR_FILENO, &status) && is(&known, &status);
    bool said = there && (S_ISSOCK(status.st_mode) ? put_into_socket(text, length)
                                                   : put_without_signals(&status, text, length));
    if (there && !said)
        standard_error_count_unsaid(1);
    errno = saved;
    return said;
}

unsigned standard_error_unsaid(void)
{
    return atomic_exchange_explicit(&unsaid, 0, memory_order_relaxed);
}
