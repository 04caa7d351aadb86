// SPDX-License-Identifier: Apache-2.0
/* From the systemd unit. */
#include "exporter/otlp/service.h"

/* Units, without their ending, whose processes are somebody else's: of sessions, of jobs, of
 * containers, of services that have a name of their own. */
#define RUNNING_OTHERS                                                                             \
    " docker containerd podman crio cri-o snapd lxc lxd incus libvirtd machined kubelet k3s "      \
    "nomad ssh sshd dropbear getty serial-getty console-getty user cron crond cronie anacron atd " \
    "fcron rc-local rescue emergency init dbus gdm gdm3 sddm lightdm xrdp xrdp-sesman cloud-init " \
    "cloud-final cloud-config supervisor supervisord monit runit circus circusd pm2 god jenkins "  \
    "gitlab-runner buildkite-agent actions-runner teamcity-agent webmin cockpit code-server "      \
    "gnome-terminal-server dbus-broker "

/* Units that are called after the program that runs the service: its own name is better, if there
 * is one. */
#define RUNNERS_UNITS                                                                              \
    " gunicorn uvicorn hypercorn daphne uwsgi emperor celery celerybeat flask django node nodejs " \
    "python python3 java php ruby perl puma unicorn rails sidekiq "

/* \xNN, as systemd writes what a unit's name can't hold. */
static struct slice unescape(struct slice text, char *into, size_t capacity)
{
    size_t length = 0;
    for (size_t i = 0; i < text.length && length < capacity; i++) {
        unsigned value = 0;
        int digits = 0;
        if (text.at[i] == '\\' && i + 3 < text.length && text.at[i + 1] == 'x')
            for (char c; digits < 2; digits++) {
                c = slice_lower(text.at[i + 2 + (size_t)digits]);
                value = value * 16 + (unsigned)(c >= 'a' ? c - 'a' + 10 : c - '0');
            }
        into[length++] = digits ? (char)value : text.at[i];
        i += digits ? 3 : 0;
    }
    return (struct slice){into, length};
}

/* The innermost part of the path that is a unit with processes; SLICE_NONE where that is a scope,
 * because those are made for what somebody else has started. */
static struct slice unit_of(struct slice path)
{
    struct slice service = SLICE_LITERAL(".service");
    while (path.length > 1) {
        struct slice part = service_last_part(&path);
        if (slice_ends(part, SLICE_LITERAL(".scope")))
            return SLICE_NONE;
        if (slice_ends(part, service)) {
            part.length -= service.length;
            return part.length && part.at[0] == '_' ? slice_after(part, 1) : part;
        }
    }
    return SLICE_NONE;
}

static bool runs_others(struct slice unit)
{
    return service_is_one_of(unit, RUNNING_OTHERS) ||
           slice_starts(unit, SLICE_LITERAL("systemd-")) ||
           slice_starts(unit, SLICE_LITERAL("run-")) || slice_starts(unit, SLICE_LITERAL("app-")) ||
           slice_starts(unit, SLICE_LITERAL("pm2-")) ||
           slice_starts(unit, SLICE_LITERAL("dbus-")) ||
           slice_starts(unit, SLICE_LITERAL("actions.runner.")) ||
           slice_starts(unit, SLICE_LITERAL("docker-")) ||
           slice_starts(unit, SLICE_LITERAL("snap.docker."));
}

/* Of a template's instances shop@1 and shop@2 the service is shop; of uwsgi@shop it is, too. */
static void take_unit(struct service *service, struct slice unit)
{
    char text[2 * SERVICE_NAME_BYTES];
    unit = unescape(unit, text, sizeof text);
    size_t at = slice_find(unit, '@');
    struct slice name = {unit.at, at};
    struct slice instance = at < unit.length ? slice_after(unit, at + 1) : SLICE_NONE;
    if (runs_others(name))
        return;
    if (service_is_one_of(name, RUNNERS_UNITS))
        name = instance;
    (void)service_take(service, name, "the systemd unit");
}

void service_from_cgroup(struct service *service, struct slice text)
{
    while (text.length) {
        struct slice line = {text.at, slice_find(text, '\n')};
        text = slice_after(text, line.length < text.length ? line.length + 1 : line.length);
        size_t first = slice_find(line, ':');
        struct slice path = slice_after(line, first < line.length ? first + 1 : first);
        size_t second = slice_find(path, ':');
        struct slice controllers = {path.at, second};
        if (controllers.length && !slice_equal(controllers, SLICE_LITERAL("name=systemd")))
            continue;
        path = slice_after(path, second < path.length ? second + 1 : second);
        struct slice unit = unit_of(path);
        if (unit.length && !service->name[0])
            take_unit(service, unit);
    }
}
