// SPDX-License-Identifier: Apache-2.0
/* confined.c - runs a program under a filter of system calls.
 *
 *     confined RULES PROGRAM [ARGUMENT...]
 *
 * The first line of the file RULES says what becomes of calls that no other line names: "allow",
 * "kill" (the process, by SIGSYS) or the number of an error. The others are NAME ACTION, and may
 * go on with conditions on arguments, INDEX:OPERATOR:VALUE:VALUE, libseccomp's numbers. Names that
 * this machine's libseccomp does not know are passed over. */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONDITIONS 6

static uint32_t action_of(const char *word)
{
    if (strcmp(word, "allow") == 0)
        return SCMP_ACT_ALLOW;
    return strcmp(word, "kill") == 0 ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO((uint32_t)atoi(word));
}

static void add_rule(scmp_filter_ctx filter, char *line)
{
    struct scmp_arg_cmp conditions[CONDITIONS];
    unsigned count = 0;
    const char *name = strtok(line, " \n"), *action = strtok(NULL, " \n"), *condition;
    if (!name || !action)
        return;
    while (count < CONDITIONS && (condition = strtok(NULL, " \n")) != NULL) {
        unsigned index, operator;
        unsigned long long one, two;
        if (sscanf(condition, "%u:%u:%llu:%llu", &index, &operator, & one, &two) == 4)
            conditions[count++] =
                (struct scmp_arg_cmp){index, (enum scmp_compare) operator, one, two};
    }
    int number = seccomp_syscall_resolve_name(name);
    if (number != __NR_SCMP_ERROR)
        seccomp_rule_add_array(filter, action_of(action), number, count, conditions);
}

int main(int count, char **arguments)
{
    char line[256];
    FILE *rules = count > 2 ? fopen(arguments[1], "re") : NULL;
    if (!rules || !fgets(line, sizeof line, rules))
        return 2;
    scmp_filter_ctx filter = seccomp_init(action_of(strtok(line, "\n")));
    while (fgets(line, sizeof line, rules))
        add_rule(filter, line);
    fclose(rules);
    if (seccomp_load(filter) != 0) {
        perror("seccomp_load");
        return 2;
    }
    execv(arguments[2], arguments + 2);
    perror(arguments[2]);
    return 2;
}
