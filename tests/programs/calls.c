// SPDX-License-Identifier: Apache-2.0
/* calls.c - makes every call that the agent interposes and prints results, errno and bytes, so
 * that the output of a run with the agent can be compared with one without.
 *
 *   calls                 every call that returns
 *   calls exec NAME       ends in that member of the exec family, which starts `calls arguments`
 *   calls exit NAME       ends by that function, status 7, with an unflushed line in stdout
 *   calls where SYMBOL... the file that defines what this program is bound to
 *   calls open FILE       opens that module with RTLD_DEEPBIND and calls its functions
 *
 * Built plainly, with -D_FORTIFY_SOURCE=3, and with -DOLD_NAMES for the older aliases. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls_stacks.h"

#ifdef OLD_NAMES
extern ssize_t __read(int, void *, size_t);
extern ssize_t __write(int, const void *, size_t);
extern ssize_t __send(int, const void *, size_t, int);
extern int __connect(int, const struct sockaddr *, socklen_t);
extern int __close(int);
extern int __dup2(int, int);
extern int __fcntl(int, int, ...);
extern pid_t __wait(int *);
extern pid_t __waitpid(pid_t, int *, int);
#define read    __read
#define write   __write
#define send    __send
#define connect __connect
#define close   __close
#define dup2    __dup2
#define fcntl   __fcntl
#define wait    __wait
#define waitpid __waitpid
#define _exit   _Exit
#endif

/* The call as text, its result, and errno, which a successful call has to leave at 77. */
#define SHOW(call)                                                                                 \
    do {                                                                                           \
        errno = 77;                                                                                \
        long result_ = (long)(call);                                                               \
        int errno_ = errno;                                                                        \
        printf("%s = %ld, errno %d\n", #call, result_, errno_);                                    \
    } while (0)

static char bytes[64];
static volatile size_t room = sizeof bytes; /* unknown to the compiler, so fortified calls stay */
static void *volatile bad = (void *)8;

static void show_bytes(void)
{
    printf("    bytes \"%.*s\"\n", (int)sizeof bytes, bytes);
    memset(bytes, 0, sizeof bytes);
}

static void a_stream(void)
{
    int pair[2];
    struct iovec out[2] = {{"one ", 4}, {"two", 3}};
    struct iovec in[2] = {{bytes, 3}, {bytes + 3, 30}};
    struct iovec broken[1] = {{bad, 4}};
    struct msghdr message = {.msg_iov = out, .msg_iovlen = 2};
    struct msghdr answer = {.msg_iov = in, .msg_iovlen = 2};
    struct msghdr no_parts = {.msg_iov = bad, .msg_iovlen = 2};

    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    SHOW(socketpair(AF_INET, SOCK_STREAM, 0, pair));
    SHOW(write(pair[0], "hello", 5));
    SHOW(read(pair[1], bytes, room));
    show_bytes();
    SHOW(writev(pair[0], out, 2));
    SHOW(readv(pair[1], in, 2));
    show_bytes();
    SHOW(pwritev2(pair[0], out, 2, -1, 0));
    SHOW(preadv2(pair[1], in, 2, -1, 0));
    show_bytes();
    SHOW(pwritev64v2(pair[0], out, 2, -1, 0));
    SHOW(preadv64v2(pair[1], in, 2, -1, 0));
    show_bytes();
    SHOW(preadv2(pair[1], in, 2, 5, 0));
    SHOW(send(pair[0], "sent", 4, MSG_NOSIGNAL));
    SHOW(recv(pair[1], bytes, room, MSG_PEEK));
    SHOW(recv(pair[1], bytes, room, 0));
    show_bytes();
    SHOW(sendto(pair[0], "sent to", 7, 0, NULL, 0));
    SHOW(recvfrom(pair[1], bytes, room, 0, NULL, NULL));
    show_bytes();
    SHOW(sendmsg(pair[0], &message, 0));
    SHOW(recvmsg(pair[1], &answer, 0));
    show_bytes();
    SHOW(read(pair[1], NULL, 0));
    SHOW(recv(pair[1], bytes, room, MSG_DONTWAIT));
    SHOW(read(pair[1], bad, 0));
    SHOW(write(pair[0], bad, 4));
    SHOW(writev(pair[0], broken, 1));
    SHOW(writev(pair[0], bad, 2));
    SHOW(writev(pair[0], out, -1));
    SHOW(readv(pair[1], bad, 2));
    SHOW(sendmsg(pair[0], bad, 0));
    SHOW(sendmsg(pair[0], &no_parts, 0));
    SHOW(recvmsg(pair[1], bad, 0));
    SHOW(send(pair[0], bad, 4, 0));
    SHOW(shutdown(pair[0], SHUT_WR));
    SHOW(send(pair[0], "late", 4, MSG_NOSIGNAL));
    SHOW(recv(pair[1], bytes, room, 0));
    SHOW(close(pair[0]));
    SHOW(close(pair[0]));
    SHOW(read(pair[0], bytes, room));
    SHOW(write(-1, "x", 1));
    SHOW(close(pair[1]));
}

static void datagrams(void)
{
    int pair[2];
    struct iovec parts[4] = {{"first", 5}, {"second", 6}, {bytes, 32}, {bytes + 32, 32}};
    struct mmsghdr out[2] = {{.msg_hdr = {.msg_iov = &parts[0], .msg_iovlen = 1}},
                             {.msg_hdr = {.msg_iov = &parts[1], .msg_iovlen = 1}}};
    struct mmsghdr in[2] = {{.msg_hdr = {.msg_iov = &parts[2], .msg_iovlen = 1}},
                            {.msg_hdr = {.msg_iov = &parts[3], .msg_iovlen = 1}}};
    struct timespec second = {1, 0};

    SHOW(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    SHOW(sendmmsg(pair[0], out, 2, 0));
    printf("    lengths %u %u\n", out[0].msg_len, out[1].msg_len);
    SHOW(recvmmsg(pair[1], in, 2, 0, &second));
    printf("    lengths %u %u \"%.5s\" \"%.6s\"\n", in[0].msg_len, in[1].msg_len, bytes,
           bytes + 32);
    SHOW(sendmmsg(pair[0], bad, 2, 0));
    SHOW(recvmmsg(pair[1], bad, 2, MSG_DONTWAIT, NULL));
    close(pair[0]);
    close(pair[1]);
}

/* Sends a descriptor along and reads from the copy. */
static void a_passed_descriptor(void)
{
    int pair[2], other[2], copy;
    char space[CMSG_SPACE(sizeof copy)] = {0};
    struct iovec part = {"d", 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, other));
    struct cmsghdr *control = CMSG_FIRSTHDR(&message);
    *control = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof copy), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(control), &other[0], sizeof other[0]);
    SHOW(sendmsg(pair[0], &message, 0));
    SHOW(recvmsg(pair[1],
                 &(struct msghdr){.msg_iov = &(struct iovec){bytes, 1},
                                  .msg_iovlen = 1,
                                  .msg_control = space,
                                  .msg_controllen = sizeof space},
                 0));
    memcpy(&copy, CMSG_DATA(control), sizeof copy);
    SHOW(write(copy, "through the copy", 16));
    SHOW(recv(other[1], bytes, room, 0));
    show_bytes();
    for (int fd = pair[0]; fd <= copy; fd++)
        close(fd);
}

static void a_connection(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in peer;
    socklen_t length = sizeof address, peer_length = sizeof peer;
    int listener, client, served;

    SHOW(listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    SHOW(socket(-1, SOCK_STREAM, 0));
    bind(listener, (struct sockaddr *)&address, sizeof address);
    SHOW(listen(listener, 8));
    SHOW(listen(-1, 8));
    getsockname(listener, (struct sockaddr *)&address, &length);
    for (int round = 0; round < 4; round++) {
        client = socket(AF_INET, SOCK_STREAM, 0);
        SHOW(connect(client, (struct sockaddr *)&address, length));
        peer_length = sizeof peer;
        memset(&peer, 0, sizeof peer);
        if (round == 0)
            SHOW(served = accept(listener, (struct sockaddr *)&peer, &peer_length));
        if (round == 1)
            SHOW(served = accept(listener, NULL, NULL));
        if (round == 2)
            SHOW(served = accept4(listener, (struct sockaddr *)&peer, &peer_length, SOCK_NONBLOCK));
        if (round == 3)
            SHOW(served = accept4(listener, NULL, NULL, SOCK_CLOEXEC));
        printf("    peer %d, %u bytes\n", peer.sin_family, (unsigned)peer_length);
        SHOW(fcntl(served, F_GETFL) & O_NONBLOCK);
        SHOW(fcntl(served, F_GETFD));
        SHOW(write(client, "ping", 4));
        SHOW(poll(&(struct pollfd){.fd = served, .events = POLLIN}, 1, 5000));
        SHOW(recv(served, bytes, room, 0));
        show_bytes();
        close(client);
        close(served);
    }
    SHOW(fcntl(listener, F_SETFL, O_NONBLOCK));
    SHOW(accept(listener, NULL, NULL));
    SHOW(accept4(listener, NULL, NULL, 0x7000));
    SHOW(accept(-1, NULL, NULL));
    close(listener);
    SHOW(client = socket(AF_INET, SOCK_STREAM, 0));
    SHOW(connect(client, (struct sockaddr *)&address, length));
    SHOW(connect(client, bad, length));
    SHOW(connect(-1, (struct sockaddr *)&address, length));
    SHOW(shutdown(client, 9));
    SHOW(shutdown(-1, SHUT_RD));
    close(client);
}

static void files_and_pipes(void)
{
    int pair[2], ends[2];
    int file = memfd_create("calls", 0);
    off_t at = 2;
    off64_t at64 = 4;
    SHOW(write(file, "0123456789", 10));
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    SHOW(sendfile(pair[0], file, &at, 3));
    SHOW(sendfile64(pair[0], file, &at64, 3));
    printf("    at %ld and %ld\n", (long)at, (long)at64);
    SHOW(recv(pair[1], bytes, room, 0));
    show_bytes();
    SHOW(sendfile(pair[0], -1, NULL, 3));
    SHOW(pipe(ends));
    SHOW(write(pair[0], "spliced", 7));
    SHOW(splice(pair[1], NULL, ends[1], NULL, 7, 0));
    SHOW(splice(ends[0], NULL, pair[1], NULL, 7, 0));
    SHOW(recv(pair[0], bytes, room, 0));
    show_bytes();
    SHOW(splice(-1, NULL, -1, NULL, 1, 0));
    SHOW(lseek(file, 0, SEEK_SET));
    SHOW(read(file, bytes, room));
    show_bytes();
    close(file);
    close(ends[0]);
    close(ends[1]);
    close(pair[0]);
    close(pair[1]);
}

static void descriptors(void)
{
    int pair[2];
    struct flock lock = {.l_type = F_WRLCK};
    struct timespec no_time = {0};
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    SHOW(dup(pair[0]));
    SHOW(dup2(pair[0], 40));
    SHOW(dup2(pair[0], pair[0]));
    SHOW(dup2(-1, 41));
    SHOW(dup3(pair[0], 41, O_CLOEXEC));
    SHOW(dup3(pair[0], pair[0], 0));
    SHOW(fcntl(41, F_GETFD));
    SHOW(fcntl(pair[0], F_DUPFD, 50));
    SHOW(fcntl(pair[0], F_DUPFD_CLOEXEC, 60));
    SHOW(fcntl(60, F_GETFD));
    SHOW(fcntl(pair[0], F_SETFD, FD_CLOEXEC));
    SHOW(fcntl(pair[0], F_SETLK, &lock));
    SHOW(fcntl(pair[0], F_GETLK, NULL));
    SHOW(fcntl64(pair[0], F_DUPFD, 70));
    SHOW(fcntl64(pair[0], F_GETFL));
    SHOW(fcntl(-1, F_DUPFD, 0));
    SHOW(freopen("/nowhere/at/all", "r", stdin) != NULL);
    SHOW(freopen("/dev/null", "r", stdin) != NULL);
    SHOW(freopen64("/dev/null", "r", stdin) != NULL);
    SHOW(fclose(fopen("/dev/null", "r")));
    SHOW(fclose(fmemopen(bytes, sizeof bytes, "r")));
    SHOW(write(70, "by the copy", 11));
    SHOW(recv(pair[1], bytes, room, 0));
    show_bytes();
    SHOW(close_range(41, 60, CLOSE_RANGE_CLOEXEC));
    SHOW(fcntl(50, F_GETFD));
    SHOW(close_range(41, 60, 0));
    SHOW(fcntl(50, F_GETFD));
    SHOW(close_range(60, 41, 0));
    SHOW(syscall(SYS_dup2, pair[0], 42));
    SHOW(syscall(SYS_close, 42));
    SHOW(syscall(SYS_close, 42));
    SHOW(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &no_time, NULL));
    SHOW(syscall(100000));
    closefrom(40);
    SHOW(fcntl(40, F_GETFD));
    SHOW(fcntl(70, F_GETFD));
    close(pair[0]);
    close(pair[1]);
    SHOW(close(pair[1] + 1));
}

static void loops(void)
{
    int pair[2];
    int loop = epoll_create1(0);
    int old = epoll_create(1);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 5};
    struct timespec moment = {0, 1000};
    sigset_t none;
    sigemptyset(&none);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    SHOW(epoll_create(0));
    SHOW(epoll_create1(-1));
    SHOW(epoll_ctl(loop, EPOLL_CTL_ADD, pair[0], &event));
    SHOW(epoll_ctl(loop, EPOLL_CTL_ADD, pair[0], &event));
    SHOW(epoll_ctl(loop, EPOLL_CTL_MOD, pair[0], &event));
    SHOW(epoll_ctl(old, EPOLL_CTL_ADD, loop, &event));
    SHOW(epoll_ctl(old, EPOLL_CTL_DEL, loop, NULL));
    SHOW(epoll_ctl(old, EPOLL_CTL_ADD, -1, &event));
    SHOW(epoll_ctl(-1, EPOLL_CTL_ADD, pair[0], &event));
    SHOW(epoll_ctl(loop, EPOLL_CTL_ADD, pair[1], bad));
    SHOW(epoll_wait(loop, &event, 1, 0));
    SHOW(write(pair[1], "x", 1));
    SHOW(epoll_wait(loop, &event, 1, 1000));
    SHOW(epoll_pwait(loop, &event, 1, 1000, &none));
    SHOW(epoll_pwait2(loop, &event, 1, &moment, &none));
    SHOW(epoll_wait(loop, &event, 0, 0));
    SHOW(epoll_wait(-1, &event, 1, 0));
    SHOW(epoll_pwait2(-1, &event, 1, NULL, NULL));
    close(loop);
    close(old);
    close(pair[0]);
    close(pair[1]);
}

static void waits(void)
{
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    struct pollfd wait[2] = {{.fd = pair[0], .events = POLLIN}, {.fd = -1}};
    struct timespec moment = {0, 1000};
    struct timeval short_while = {0, 1000};
    sigset_t none;
    sigemptyset(&none);
    fd_set reads;
    FD_ZERO(&reads);
    volatile nfds_t count = 2; /* unknown to the compiler: the fortified twins are called */

    SHOW(poll(wait, count, 0));
    SHOW(select(0, NULL, NULL, NULL, &short_while));
    SHOW(write(pair[1], "x", 1));
    SHOW(poll(wait, count, 1000));
    SHOW(wait[0].revents);
    SHOW(ppoll(wait, count, &moment, &none));
    SHOW(poll(NULL, 1, 0)); /* EFAULT */
    FD_SET(pair[0], &reads);
    SHOW(select(pair[0] + 1, &reads, NULL, NULL, &short_while));
    SHOW(FD_ISSET(pair[0], &reads) != 0);
    SHOW(pselect(pair[0] + 1, &reads, NULL, NULL, &moment, &none));
    SHOW(select(-1, &reads, NULL, NULL, &short_while));
    SHOW(select(pair[0] + 1, bad, NULL, NULL, &short_while));
    close(pair[0]);
    close(pair[1]);
}

static void *reads_for_ever(void *fd)
{
    char byte;
    return (void *)read(*(int *)fd, &byte, 1);
}

static pid_t child_that_ends(int signal)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (signal)
            raise(signal);
        _exit(6);
    }
    return child;
}

static void children(void)
{
    int status = 0;
    siginfo_t info = {0};
    struct rusage usage;
    child_that_ends(SIGKILL);
    SHOW(wait(NULL) > 0);
    SHOW(waitpid(child_that_ends(SIGTERM), &status, 0) > 0);
    printf("    signal %d\n", WTERMSIG(status));
    SHOW(waitpid(child_that_ends(0), NULL, 0) > 0);
    child_that_ends(0);
    SHOW(wait3(&status, 0, &usage) > 0);
    printf("    status %d\n", WEXITSTATUS(status));
    SHOW(wait4(child_that_ends(SIGHUP), NULL, 0, NULL) > 0);
    SHOW(waitid(P_PID, child_that_ends(SIGKILL), &info, WEXITED));
    printf("    %d %d\n", info.si_code, info.si_status);
    child_that_ends(0);
    SHOW(waitid(P_ALL, 0, NULL, WEXITED));
    SHOW(waitid(P_ALL, 0, &info, WEXITED));
    SHOW(wait(&status));
    SHOW(waitpid(-1, NULL, WNOHANG));
    SHOW(wait3(NULL, WNOHANG, NULL));
    SHOW(wait4(-1, &status, 12345678, NULL));
}

static void processes(void)
{
    char name[16] = "";
    char *none[] = {NULL};
    int pair[2], status = 0;
    void *result = NULL;
    pthread_t thread;

    SHOW(prctl(PR_SET_NAME, "renamed"));
    SHOW(prctl(PR_GET_NAME, name));
    printf("    name %s\n", name);
    SHOW(prctl(PR_GET_DUMPABLE));
    SHOW(prctl(-1, 1, 2, 3, 4));
    struct rlimit limit;
    struct rlimit64 limit64;
    SHOW(prlimit(0, RLIMIT_NPROC, NULL, &limit));
    SHOW(prlimit(0, RLIMIT_NPROC, &limit, NULL));
    SHOW(prlimit64(getpid(), RLIMIT_NPROC, NULL, &limit64));
    SHOW(prlimit64(getpid(), RLIMIT_NPROC, &limit64, &limit64));
    SHOW(setuid(geteuid()));
    SHOW(setreuid((uid_t)-1, (uid_t)-1));
    SHOW(setresuid((uid_t)-1, (uid_t)-1, (uid_t)-1));
    SHOW(setrlimit(RLIMIT_NPROC, &limit));
    SHOW(setrlimit64(RLIMIT_NPROC, &limit64));
    SHOW(setrlimit(-1, &limit));
    SHOW(setrlimit(RLIMIT_NPROC, (const struct rlimit *)8));
    SHOW(execve("/nonexistent", none, none));
    SHOW(execv("/nonexistent", none));
    SHOW(execvp("nonexistent", none));
    SHOW(execvpe("nonexistent", none, none));
    SHOW(fexecve(-1, none, none));
    SHOW(execveat(-1, "nonexistent", none, none, 0));
    SHOW(execl("/nonexistent", "a", "b", "c", "d", "e", "f", "g", NULL));
    SHOW(execlp("nonexistent", "a", "b", NULL));
    SHOW(execle("/nonexistent", "a", "b", NULL, none));
    SHOW(system(NULL));
    SHOW(system("exit 3"));
    SHOW(popen("exit 3", "x") == NULL);
    SHOW(pclose(popen("exit 4", "r")));

    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    fflush(stdout);
    if (vfork() == 0) {
        close(pair[1]);
        execl("/nonexistent", "nonexistent", NULL);
        _exit(5);
    }
    SHOW(wait(&status) > 0);
    printf("    status %d\n", WEXITSTATUS(status));
    children();
    SHOW(write(pair[1], "still open", 10));
    SHOW(read(pair[0], bytes, room));
    show_bytes();

    SHOW(pthread_create(&thread, NULL, reads_for_ever, &pair[0]));
    SHOW(pthread_cancel(thread));
    SHOW(pthread_join(thread, &result));
    SHOW(result == PTHREAD_CANCELED);
    close(pair[0]);
    close(pair[1]);
}

static int execute(const char *how)
{
    char self[4096] = "";
    char *arguments[] = {"calls", "arguments", "one", "two", NULL};
    char *environment[] = {"GIVEN=yes", NULL};
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return 1;
    setenv("INHERITED", "yes", 1);
    if (strcmp(how, "execve") == 0)
        execve(self, arguments, environment);
    if (strcmp(how, "execv") == 0)
        execv(self, arguments);
    if (strcmp(how, "execvp") == 0)
        execvp(self, arguments);
    if (strcmp(how, "execvpe") == 0)
        execvpe(self, arguments, environment);
    if (strcmp(how, "fexecve") == 0)
        fexecve(open(self, O_RDONLY | O_CLOEXEC), arguments, environment);
    if (strcmp(how, "execveat") == 0)
        execveat(AT_FDCWD, self, arguments, environment, 0);
    if (strcmp(how, "execl") == 0)
        execl(self, "calls", "arguments", "1", "2", "3", "4", "5", "6", "7", "8", "9", NULL);
    if (strcmp(how, "execlp") == 0)
        execlp(self, "calls", "arguments", "1", "2", "3", "4", "5", "6", "7", "8", "9", NULL);
    if (strcmp(how, "execle") == 0)
        execle(self, "calls", "arguments", "1", "2", "3", "4", "5", "6", "7", NULL, environment);
    return 1;
}

static int leave(const char *how)
{
    printf("unflushed");
    if (strcmp(how, "_exit") == 0)
        _exit(7);
    if (strcmp(how, "_Exit") == 0)
        _Exit(7);
    if (strcmp(how, "quick_exit") == 0)
        quick_exit(7);
    return 1;
}

static int where(char **symbols)
{
    for (; *symbols; symbols++) {
        Dl_info info = {0};
        void *address = dlsym(RTLD_DEFAULT, *symbols);
        const char *file = address && dladdr(address, &info) ? strrchr(info.dli_fname, '/') : "/-";
        printf("%s %s\n", *symbols, file + 1);
    }
    return 0;
}

static int open_module(const char *file)
{
    void *module = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (!module) {
        puts(dlerror());
        return 1;
    }
    const char *(*reader)(void) = (const char *(*)(void))dlsym(module, "module_reader");
    int (*opens)(void) = (int (*)(void))dlsym(module, "module_opens");
    printf("read is in %s\n", reader());
    printf("own RUNPATH %s\n", opens() ? "followed" : "not followed");
    printf("closed %d\n", dlclose(module));
    printf("nothing %d\n", dlopen("/nonexistent.so", RTLD_NOW) == NULL && dlerror() != NULL);
    return 0;
}

static int show_arguments(char **arguments)
{
    for (; *arguments; arguments++)
        printf("%s ", *arguments);
    printf("given %s inherited %s\n", getenv("GIVEN") ? "yes" : "no",
           getenv("INHERITED") ? "yes" : "no");
    return 0;
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";
    if (strcmp(what, "arguments") == 0)
        return show_arguments(&arguments[2]);
    if (strcmp(what, "exec") == 0)
        return execute(arguments[2]);
    if (strcmp(what, "exit") == 0)
        return leave(arguments[2]);
    if (strcmp(what, "where") == 0)
        return where(&arguments[2]);
    if (strcmp(what, "open") == 0)
        return open_module(arguments[2]);
    a_stream();
    datagrams();
    a_passed_descriptor();
    a_connection();
    files_and_pipes();
    descriptors();
    loops();
    stacks();
    waits();
    processes();
    return 0;
}
