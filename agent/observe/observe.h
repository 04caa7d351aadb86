// SPDX-License-Identifier: Apache-2.0
/* observe.h - the seam: what hooks tell the agent.
 *
 * A hook calls the real function, tells the agent what happened in the past tense, and returns.
 * Everything here keeps errno, does nothing on the agent's own thread, inside another observed
 * library call, before the agent's gate is open or on a descriptor that is not a tracked
 * connection; then it costs a few loads. Nothing here fails, and nothing allocates from the
 * application's heap.
 *
 * Sending is begin-real-end: the begin takes the clock before the kernel has the bytes, because
 * a client may have the answer before send() returns here. */
#ifndef AGENT_OBSERVE_H
#define AGENT_OBSERVE_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "agent/net/sending.h"

/* Descriptors that come and go */

/* accept(): where the application does not ask for the peer's address, ours is filled. */
struct accepting {
    struct sockaddr *address; /* for the real call: the application's, or &own */
    socklen_t *length;
    socklen_t own_length;
    struct sockaddr_storage own;
};
void observe_accepting(struct accepting *accepting, struct sockaddr *address, socklen_t *length);
/* `listener` may be somebody else's: whoever accepts on it listens. */
void observe_accepted(const struct accepting *accepting, int listener, int made);

/* connect() returned `result` (0, or -1 with errno, EINPROGRESS included). */
void observe_connected(int fd, const struct sockaddr *address, socklen_t length, int result);

/* listen() succeeded or not: at the first success the agent opens what it can need later. */
void observe_listened(int fd, int result);

/* A descriptor was made by socket() or epoll_create(): what was known of the number is forgotten.
 * -1 is ignored. */
void observe_created(int fd);

/* socketpair() returned `result`. A library that works on the agent's own thread is given high
 * numbers, close-on-exec, where the application does not trip over them. */
void observe_paired(int pair[2], int result);

/* dup(), fcntl(F_DUPFD...): `to` is `from` from now on. -1 is ignored. */
void observe_duplicated(int from, int to);
/* dup2(), dup3(): the same, where the program chose the number. freopen(): `from` is -1. */
void observe_put(int from, int to);

/* Before the descriptors first..last (inclusive) are released. */
void observe_closing(int fd);
void observe_closing_range(unsigned first, unsigned last);

/* Bytes that came, or the result of a call that brought none. `flags` are its MSG_* flags. 0 is the
 * stream's end, but where `bytes` is NULL: then none were asked for. */
void observe_received(int fd, const void *bytes, ssize_t received, int flags);
void observe_received_vector(int fd, const struct iovec *parts, int count, ssize_t received);
/* Looks at the parts and at descriptors passed along (SCM_RIGHTS). */
void observe_received_message(int fd, const struct msghdr *message, ssize_t received, int flags);
/* recvmmsg(): `received` messages. */
void observe_received_messages(int fd, const struct mmsghdr *messages, int received, int flags);
/* splice() out of a socket: how many bytes, content unknown. */
void observe_received_unseen(int fd, ssize_t received);

/* Bytes that go; sending_note() says which, before. */
struct sending observe_sending(int fd);
/* `flags` are the call's MSG_* flags. */
void observe_sent(struct sending *sending, const void *bytes, ssize_t sent, int flags);
void observe_sent_vector(struct sending *sending, const struct iovec *parts, size_t count,
                         ssize_t sent);
/* With MSG_FASTOPEN and an address a send may also have connected the socket. */
void observe_sent_to(int fd, const struct sockaddr *address, socklen_t length, ssize_t sent,
                     int flags);
/* Also looks at descriptors that are passed along (SCM_RIGHTS). A message may be looked at only
 * after the kernel has taken it: a bad address is the kernel's to report. */
void observe_sent_message(struct sending *sending, int fd, const struct msghdr *message,
                          ssize_t sent, int flags);
/* sendmmsg(): `sent` messages, msg_len bytes of each. */
void observe_sent_messages(struct sending *sending, const struct mmsghdr *messages, int sent,
                           int flags);
/* splice() into a socket: content unknown. */
void observe_sent_unseen(struct sending *sending, ssize_t sent);
/* sendfile() from `file`, which may be a connection where the other end is none; *end is the offset
 * behind what was sent, as the kernel left it. */
void observe_sent_file(struct sending *sending, int file, const off_t *end, ssize_t sent);
/* shutdown(fd, how) begins, and returned `result`. The time is that of its beginning: the peer may
 * know of it before it returns. */
uint64_t observe_shutting_down(int fd);
void observe_shut_down(int fd, int how, int result, uint64_t begun_ns);

/* epoll_ctl() had success: `epfd` waits for `fd`, too. A descriptor that waits for a listener or an
 * accepted connection is a loop's. */
void observe_registered(int epfd, int operation, int fd);
/* A wait (epoll_wait() and kin) on `epfd` returned. */
void observe_waited(int epfd);
/* With so many events; `patiently`: where there had been none at once it would have waited. */
void observe_waited_for(int ready, bool patiently);

/* poll() and kin returned `ready`. A wait for a listener, for several accepted connections, for one
 * and something that is no connection (a pipe), or for another one than that of the current
 * request, is a loop's. */
void observe_polled(const struct pollfd *waits, unsigned long count, int ready);

/* select() and kin leave only the descriptors that are ready, and so are looked at before, too.
 * `reads` may be a bad address, which is the kernel's to report. */
enum wait {
    WAIT_PRIVATE, /* a handler's, or anything */
    WAIT_OF_LOOP,
    WAIT_UNSEEN /* not looked at yet */
};
enum wait observe_selecting(int count, const fd_set *reads);
void observe_selected(enum wait wait, int count, const fd_set *reads, int ready);

/* The thread is about to go on with another stack (swapcontext(), setcontext()). */
void observe_leaving_stack(void);

/* A library works on a stack of its own until it returns, for the caller, who gives back what the
 * first of the two returned. */
bool observe_stack_lent(void);
void observe_stack_returned(bool before);

/* Before the process ends without destructors: what is pending is sent, for at most
 * AGENT_LEAVING_NS. */
void observe_ending(void);

/* Before it becomes another program: likewise, but that may fail, and then all goes on. */
void observe_leaving(void);

/* Before a child becomes one, which libc makes for it (system(), popen()). */
__attribute__((cold)) void observe_starting(void);

/* After that, and where the process could not become one. */
__attribute__((cold)) void observe_staying(void);

/* wait() and kin returned `ended`; waitid() returned `result`. Who sends the spans of a child that
 * a signal ended can say which. */
void observe_child(pid_t ended, const int *status);
void observe_child_information(int result, const siginfo_t *information);

/* Before setuid() and kin: a child leaves its parent's memory. */
void observe_changing_user(void);

/* Before prctl(): some of them forbid what the exporter's thread needs to start. */
void observe_restricting(int prctl_option, unsigned long mode);

/* Before a limit is set; `limit` is NULL where it is only asked for, and is not looked at. One on
 * the number of processes holds for threads, too: haproxy's workers allow none. */
void observe_limiting(pid_t process, int resource, const void *limit);

#endif
