// SPDX-License-Identifier: Apache-2.0
/* early.c - a preload that calls what the agent interposes from its constructor, which may run
 * before the agent's, and from its destructor, which may run after. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void check(int right)
{
    if (!right)
        abort();
}

static void exercise(void)
{
    int pair[2];
    char bytes[8];
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    check(write(pair[0], "early", 5) == 5);
    check(recv(pair[1], bytes, sizeof bytes, 0) == 5 && memcmp(bytes, "early", 5) == 0);
    check(fcntl(pair[0], F_DUPFD, 30) >= 30);
    check(prctl(PR_GET_DUMPABLE) >= 0);
    check(execl("/nonexistent", "a", "b", "c", "d", "e", "f", "g", "h", (char *)NULL) == -1);
    check(close(pair[0]) == 0 && close(pair[1]) == 0);
    close(30);
}

__attribute__((constructor)) static void early(void)
{
    exercise();
}

__attribute__((destructor)) static void late(void)
{
    exercise();
}
