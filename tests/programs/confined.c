// SPDX-License-Identifier: Apache-2.0
/* confined.c - runs a program under a filter of system calls.
 *
 *     confined allow|deny errno|kill CALL,CALL... PROGRAM [ARGUMENT...]
 *
 * `allow`: all other calls fail with EPERM, or end the process with SIGSYS; `deny`: those do. Names
 * that this kernel's headers do not know are passed over. A refused clone3 is an unknown one, as in
 * all profiles: libc then calls clone. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    if (count < 5)
        return 2;
    uint32_t harm =
        strcmp(arguments[2], "kill") == 0 ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM);
    int allow = strcmp(arguments[1], "allow") == 0;
    scmp_filter_ctx filter = seccomp_init(allow ? harm : SCMP_ACT_ALLOW);
    for (char *name = strtok(arguments[3], ","); name; name = strtok(NULL, ",")) {
        int number = seccomp_syscall_resolve_name(name);
        if (number != __NR_SCMP_ERROR)
            seccomp_rule_add(filter,
                             allow                         ? SCMP_ACT_ALLOW
                             : strcmp(name, "clone3") == 0 ? SCMP_ACT_ERRNO(ENOSYS)
                                                           : harm,
                             number, 0);
    }
    if (seccomp_load(filter) != 0) {
        perror("seccomp_load");
        return 2;
    }
    execv(arguments[4], arguments + 4);
    perror(arguments[4]);
    return 2;
}
