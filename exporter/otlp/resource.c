// SPDX-License-Identifier: Apache-2.0
#include "exporter/otlp/resource.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/base/os.h"
#include "agent/base/secrets.h"
#include "config/pairs.h"
#include "exporter/base/utf8.h"
#include "exporter/otlp/command.h"
#include "exporter/otlp/container.h"
#include "exporter/otlp/resource_wire.h"
#include "exporter/otlp/wire.h"

/* Of the user's, beside our own: more is left out, and said. */
#define USERS_MOST  ((size_t)256)
#define USERS_BYTES ((size_t)65536 + 2 * USERS_MOST) /* each text has a NUL */

#define OWN_MOST        ((size_t)48)
#define OWN_BYTES       ((size_t)14 << 10)
#define OWN_VALUE_BYTES 1024
#define ATTRIBUTES_MOST (USERS_MOST + OWN_MOST)
#define TEXT_BYTES      (OWN_BYTES + USERS_BYTES)
#define WRAPPING_BYTES  16 /* of the wire's, around an attribute's texts */

_Static_assert(TEXT_BYTES + ATTRIBUTES_MOST * WRAPPING_BYTES <= RESOURCE_BYTES_MOST,
               "what is kept can be sent");

struct item {
    char *key;
    char *value; /* NULL: an integer */
    int64_t integer;
    bool users; /* said by the user: not to be overwritten */
};

/* Written in the constructor, and by the one thread that notices a fork; read by the exporter's
 * thread, which is started after either. */
static struct {
    struct item items[ATTRIBUTES_MOST];
    int count;
    size_t used;
    unsigned lost;           /* of the user's attributes */
    char first_lost[64];     /* its key, or the beginning of it */
    char fallback[300];      /* unknown_service:EXECUTABLE */
    const char *name_source; /* of the service; NULL: the user has said it, or nobody knows */
    /* This process's, which stand among the items once that is not stale. */
    bool stale;
    uint32_t pid;
    uint32_t parent_pid;
    uint32_t kept; /* SPAN_PROCESS_*: the user has said them */
    uint8_t instance[16];
    size_t encoded_bytes; /* 0: not encoded yet */
    char text[TEXT_BYTES];
    /* Until then it lends its room to files that are read, and to decoded text. */
    unsigned char encoded[RESOURCE_BYTES_MOST];
} resource;

/* A repaired copy that stays; NULL where the room is used up. It is repaired in the place it will
 * stay in, because the text may be longer than a stack has room for. */
static char *keep(struct slice text)
{
    size_t room = sizeof resource.text - resource.used;
    char *kept = resource.text + resource.used;
    if (!text.at)
        text = SLICE_LITERAL("");
    if (text.length >= room || (!utf8_plain(text) && UTF8_SCRATCH(text.length) > room))
        return NULL;
    text = utf8_clean(text, SIZE_MAX, kept);
    if (text.length >= room)
        return NULL;
    memmove(kept, text.at, text.length);
    size_t length = secrets_hide(kept, text.length, room - 1);
    kept[length] = '\0';
    resource.used += length + 1;
    return kept;
}

static struct item *find(const char *key)
{
    for (int i = 0; i < resource.count; i++)
        if (strcmp(resource.items[i].key, key) == 0)
            return &resource.items[i];
    return NULL;
}

/* A new item, or the one with that key; NULL where there is no room. */
static struct item *claim(const char *key)
{
    struct item *item = find(key);
    if (item)
        return item;
    if ((size_t)resource.count == ATTRIBUTES_MOST)
        return NULL;
    char *kept = keep(slice_of(key));
    if (!kept)
        return NULL;
    item = &resource.items[resource.count++];
    *item = (struct item){.key = kept};
    return item;
}

static void set(const char *key, struct slice value)
{
    if (value.length > OWN_VALUE_BYTES)
        value.length = OWN_VALUE_BYTES;
    struct item *item = value.length ? claim(key) : NULL;
    if (!item)
        return;
    item->value = keep(value);
    if (!item->value)
        item->value = (char *)""; /* an integer otherwise; never written to */
}

static void set_once(const char *key, const char *value)
{
    if (!find(key))
        set(key, slice_of(value));
}

static void set_integer(const char *key, int64_t value)
{
    struct item *item = claim(key);
    if (item && !item->users)
        item->integer = value;
}

static struct slice read_file(const char *path, char *buffer, size_t capacity)
{
    size_t length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return SLICE_NONE;
    while (length < capacity) {
        ssize_t got = os.read(fd, buffer + length, capacity - length);
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    os.close(fd);
    return (struct slice){buffer, length};
}

/* Both generations of the name, whichever was said. */
static void set_environment(const struct config *config)
{
    static const char *const keys[] = {"deployment.environment.name", "deployment.environment"};
    const char *value = NULL;
    for (int i = 0; i < 2 && !(value && *value); i++)
        value = pairs_find(config->resource_attributes, keys[i], (char *)resource.encoded,
                           sizeof resource.encoded);
    if (!value || !*value)
        value = config->environment;
    set(keys[0], slice_of(value));
    set(keys[1], slice_of(value));
}

/* The names under which the downward API's values are usually put into the environment. */
static const struct {
    const char *key;
    const char *variables[3];
} kubernetes[] = {
    {"k8s.pod.name", {"K8S_POD_NAME", "POD_NAME", "MY_POD_NAME"}},
    {"k8s.pod.uid", {"K8S_POD_UID", "POD_UID", "MY_POD_UID"}},
    {"k8s.namespace.name", {"K8S_NAMESPACE_NAME", "K8S_NAMESPACE", "POD_NAMESPACE"}},
    {"k8s.node.name", {"K8S_NODE_NAME", "NODE_NAME", "MY_NODE_NAME"}},
    {"k8s.container.name", {"K8S_CONTAINER_NAME", "CONTAINER_NAME", NULL}},
};

/* Where nothing else names the pod: its host name, if that can be nothing else. HOSTNAME is not
 * asked: images set it to the address to listen on, and with the node's network it is the node's.
 */
static void set_pod_from_host_name(void)
{
    struct utsname host;
    char hosts[128];
    if (uname(&host) == 0 && container_is_deployments(slice_of(host.nodename)) &&
        container_hosts_are_a_pods(read_file("/etc/hosts", hosts, sizeof hosts)))
        set_once("k8s.pod.name", host.nodename);
}

static void set_kubernetes(const struct container *container)
{
    char namespace[64];
    bool inside = container->pod;
    for (size_t i = 0; i < sizeof kubernetes / sizeof *kubernetes; i++)
        for (int j = 0; j < 3 && kubernetes[i].variables[j]; j++) {
            const char *variable = kubernetes[i].variables[j];
            /* Names such as NODE_NAME mean other things elsewhere. */
            if (inside || strncmp(variable, "K8S_", 4) == 0)
                set_once(kubernetes[i].key, getenv(variable));
        }
    if (!inside)
        return;
    set_once("k8s.pod.uid", container->pod_uid);
    set_once("k8s.container.name", container->name);
    struct slice account = read_file("/var/run/secrets/kubernetes.io/serviceaccount/namespace",
                                     namespace, sizeof namespace);
    account.length = slice_find(account, '\n');
    if (!find("k8s.namespace.name"))
        set("k8s.namespace.name", account);
    set_pod_from_host_name();
}

static const char *architecture(const char *machine)
{
    static const char *const names[][2] = {
        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i686", "x86"},   {"i386", "x86"},
        {"armv7l", "arm32"}, {"ppc64le", "ppc64"}, {"s390x", "s390x"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], machine) == 0)
            return names[i][1];
    return machine;
}

static void set_host(void)
{
    struct utsname host;
    char buffer[4096];
    if (uname(&host) == 0) {
        set("host.name", slice_of(host.nodename));
        set("host.arch", slice_of(architecture(host.machine)));
    }
    set("os.type", SLICE_LITERAL("linux"));
    struct slice release = read_file("/etc/os-release", buffer, sizeof buffer);
    if (!release.at)
        release = read_file("/usr/lib/os-release", buffer, sizeof buffer);
    set("os.description", container_os_name(release));
}

/* The whole lines in `text`; returns what is left. A line that fills the buffer has shown all that
 * matters of it, and its rest will be none. */
static size_t read_lines(struct container *container, struct slice text, size_t capacity)
{
    size_t end;
    while ((end = slice_find(text, '\n')) < text.length || text.length == capacity) {
        container_read_mount(container, (struct slice){text.at, end});
        text = slice_after(text, end < text.length ? end + 1 : end);
    }
    if (text.length)
        memmove(resource.encoded, text.at, text.length);
    return text.length;
}

/* All of it, in pieces: a container with many volumes has its own lines last. */
static void read_mounts(struct container *container)
{
    char *buffer = (char *)resource.encoded;
    size_t kept = 0;
    ssize_t got;
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    while (fd >= 0 && (got = os.read(fd, buffer + kept, sizeof resource.encoded - kept)) > 0)
        kept = read_lines(container, (struct slice){buffer, kept + (size_t)got},
                          sizeof resource.encoded);
    if (fd >= 0)
        os.close(fd);
}

/* The unit has the higher rank: it is what its host's people call the service. */
static void set_service(const struct config *config, struct service service)
{
    resource.name_source = NULL;
    if (config->service_name[0]) {
        set("service.name", slice_of(config->service_name));
        return;
    }
    if (!service.name[0])
        service = *command_service();
    resource.name_source = service.name[0] ? service.source : NULL;
    set("service.name", slice_of(service.name[0] ? service.name : resource.fallback));
}

static void set_container(const struct config *config, struct container *container)
{
    char *buffer = (char *)resource.encoded;
    struct slice cgroup = read_file("/proc/self/cgroup", buffer, sizeof resource.encoded);
    struct service service = {0};
    container_read_cgroup(container, cgroup);
    if (!container->id[0])
        service_from_cgroup(&service, cgroup);
    set_service(config, service);
    const char *cluster = getenv("KUBERNETES_SERVICE_HOST");
    container->pod = container->pod || (cluster && *cluster);
    if (!container->id[0] || container->pod)
        read_mounts(container);
    container_settle(container);
    set("container.id", slice_of(container->id));
}

static void set_process(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    const char *slash = strrchr(path, '/');
    const char *executable = slash ? slash + 1 : path;
    if (!executable[0])
        executable = program_invocation_short_name;

    set("process.executable.name", slice_of(executable));
    set("process.executable.path", slice_of(path));
    set("process.command", slice_of(program_invocation_name));
    set("process.runtime.name", slice_of(command_runtime(executable)));
    snprintf(resource.fallback, sizeof resource.fallback, "unknown_service:%.255s", executable);
}

/* A value of the user's is kept whole or not at all. */
static bool set_users_one(const struct pairs_pair *pair, int *count, size_t most_used)
{
    struct item *item = find(pair->key);
    size_t key_bytes = item ? 0 : pair->key_length + 1;
    if (!pair->value_length)
        return true; /* empty is unset */
    if ((!item && (size_t)*count == USERS_MOST) ||
        pair->value_length + 1 + key_bytes > most_used - resource.used)
        return false;
    item = claim(pair->key);
    char *value = item ? keep((struct slice){pair->value, pair->value_length}) : NULL;
    if (!value) { /* bytes that are no UTF-8 take more room */
        if (item && key_bytes)
            resource.count--;
        return false;
    }
    *count += key_bytes != 0;
    item->value = value;
    item->users = true;
    return true;
}

static void note_loss(const char *key)
{
    if (resource.lost++ == 0)
        snprintf(resource.first_lost, sizeof resource.first_lost, "%s", key);
}

/* After our own, so that these have their places however much the user says. What the user says
 * takes the place of ours; of a key that is said twice the last one counts. */
static void set_users(const struct config *config)
{
    int count = 0;
    size_t most_used = resource.used + USERS_BYTES;
    char *buffer = (char *)resource.encoded;
    struct pairs_pair pair;
    enum pairs_result result;
    struct pairs pairs = pairs_of(config->resource_attributes);
    while ((result = pairs_next(&pairs, buffer, sizeof resource.encoded, &pair)) != PAIRS_END) {
        if (result == PAIRS_TOO_LONG)
            note_loss("one that is longer than all that is kept");
        if (result != PAIRS_PAIR) /* config has said so */
            continue;
        bool name = strcmp(pair.key, "service.name") == 0;
        if (name && config->service_name[0])
            continue; /* has the higher rank */
        if (!set_users_one(&pair, &count, most_used))
            note_loss(pair.key);
        else if (name && pair.value_length)
            resource.name_source = NULL;
    }
}

void resource_say_loss(void)
{
    if (resource.lost)
        log_once(LOG_WARN, NULL,
                 "OTEL_RESOURCE_ATTRIBUTES: %u left out, the first is \"%s\": more than %zu "
                 "attributes, or 64 KiB, are not kept",
                 resource.lost, resource.first_lost, USERS_MOST);
}

void resource_say_name(void)
{
    if (resource.name_source)
        log_once(LOG_INFO, NULL,
                 "service.name is \"%s\", from %s; OTEL_SERVICE_NAME names it otherwise",
                 resource_find("service.name"), resource.name_source);
}

/* What is found is not always the same for processes that look after each other's spans: a program
 * takes another's place, a worker is started in a way of its own. */
const char *resource_set_name(void)
{
    return resource.name_source ? resource.fallback : resource_find("service.name");
}

static void identify(void)
{
    resource_make_instance(resource.instance);
    resource.pid = (uint32_t)getpid();
    resource.parent_pid = (uint32_t)getppid();
}

static void set_identity(void)
{
    char uuid[RESOURCE_UUID_BYTES];
    struct item *instance = find("service.instance.id");
    resource_format_instance(uuid, resource.instance);
    if (!instance)
        set("service.instance.id", slice_of(uuid));
    else if (!instance->users && instance->value[0])
        memcpy(instance->value, uuid, sizeof uuid); /* in place: forks must not use up the room */
    set_integer("process.pid", resource.pid);
    set_integer("process.parent_pid", resource.parent_pid);
}

static void freshen(void)
{
    if (resource.stale) {
        set_identity();
        resource.encoded_bytes = 0;
        resource.stale = false;
    }
}

const char *resource_find(const char *key)
{
    freshen();
    const struct item *item = find(key);
    return item ? item->value : NULL;
}

/* Put into its place when somebody asks for it: many a child never sends anything itself. */
void resource_refresh(void)
{
    identify();
    resource.stale = true;
}

static uint32_t kept(const char *key, uint32_t flag)
{
    const struct item *item = find(key);
    return !item || item->users ? flag : 0;
}

void resource_identify(struct span_process *process)
{
    *process = (struct span_process){
        .pid = resource.pid,
        .parent_pid = resource.parent_pid,
        .kept = resource.kept,
    };
    memcpy(process->instance, resource.instance, sizeof process->instance);
}

void resource_detect(const struct config *config)
{
    int saved = errno;
    struct container container = {0};
    resource.count = 0;
    resource.used = 0;
    resource.lost = 0;
    set("telemetry.sdk.name", SLICE_LITERAL("otelagent"));
    set("telemetry.sdk.language", SLICE_LITERAL("cpp"));
    set("telemetry.sdk.version", SLICE_LITERAL(OTELAGENT_VERSION));
    set("telemetry.distro.name", SLICE_LITERAL("otelagent"));
    set("telemetry.distro.version", SLICE_LITERAL(OTELAGENT_VERSION));
    set_environment(config);
    set_process();
    identify();
    set_identity();
    set_host();
    set_container(config, &container);
    set_kubernetes(&container);
    set_users(config);
    resource.kept = kept("process.pid", SPAN_PROCESS_PID) |
                    kept("process.parent_pid", SPAN_PROCESS_PARENT_PID) |
                    kept("service.instance.id", SPAN_PROCESS_INSTANCE);
    resource.encoded_bytes = 0;
    resource.stale = false;
    errno = saved;
}

static unsigned char *put_item(unsigned char *at, const struct item *item)
{
    struct slice key = slice_of(item->key);
    return item->value ? resource_put_text(at, key, slice_of(item->value))
                       : resource_put_number(at, key, (uint64_t)item->integer);
}

struct slice resource_encoded(void)
{
    unsigned char *at = resource.encoded;
    freshen();
    for (int i = 0; i < resource.count && !resource.encoded_bytes; i++)
        at = put_item(at, &resource.items[i]);
    if (!resource.encoded_bytes)
        resource.encoded_bytes = (size_t)(at - resource.encoded);
    return (struct slice){(const char *)resource.encoded, resource.encoded_bytes};
}
