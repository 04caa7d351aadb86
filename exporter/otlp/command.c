// SPDX-License-Identifier: Apache-2.0
#include "exporter/otlp/command.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/os.h"

#define WORDS_MOST   64
#define PARENT_BYTES 2048

/* Written in the constructor only. */
static struct service noted;

/* Workers that Python's multiprocessing starts run an expression; what they belong to is said by
 * the command of their parent. */
static void note_parents(const char *folder)
{
    char path[32], text[PARENT_BYTES];
    const char *words[WORDS_MOST];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)getppid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? os.read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0)
        os.close(fd);
    text[length > 0 ? length : 0] = '\0';
    for (const char *at = text; at < text + length && count < WORDS_MOST; at += strlen(at) + 1)
        words[count++] = at;
    service_from_command(&noted, words, count, folder, getenv("FLASK_APP"));
}

void command_note(int count, const char *const *words)
{
    char folder[PATH_MAX];
    if (!getcwd(folder, sizeof folder))
        folder[0] = '\0';
    if (service_is_pythons_child(words, count))
        note_parents(folder);
    else
        service_from_command(&noted, words, count, folder, getenv("FLASK_APP"));
}

const struct service *command_service(void)
{
    return &noted;
}

const char *command_runtime(const char *executable)
{
    static const char *const names[][2] = {{"python", "cpython"}, {"node", "nodejs"},
                                           {"ruby", "ruby"},      {"php", "php"},
                                           {"perl", "perl"},      {"java", "java"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(executable, names[i][0], strlen(names[i][0])) == 0)
            return names[i][1];
    return NULL;
}
