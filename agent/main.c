// SPDX-License-Identifier: Apache-2.0
/* Wires the house together when the library is loaded.
 *
 * The constructor reads the configuration (workers clear their environment later) and opens the
 * gate. It starts no thread, opens no file that stays open and takes no memory but the settings':
 * most programs that inherit LD_PRELOAD never serve a request. The rest is done with the first
 * connection or span; until then each hook finds its own original when it is first called. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/base/own_directory.h"
#include "agent/base/own_stack.h"
#include "agent/base/process.h"
#include "agent/base/said.h"
#include "agent/base/secrets.h"
#include "agent/base/sha256.h"
#include "agent/base/standard_error.h"
#include "agent/describe/http_naming.h"
#include "agent/life/agent.h"
#include "agent/life/footprint.h"
#include "agent/net/connection.h"
#include "agent/net/head_store.h"
#include "agent/net/inheritance.h"
#include "agent/net/unseen.h"
#include "agent/protocols/table.h"
#include "agent/queue/family.h"
#include "agent/queue/lodging.h"
#include "agent/queue/queue.h"
#include "agent/queue/recovery.h"
#include "agent/span/stack_trace.h"
#include "agent/span/unwinder.h"
#include "agent/text/redact_shape.h"
#include "agent/work/exchange.h"
#include "agent/work/exchange_inheritance.h"
#include "agent/work/with_sdk.h"
#include "config/unknown.h"
#include "exporter/exporter.h"
#include "exporter/otlp/command.h"
#include "exporter/otlp/resource.h"
#include "exporter/transport/door.h"
#include "exporter/transport/endpoint.h"
#include "hooks/originals/copy.h"
#include "hooks/originals/library.h"
#include "hooks/originals/loader_lock.h"
#include "hooks/originals/opener.h"
#include "hooks/originals/real.h"

#define PATH_BYTES   4096
#define UNKNOWN_MOST 8 /* are said one by one */
#define GROW_STEPS   8 /* at a time: one is more than a burst takes */

/* Present in glibc only: on another libc the agent stays inert until it is ported. */
extern const char *gnu_get_libc_version(void) __attribute__((weak));

/* Filled by the constructor, before the gate opens; only read otherwise. */
static struct config settings;

static const char *from_environment(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

static const char *executable(char *buffer, size_t capacity)
{
    ssize_t length = readlink("/proc/self/exe", buffer, capacity - 1);
    if (length <= 0) /* no /proc: what the kernel was asked to run */
        return (const char *)getauxval(AT_EXECFN);
    buffer[length] = '\0';
    return buffer;
}

static const char *state_directory(const struct config *config)
{
    return config->exporters && strcmp(config->state_dir, "none") != 0 ? config->state_dir : "";
}

static void warn(void *context, const char *message)
{
    struct config *config = context;
    char path[PATH_BYTES];
    if (!config_executable_allowed(config, executable(path, sizeof path)))
        return; /* a denied shell is not to complain either */
    log_set_level((enum log_level)config->log_level);
    note_init(state_directory(config));
    log_once(LOG_WARN, NULL, "%s", message);
}

static void tell_unknown(void *context, struct slice name, const char *nearest)
{
    unsigned *count = context;
    int shown = name.length < 64 ? (int)name.length : 64;
    if (++*count <= UNKNOWN_MOST)
        log_once(LOG_WARN, NULL, "%.*s is not a variable that the agent knows; the nearest is %s",
                 shown, name.at, nearest);
}

static void warn_unknown(void)
{
    unsigned count = 0;
    unknown_find(environ, tell_unknown, &count);
    if (count > UNKNOWN_MOST)
        log_once(LOG_WARN, NULL, "%u more variables are not known to the agent",
                 count - UNKNOWN_MOST);
}

static const char *sampler_name(const struct config *config)
{
    static const char *const names[] = {
        [SAMPLER_ALWAYS_ON] = "always_on",
        [SAMPLER_ALWAYS_OFF] = "always_off",
        [SAMPLER_TRACEIDRATIO] = "traceidratio",
        [SAMPLER_PARENTBASED_ALWAYS_ON] = "parentbased_always_on",
        [SAMPLER_PARENTBASED_ALWAYS_OFF] = "parentbased_always_off",
        [SAMPLER_PARENTBASED_TRACEIDRATIO] = "parentbased_traceidratio",
    };
    if (config->sampler_by_environment)
        return CONFIG_SAMPLER_UNSET;
    return names[config->sampler];
}

static void announce(const struct config *config)
{
    /* As warnings show it: the user and the query of an address may be secrets. */
    struct endpoint endpoint;
    bool readable = endpoint_parse(&endpoint, config_traces_endpoint(config));
    resource_detect(config); /* the service's name may come from it */
    log_once(LOG_INFO, NULL,
             "otelagent " OTELAGENT_VERSION
             ": service %s, sampler %s, ratio %g, exporters%s%s%s%s%s%s",
             resource_find("service.name"), sampler_name(config), config->sampler_ratio,
             config->exporters ? "" : " none", config->exporters & EXPORTER_OTLP ? " otlp " : "",
             config->exporters & EXPORTER_OTLP && readable ? endpoint.shown : "",
             config->exporters & EXPORTER_CONSOLE ? " console" : "",
             config->exporters & EXPORTER_FILE ? " file " : "",
             config->exporters & EXPORTER_FILE ? config->export_file : "");
}

/* Of the service, as its collector sees it: who sends the same name to the same place may send for
 * the other. */
static uint64_t service_key(const struct config *config)
{
    char text[2048];
    uint8_t digest[SHA256_BYTES];
    uint64_t key;
    const char *service = resource_set_name();
    int length =
        snprintf(text, sizeof text, "%s\n%s\n%s\n%d", service ? service : "",
                 config_traces_endpoint(config), config->export_file, (int)config->exporters);
    size_t kept = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    sha256((struct slice){text, kept}, digest);
    memcpy(&key, digest, sizeof key);
    return key;
}

_Static_assert(RESOURCE_BYTES_MOST <= REGION_RESOURCE_BYTES, "a region keeps any resource");

static void place_region(struct region_place *place)
{
    *place = (struct region_place){
        .directory = state_directory(&settings),
        .key = service_key(&settings),
        .resource = resource_encoded(),
    };
}

/* Once a second or, while it rests, a minute, where there is a thread of ours, which may log. */
static void look_after_memory(uint64_t now_ns, int64_t unix_offset_ns)
{
    route_tree_say(&http_naming.route_tree);
    unseen_say();
    with_sdk_say();
    region_is_alive(&queue.region, now_ns, unix_offset_ns);
    lodging_look(&queue.region, recovery_end_lodgers);
    head_store_trim();
    exchange_trim();
    for (int i = 0; i < GROW_STEPS && ring_wants_more(queue.region.ring); i++)
        region_grow(&queue.region);
}

static void region_is_left(void)
{
    lodging_close(&queue.region);
    region_leave(&queue.region);
}

static bool region_outlives(void)
{
    return queue.region.path[0] != '\0';
}

static bool region_has_heir(void)
{
    return family_inherits(&queue.region);
}

/* Do forked children write to the ring, too? */
static bool region_has_lodgers(void)
{
    return queue.region.header && lodging_was_opened(queue.region.header);
}

static void region_disown(void)
{
    region_unlink(&queue.region);
}

static const struct loader loader = {opener_open, opener_find};

/* How many sockets systemd's protocol for socket activation (sd_listen_fds(3)) hands to this very
 * process. */
static int activated_sockets(void)
{
    const char *process = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    if (!process || !count || strtol(process, NULL, 10) != getpid())
        return 0;
    long sockets = strtol(count, NULL, 10);
    return sockets > 0 && sockets <= INHERITANCE_MOST ? (int)sockets : 0;
}

static const struct unwind_loader unwind_loader = {opener_open, opener_find};

/* Before there is a thread of ours, for the same reason as with libcurl (exporter.c). */
static void open_unwinder(void)
{
    stack_trace_init();
    const char *why = "not in a process forked from one with threads";
    const char *advice = "";
    if (door_may_open()) {
        if (unwinder_open(&unwind_loader, &why))
            return;
        advice = "; install libunwind 8 (Debian: libunwind8)";
    }
    log_once(LOG_WARN, NULL, "no stack traces: can't open libunwind-x86_64.so.8: %s%s", why,
             advice);
}

/* `tell`: this copy came later than the other one's word on copies. */
static void say_instead(const char *other, bool tell)
{
    log_once(tell ? LOG_INFO : LOG_DEBUG, NULL,
             "%s is in this process, too, and was before this copy of the agent: this one does "
             "nothing",
             other);
}

static void say_spare(void)
{
    const char *other = copy_follower();
    if (other)
        log_once(LOG_INFO, NULL,
                 "%s is another copy of the agent in this process, and does nothing (LD_PRELOAD or "
                 "/etc/ld.so.preload names more than one)",
                 other);
}

/* Most traces are missing, and nobody has asked for that in so many words. */
static void say_ratio(const struct config *config)
{
    if (config->exporters && config->sampler_by_environment && config->sampler_ratio < 1)
        log_once(LOG_WARN, NULL,
                 "%g %% of traces are recorded, because the environment is %.60s; "
                 "OTEL_TRACES_SAMPLER_ARG=1 records all, and any value ends this warning",
                 100 * config->sampler_ratio, config->deployment_environment);
}

/* What most programs never need: called with the first connection or span. */
static void init_exporter(void)
{
    real_resolve();
    exporter_init(&(struct exporter_environment){
        .config = &settings,
        .ring = &queue.region.ring,
        .endpoint = config_traces_endpoint(&settings),
        .loader = &loader,
        .alive = look_after_memory,
        .outlives = region_outlives,
        .disown = region_disown,
        .deserted = process_deserted,
        .left = region_is_left,
        .has_heir = region_has_heir,
        .called = family_calls,
        .has_lodgers = region_has_lodgers,
    });
    if (log_level() == LOG_INFO)
        announce(&settings);
    say_spare();
    say_ratio(&settings);
    resource_say_name();
    resource_say_loss();
    recovery_init(state_directory(&settings), service_key(&settings));
    if (settings.stacktrace == WHEN_ALWAYS)
        open_unwinder();
}

static void know_tree(void *unused)
{
    (void)unused;
    said_know_tree();
}

/* Before workers are forked, who may become another user. */
static void prepare_to_serve(void)
{
    own_stack_run(know_tree, NULL);
    exporter_prepare();
}

static const struct agent_exporter exporter = {
    .init = init_exporter,
    .prepare = prepare_to_serve,
    .start = exporter_start,
    .await_start = exporter_await_start,
    .wake = exporter_wake,
    .stop = exporter_stop,
    .child = exporter_child,
    .place = place_region,
    .identify = resource_identify,
};

static void begin(int count, char **words)
{
    real_resolve_syscall();
    standard_error_at_start();
    secrets_set_hider(redact_shape_blot);
    struct config *config = &settings;
    bool tell;
    const char *other = copy_instead(&tell);
    if (!config_parse(config, from_environment, other ? NULL : warn, config))
        return;
    log_set_level((enum log_level)config->log_level);
    if (!config_enabled(config))
        return;
    if (!gnu_get_libc_version) {
        log_write(LOG_DEBUG, "this libc is not glibc: nothing is traced");
        return;
    }
    char path[PATH_BYTES];
    const char *name = executable(path, sizeof path);
    if (!config_executable_allowed(config, name)) {
        log_write(LOG_DEBUG, "%s is not to be traced (OTEL_AGENT_EXECUTABLES_ALLOW, _DENY)", name);
        return;
    }
    if (other) {
        say_instead(other, tell);
        return;
    }
    if (!config->service_name[0])
        command_note(count, (const char *const *)words);
    pthread_atfork(exchange_forking, connection_forked, agent_note_fork);
    if (strncmp(config_traces_endpoint(config), "https:", 6) == 0 ||
        config->stacktrace == WHEN_ALWAYS)
        door_init(); /* others have no use for it, and a fork shall not pay */
    note_init(state_directory(config));
    warn_unknown();
    table_use();
    agent_open(config, &exporter);
    inheritance_at_start(activated_sockets());
    if (log_level() == LOG_DEBUG)
        announce(config);
}

/* glibc gives constructors what main() gets. */
__attribute__((constructor)) static void load(int count, char **words)
{
    library_started();
    loader_lock_init();
    if (getauxval(AT_SECURE))
        return; /* a privileged program is nobody's to look into */
    begin(count, words);
    footprint_reduce();
}

/* A program that returns from main or calls exit() has been served by the handler that
 * the first finished span registered; this is for those that unload us otherwise. */
__attribute__((destructor)) static void unload(void)
{
    agent_leave(true);
}
