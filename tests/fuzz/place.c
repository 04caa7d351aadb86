// SPDX-License-Identifier: Apache-2.0
/* What a process reads of where it is, and of how it was started: /proc/self/cgroup, mountinfo,
 * /etc/hosts and the command, a word a line. The names that come of it are plain words. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/otlp/container.h"
#include "exporter/otlp/service.h"

#define MOST       2048
#define WORDS_MOST 32

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void plain(const struct service *service)
{
    demand(!service->name[0] == !service->source);
    demand(strspn(service->name, LETTERS) == strlen(service->name));
}

static void containers(struct slice text)
{
    struct container container = {.pod = false};
    container_read_cgroup(&container, text);
    while (text.length) {
        size_t end = slice_find(text, '\n');
        container_read_mount(&container, (struct slice){text.at, end});
        text = slice_after(text, end < text.length ? end + 1 : end);
    }
    container_settle(&container);
    demand(strlen(container.id) % CONTAINER_ID_LENGTH == 0);
    demand(strlen(container.pod_uid) % 36 == 0);
}

static void commands(char *text)
{
    const char *words[WORDS_MOST];
    struct service service = {.source = NULL};
    int count = 0;
    for (char *end; count < WORDS_MOST && (end = strchr(text, '\n')); text = end + 1) {
        *end = '\0';
        words[count++] = text;
    }
    service_from_command(&service, words, count, text, text);
    plain(&service);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MOST)
        return 0;
    char *text = malloc(size + 1); /* its end is the memory's */
    demand(text != NULL);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    struct slice all = {text, size};
    struct service service = {.source = NULL};
    containers(all);
    service_from_cgroup(&service, all);
    plain(&service);
    (void)container_hosts_are_a_pods(all);
    (void)container_is_deployments(all);
    commands(text);
    free(text);
    return 0;
}
