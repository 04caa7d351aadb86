// SPDX-License-Identifier: Apache-2.0
#include "exporter/resource.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/clock.h"
#include "config/pairs.h"
#include "exporter/container.h"
#include "exporter/otlp.pb-c.h"
#include "exporter/utf8.h"

#define ATTRIBUTES_MOST 64
#define TEXT_BYTES      8192
#define ENCODED_BYTES   16384 /* what an encoder accepts (otlp.h) */

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
    char text[TEXT_BYTES];
    size_t encoded_bytes; /* 0: not encoded yet */
    unsigned char encoded[ENCODED_BYTES];
} resource;

/* A repaired copy that stays; NULL where the room is used up. */
static char *keep(struct slice text)
{
    char scratch[UTF8_SCRATCH(1024)];
    if (!text.at)
        text = SLICE_LITERAL("");
    if (text.length > 1024)
        text.length = 1024;
    text = utf8_clean(text, SIZE_MAX, scratch);
    if (text.length >= sizeof resource.text - resource.used)
        return NULL;
    char *kept = resource.text + resource.used;
    memcpy(kept, text.at, text.length);
    kept[text.length] = '\0';
    resource.used += text.length + 1;
    return kept;
}

static struct item *find(const char *key)
{
    for (int i = 0; i < resource.count; i++)
        if (strcmp(resource.items[i].key, key) == 0)
            return &resource.items[i];
    return NULL;
}

/* A new item, or the one with that key; NULL where the user has it, or there is no room. */
static struct item *claim(const char *key)
{
    struct item *item = find(key);
    if (item)
        return item->users ? NULL : item;
    if (resource.count == ATTRIBUTES_MOST)
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
    if (item)
        item->integer = value;
}

const char *resource_find(const char *key)
{
    const struct item *item = find(key);
    return item ? item->value : NULL;
}

static struct slice read_file(const char *path, char *buffer, size_t capacity)
{
    size_t length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return SLICE_NONE;
    while (length < capacity) {
        ssize_t got = read(fd, buffer + length, capacity - length);
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    close(fd);
    return (struct slice){buffer, length};
}

static void set_users(const struct config *config)
{
    char buffer[2048];
    struct pairs_pair pair;
    enum pairs_result result;
    struct pairs pairs = pairs_of(config->resource_attributes);
    while ((result = pairs_next(&pairs, buffer, sizeof buffer, &pair)) != PAIRS_END) {
        if (result != PAIRS_PAIR)
            continue; /* config has said so */
        struct item *item = find(pair.key);
        if (item)
            item->users = false; /* the last one of a key counts */
        set(pair.key, (struct slice){pair.value, pair.value_length});
        item = find(pair.key);
        if (item)
            item->users = true;
    }
    struct item *name = config->service_name[0] ? find("service.name") : NULL;
    if (name)
        name->users = false; /* OTEL_SERVICE_NAME has the higher rank */
    set("service.name", slice_of(config->service_name));
}

/* Both generations of the name, whichever was said. */
static void set_environment(const struct config *config)
{
    const char *stable = resource_find("deployment.environment.name");
    const char *older = resource_find("deployment.environment");
    const char *value = stable ? stable : older ? older : config->environment;
    set("deployment.environment.name", slice_of(value));
    set("deployment.environment", slice_of(value));
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

static void set_kubernetes(void)
{
    bool inside = getenv("KUBERNETES_SERVICE_HOST") != NULL;
    for (size_t i = 0; i < sizeof kubernetes / sizeof *kubernetes; i++)
        for (int j = 0; j < 3 && kubernetes[i].variables[j]; j++) {
            const char *variable = kubernetes[i].variables[j];
            /* Names such as NODE_NAME mean other things elsewhere. */
            if (inside || strncmp(variable, "K8S_", 4) == 0)
                set_once(kubernetes[i].key, getenv(variable));
        }
    if (inside) /* a pod's host name is its own */
        set_once("k8s.pod.name", getenv("HOSTNAME"));
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

static void set_container(void)
{
    /* Lent by the encoded form, which does not exist yet. */
    char *buffer = (char *)resource.encoded;
    struct slice cgroup = read_file("/proc/self/cgroup", buffer, ENCODED_BYTES);
    struct slice id = container_id_from_cgroup(cgroup);
    if (!id.at && container_cgroup_is_hidden(cgroup))
        id = container_id_from_mountinfo(read_file("/proc/self/mountinfo", buffer, ENCODED_BYTES));
    set("container.id", id);
}

/* Interpreters by the beginning of their executable's name. */
static const char *runtime(const char *executable)
{
    static const char *const names[][2] = {{"python", "cpython"}, {"node", "nodejs"},
                                           {"ruby", "ruby"},      {"php", "php"},
                                           {"perl", "perl"},      {"java", "java"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(executable, names[i][0], strlen(names[i][0])) == 0)
            return names[i][1];
    return NULL;
}

static void set_process(void)
{
    char path[PATH_MAX];
    char name[300];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    const char *slash = strrchr(path, '/');
    const char *executable = slash ? slash + 1 : path;
    if (!executable[0])
        executable = program_invocation_short_name;

    set("process.executable.name", slice_of(executable));
    set("process.executable.path", slice_of(path));
    set("process.command", slice_of(program_invocation_name));
    set("process.runtime.name", slice_of(runtime(executable)));
    snprintf(name, sizeof name, "unknown_service:%.255s", executable);
    set_once("service.name", name);
}

/* Never 0 random bytes, never a wait: where the kernel has none yet, what differs between two
 * processes has to do. */
static void fill_random(unsigned char *bytes, size_t count)
{
    if (syscall(SYS_getrandom, bytes, count, 1 /* GRND_NONBLOCK */) == (long)count)
        return;
    uint64_t seed = clock_unix_ns() ^ (uint64_t)getpid() << 40 ^ (uint64_t)(uintptr_t)bytes;
    for (size_t i = 0; i < count; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
        bytes[i] = (unsigned char)(seed >> 56);
    }
}

/* A version 4 UUID. Source: RFC 9562, 5.4. */
static void format_instance(char into[37])
{
    unsigned char u[16];
    fill_random(u, sizeof u);
    u[6] = (unsigned char)((u[6] & 0x0f) | 0x40);
    u[8] = (unsigned char)((u[8] & 0x3f) | 0x80);
    snprintf(into, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0],
             u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13],
             u[14], u[15]);
}

void resource_refresh(void)
{
    char uuid[37];
    struct item *instance = find("service.instance.id");
    format_instance(uuid);
    if (!instance)
        set("service.instance.id", slice_of(uuid));
    else if (!instance->users && instance->value[0])
        memcpy(instance->value, uuid, sizeof uuid); /* in place: forks must not use up the room */
    set_integer("process.pid", getpid());
    set_integer("process.parent_pid", getppid());
    resource.encoded_bytes = 0;
}

void resource_detect(const struct config *config)
{
    int saved = errno;
    resource.count = 0;
    resource.used = 0;
    set_users(config);
    set("telemetry.sdk.name", SLICE_LITERAL("otelagent"));
    set("telemetry.sdk.language", SLICE_LITERAL("cpp"));
    set("telemetry.sdk.version", SLICE_LITERAL(OTELAGENT_VERSION));
    set("telemetry.distro.name", SLICE_LITERAL("otelagent"));
    set("telemetry.distro.version", SLICE_LITERAL(OTELAGENT_VERSION));
    set_environment(config);
    set_process();
    resource_refresh();
    set_host();
    set_container();
    set_kubernetes();
    resource.encoded_bytes = 0;
    errno = saved;
}

struct slice resource_encoded(void)
{
    Otlp__KeyValue pairs[ATTRIBUTES_MOST];
    Otlp__AnyValue values[ATTRIBUTES_MOST];
    Otlp__KeyValue *pointers[ATTRIBUTES_MOST];
    Otlp__Resource message = OTLP__RESOURCE__INIT;
    message.attributes = pointers;
    for (int i = 0; i < resource.count && !resource.encoded_bytes; i++) {
        const struct item *item = &resource.items[i];
        pairs[i] = (Otlp__KeyValue)OTLP__KEY_VALUE__INIT;
        values[i] = (Otlp__AnyValue)OTLP__ANY_VALUE__INIT;
        pairs[i].key = item->key;
        pairs[i].value = &values[i];
        pointers[i] = &pairs[i];
        values[i].value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
        values[i].int_value = item->integer;
        if (item->value) {
            values[i].value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
            values[i].string_value = item->value;
        }
        message.n_attributes = (size_t)i + 1;
    }
    if (!resource.encoded_bytes && otlp__resource__get_packed_size(&message) <= ENCODED_BYTES)
        resource.encoded_bytes = otlp__resource__pack(&message, resource.encoded);
    return (struct slice){(const char *)resource.encoded, resource.encoded_bytes};
}
