// SPDX-License-Identifier: Apache-2.0
#include "exporter/otlp/container.h"

#include <string.h>

#define ID_LENGTH  CONTAINER_ID_LENGTH
#define UID_LENGTH 36

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_word(char c)
{
    char lower = slice_lower(c);
    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
}

/* The last run of exactly 64 hexadecimal digits: nested containers name the inner one last. */
static struct slice last_id(struct slice text)
{
    struct slice found = SLICE_NONE;
    size_t start = 0;
    for (size_t i = 0; i <= text.length; i++) {
        if (i < text.length && is_hex(text.at[i]))
            continue;
        bool bounded = (start == 0 || !is_word(text.at[start - 1])) &&
                       (i == text.length || !is_word(text.at[i]));
        if (i - start == ID_LENGTH && bounded)
            found = (struct slice){text.at + start, ID_LENGTH};
        start = i + 1;
    }
    return found;
}

static struct slice next_line(struct slice *text)
{
    struct slice line = {text->at, slice_find(*text, '\n')};
    *text = slice_after(*text, line.length < text->length ? line.length + 1 : line.length);
    return line;
}

/* A UUID, whose hyphens systemd's unit names can't have. A static pod's uid is none: it is a hash
 * that the cluster does not know. */
static bool is_uid(struct slice text)
{
    if (text.length < UID_LENGTH)
        return false;
    for (size_t i = 0; i < UID_LENGTH; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? text.at[i] != '-' && text.at[i] != '_' : !is_hex(text.at[i]))
            return false;
    }
    return text.length == UID_LENGTH || text.at[UID_LENGTH] == '/' || text.at[UID_LENGTH] == '.';
}

static void set_uid(struct container *container, struct slice text)
{
    for (size_t i = 0; i < UID_LENGTH; i++)
        container->pod_uid[i] = text.at[i] == '_' ? '-' : text.at[i];
    container->pod_uid[UID_LENGTH] = '\0';
    container->pod = true;
}

/* .../pod12345678-... or .../kubepods-burstable-pod12345678_....slice */
static void find_pod(struct container *container, struct slice line)
{
    struct slice marker = SLICE_LITERAL("pod");
    bool cluster = false;
    for (; line.length; line = slice_after(line, 1)) {
        cluster = cluster || slice_starts(line, SLICE_LITERAL("kubepods"));
        if (cluster && slice_starts(line, marker) && is_uid(slice_after(line, marker.length)))
            set_uid(container, slice_after(line, marker.length));
    }
    container->pod = container->pod || cluster;
}

static void set_id(char into[ID_LENGTH + 1], struct slice id)
{
    if (id.at)
        memcpy(into, id.at, ID_LENGTH);
    into[id.at ? ID_LENGTH : 0] = '\0';
}

void container_read_cgroup(struct container *container, struct slice text)
{
    while (text.length) {
        struct slice line = next_line(&text);
        if (!container->id[0])
            set_id(container->id, last_id(line));
        if (!container->pod_uid[0])
            find_pod(container, line);
    }
}

static struct slice next_word(struct slice *line)
{
    struct slice word = {line->at, slice_find(*line, ' ')};
    *line = slice_after(*line, word.length < line->length ? word.length + 1 : word.length);
    return word;
}

/* Takes the last part off a path, and returns it. */
static struct slice last_part(struct slice *path)
{
    size_t start = path->length;
    while (start && path->at[start - 1] != '/')
        start--;
    struct slice part = {path->at + start, path->length - start};
    path->length = start ? start - 1 : 0;
    return part;
}

static bool is_id(struct slice part)
{
    return part.length == ID_LENGTH && last_id(part).at != NULL;
}

/* The id in .../containers/ID/FILE (docker), .../containers/NAMESPACE/ID/FILE (nerdctl) and
 * .../overlay-containers/ID/userdata/FILE (podman, CRI-O). */
static struct slice folders_id(struct slice path, struct slice file)
{
    if (!slice_equal(last_part(&path), file))
        return SLICE_NONE;
    struct slice id = last_part(&path);
    if (slice_equal(id, SLICE_LITERAL("userdata")))
        id = last_part(&path);
    struct slice outer = last_part(&path);
    bool known = slice_ends(outer, SLICE_LITERAL("containers")) ||
                 slice_equal(last_part(&path), SLICE_LITERAL("containers"));
    return known && is_id(id) ? id : SLICE_NONE;
}

/* .../pods/UID/etc-hosts */
static void read_hosts(struct container *container, struct slice path)
{
    if (!slice_equal(last_part(&path), SLICE_LITERAL("etc-hosts")))
        return;
    struct slice uid = last_part(&path);
    if (slice_equal(last_part(&path), SLICE_LITERAL("pods"))) {
        container->pod = true;
        if (is_uid(uid))
            set_uid(container, uid);
    }
}

/* .../pods/UID/containers/NAME/RANDOM */
static void read_termination_log(struct container *container, struct slice path)
{
    (void)last_part(&path);
    struct slice name = last_part(&path);
    struct slice folder = last_part(&path);
    struct slice uid = last_part(&path);
    if (!slice_equal(folder, SLICE_LITERAL("containers")) ||
        !slice_equal(last_part(&path), SLICE_LITERAL("pods")))
        return;
    container->pod = true;
    if (is_uid(uid))
        set_uid(container, uid);
    if (name.length && name.length < sizeof container->name) {
        memcpy(container->name, name.at, name.length);
        container->name[name.length] = '\0';
    }
}

void container_read_mount(struct container *container, struct slice line)
{
    static const struct slice namesakes[CONTAINER_NAMESAKES] = {
        SLICE_LITERAL("hostname"), SLICE_LITERAL("hosts"), SLICE_LITERAL("resolv.conf")};
    for (int i = 0; i < 3; i++)
        (void)next_word(&line); /* the mount, its parent, the device */
    struct slice root = next_word(&line);
    struct slice place = next_word(&line);
    if (slice_equal(place, SLICE_LITERAL("/run/.containerenv")))
        set_id(container->own, folders_id(root, SLICE_LITERAL(".containerenv")));
    if (slice_equal(place, SLICE_LITERAL("/dev/termination-log")))
        read_termination_log(container, root);
    if (!slice_starts(place, SLICE_LITERAL("/etc/")))
        return;
    struct slice file = slice_after(place, 5);
    for (int i = 0; i < CONTAINER_NAMESAKES; i++)
        if (slice_equal(file, namesakes[i]))
            set_id(container->shared[i], folders_id(root, file));
    if (slice_equal(file, SLICE_LITERAL("hosts")))
        read_hosts(container, root);
    /* containerd: .../sandboxes/ID/hostname */
    struct slice path = root;
    (void)last_part(&path);
    (void)last_part(&path);
    if (slice_equal(last_part(&path), SLICE_LITERAL("sandboxes")))
        container->pod = true;
}

void container_settle(struct container *container)
{
    const char *id = container->own;
    for (int i = 0; i < CONTAINER_NAMESAKES && !container->pod && !container->own[0]; i++) {
        if (!container->shared[i][0])
            continue;
        if (id[0] && strcmp(id, container->shared[i]) != 0)
            return; /* some are another one's */
        id = container->shared[i];
    }
    if (!container->id[0])
        memcpy(container->id, id, sizeof container->id);
}

bool container_hosts_are_a_pods(struct slice text)
{
    struct slice line = slice_trim(next_line(&text));
    return slice_equal(line, SLICE_LITERAL("# Kubernetes-managed hosts file."));
}

/* How many characters at the name's end are of that alphabet. */
static size_t tail(struct slice name, const char *alphabet)
{
    size_t length = 0;
    while (length < name.length && strchr(alphabet, name.at[name.length - length - 1]) &&
           name.at[name.length - length - 1])
        length++;
    return length;
}

/* A host name of 63 characters may be a longer name that was cut.
 * Source: Kubernetes, util/rand: String() and SafeEncodeString() of a decimal number. */
bool container_is_deployments(struct slice name)
{
    size_t end = tail(name, "bcdfghjklmnpqrstvwxz2456789");
    if (name.length >= 63 || end != 5 || name.length < 6 || name.at[name.length - 6] != '-')
        return false;
    name.length -= 6;
    size_t hash = tail(name, "456789bcdf");
    return hash >= 6 && hash <= 10 && name.length > hash + 1 &&
           name.at[name.length - hash - 1] == '-';
}

struct slice container_os_name(struct slice text)
{
    struct slice name = SLICE_LITERAL("PRETTY_NAME=");
    while (text.length) {
        struct slice line = slice_trim(next_line(&text));
        if (!slice_starts(line, name))
            continue;
        struct slice value = slice_after(line, name.length);
        bool quoted = value.length >= 2 && (value.at[0] == '"' || value.at[0] == '\'') &&
                      value.at[value.length - 1] == value.at[0];
        return quoted ? (struct slice){value.at + 1, value.length - 2} : value;
    }
    return SLICE_NONE;
}
