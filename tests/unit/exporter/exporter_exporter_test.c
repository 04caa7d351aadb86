// SPDX-License-Identifier: Apache-2.0
/* The thread: from the ring to a scripted collector, with the accounts checked at the end. */
#include <dirent.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/clock.h"
#include "agent/base/counters.h"
#include "agent/base/log.h"
#include "agent/base/secrets.h"
#include "agent/base/thread.h"
#include "agent/text/redact_shape.h"
#include "exporter/exporter.h"
#include "exporter/otlp/otlp.pb-c.h"
#include "exporter/otlp/resource.h"
#include "tests/unit/exporter/exporter_sample.h"
#include "tests/unit/exporter/exporter_server.h"

#define OK      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define SECOND  UINT64_C(1000000000)
#define FOREVER (3600 * SECOND) /* the test's own time-out is shorter */
#define SOON    (SECOND / 2)    /* ends what would hang, and leaves a busy machine its time */

static struct config config;
static struct server server;
static void *ring_memory;
static size_t ring_size;
static struct ring *ring;
static _Atomic int own_threads; /* that have said so */
static _Atomic int signs_of_life;

static void note_life(uint64_t now_ns, int64_t unix_offset_ns)
{
    (void)now_ns;
    (void)unix_offset_ns;
    static __thread bool tl_counted;
    signs_of_life++;
    if (thread_is_own() && !tl_counted)
        own_threads++;
    tl_counted = true;
}

static int set_up(void **state)
{
    (void)state;
    secrets_set_hider(redact_shape_blot);
    log_set_level(getenv("TEST_LOG") ? LOG_DEBUG : LOG_NONE);
    config = sample_config();
    config.max_export_batch_size = 64;
    config.otlp_timeout_ms = 3600000;
    config.export_timeout_ms = 3600000;
    config.service_name = "shop";
    ring_size = ring_bytes((size_t)8 << 20);
    ring_memory = mmap(NULL, ring_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ring = ring_init(ring_memory, ring_size);
    memset(&counters, 0, sizeof counters);
    own_threads = 0;
    return ring ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    munmap(ring_memory, ring_size);
    return 0;
}

static void open_exporter(const char *url)
{
    struct exporter_environment environment = {
        .config = &config, .ring = &ring, .endpoint = url, .alive = note_life};
    exporter_init(&environment);
    exporter_child(); /* a process of its own, as far as the module is concerned */
}

static void start(const struct step *steps, int count)
{
    server_start(&server, steps, count, NULL);
    open_exporter(server_url(&server));
}

/* As a request's thread does it: write, or count. */
static void end_spans(int count)
{
    _Alignas(8) unsigned char memory[2048];
    const struct span_record *record = sample_server_span(memory, sizeof memory);
    for (int i = 0; i < count; i++) {
        counters_add(&counters.spans_ended, 1);
        if (!ring_write(ring, record, record->length))
            counters_add(&counters.dropped_queue_full, 1);
    }
    exporter_start();
    exporter_wake();
}

static uint64_t dropped(void)
{
    return counters_get(&counters.dropped_export) + counters_get(&counters.dropped_partial) +
           counters_get(&counters.dropped_queue_full) + counters_get(&counters.dropped_abandoned);
}

static void accounts_balance(void)
{
    assert_int_equal(counters_get(&counters.spans_ended),
                     counters_get(&counters.spans_exported) + dropped());
    assert_int_equal(ring_pending(ring), 0);
}

/* Requests one behind the other decode as one whose lists are joined. */
static size_t count_received(void)
{
    size_t spans = 0;
    server_look(&server);
    Otlp__Request *all = otlp__request__unpack(NULL, server.all_bytes, (const uint8_t *)server.all);
    assert_non_null(all);
    for (size_t i = 0; i < all->n_resource_spans; i++)
        for (size_t j = 0; j < all->resource_spans[i]->n_scope_spans; j++)
            spans += all->resource_spans[i]->scope_spans[j]->n_spans;
    otlp__request__free_unpacked(all, NULL);
    return spans;
}

static void *end_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < 50; i++)
        end_spans(20);
    return NULL;
}

static void every_span_of_every_thread_arrives(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_ANSWER, OK, 0}};
    pthread_t threads[4];
    start(steps, 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, end_many, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    exporter_stop(FOREVER);
    assert_int_equal(own_threads, 1);
    accounts_balance();
    assert_int_equal(counters_get(&counters.spans_ended), 4000);
    assert_int_equal(counters_get(&counters.spans_exported), count_received());
    assert_int_equal(counters_get(&counters.dropped_export), 0);
    server_stop(&server);
}

static void the_accounts_are_exact_under_every_failure(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {STEP_ANSWER, OK, 0},
        {STEP_ANSWER, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", 0},
        {STEP_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x0a\x02\x08\x05", 0},
        {STEP_ANSWER, "HTTP/1.1 503 No\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", 0},
        {STEP_CLOSE_AFTER, OK, 0},
        {STEP_ANSWER, "garbage\n", 0},
        {STEP_ANSWER, OK, 0},
    };
    start(steps, 7);
    end_spans(64 * 5 + 7);     /* accepted, refused, 5 refused, accepted at last, lost, accepted */
    while (ring_pending(ring)) /* at the end nothing is tried again */
        usleep(1000);
    exporter_stop(FOREVER);
    accounts_balance();
    assert_int_equal(counters_get(&counters.dropped_export), 128);
    assert_int_equal(counters_get(&counters.dropped_partial), 5);
    assert_int_equal(counters_get(&counters.spans_exported), 64 + 59 + 64 + 7);
    assert_int_equal(count_received(), 64 + 64 + 64 + 7);
    server_stop(&server);
}

/* Others would take it for dead after a minute of silence. */
static void it_says_that_it_lives_while_it_has_nothing_to_do_or_nobody_answers(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {STEP_ANSWER, "HTTP/1.1 503 No\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", 0}};
    config.schedule_delay_ms = 3600000;
    start(steps, 1);
    exporter_start();
    for (int said = signs_of_life; signs_of_life < said + 2;)
        usleep(1000);
    end_spans(1);
    while (server.requests < 2)
        usleep(1000);
    for (int said = signs_of_life; signs_of_life < said + 2;)
        usleep(1000);
    exporter_stop(0);
    server_stop(&server);
}

static void a_full_queue_drops_while_the_collector_hangs(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_HANG, NULL, 0}};
    start(steps, 1);
    ring_set_limit(ring, 100);
    end_spans(10);
    while (server.requests == 0)
        usleep(1000);
    end_spans(500);
    exporter_stop(SOON); /* posts have an hour: only the bound ends this */
    accounts_balance();
    /* The ten that are on their way keep their places in the queue. */
    assert_int_equal(counters_get(&counters.dropped_queue_full), 410);
    assert_int_equal(counters_get(&counters.dropped_export), 100);
    server_stop(&server);
}

static void the_end_wakes_a_batch_that_waits_to_be_tried_again(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {STEP_ANSWER, "HTTP/1.1 503 No\r\nRetry-After: 3000\r\nContent-Length: 0\r\n\r\n", 0},
        {STEP_ANSWER, OK, 0}};
    start(steps, 2);
    end_spans(3);
    while (server.requests == 0)
        usleep(1000);
    usleep(500000); /* by now the answer is read, on a busy machine, too */
    exporter_stop(10 * SECOND);
    accounts_balance();
    assert_int_equal(counters_get(&counters.spans_exported), 3);
    server_stop(&server);
}

static void nobody_listening_loses_spans_and_says_how_many(void **state)
{
    (void)state;
    open_exporter("http://127.0.0.1:1/v1/traces");
    end_spans(70);
    exporter_stop(SOON);
    accounts_balance();
    assert_int_equal(counters_get(&counters.dropped_export), 70);
}

static void exported_means_every_exporter_has_it(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_ANSWER, OK, 0}};
    config.exporters = EXPORTER_OTLP | EXPORTER_FILE;
    config.export_file = "/dev/full";
    start(steps, 1);
    end_spans(10);
    exporter_stop(FOREVER);
    accounts_balance();
    assert_int_equal(count_received(), 10);
    assert_int_equal(counters_get(&counters.dropped_export), 10);
    server_stop(&server);
}

static void after_the_end_nothing_starts(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_ANSWER, OK, 0}};
    start(steps, 1);
    assert_true(exporter_start());
    assert_true(exporter_start());
    exporter_stop(FOREVER);
    exporter_stop(FOREVER);
    assert_false(exporter_start());
    assert_int_equal(own_threads, 1);
    server_stop(&server);
}

static void no_exporter_means_no_thread(void **state)
{
    (void)state;
    config.exporters = 0;
    open_exporter(NULL);
    exporter_prepare();
    assert_false(exporter_start());
    exporter_stop(0);
}

/* Of the thread named "otelagent": the line of its status that begins so. */
static bool read_thread_status(const char *begin, char *line, size_t bytes)
{
    DIR *tasks = opendir("/proc/self/task");
    bool found = false;
    for (struct dirent *task; (task = readdir(tasks)) && !found;) {
        char path[300];
        bool named = false;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        FILE *status = fopen(path, "r");
        while (status && !found && fgets(line, (int)bytes, status)) {
            named |= strcmp(line, "Name:\totelagent\n") == 0;
            found = named && strncmp(line, begin, strlen(begin)) == 0;
        }
        if (status)
            fclose(status);
    }
    closedir(tasks);
    return found;
}

static void the_thread_takes_no_signals(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_ANSWER, OK, 0}};
    char line[100] = "";
    start(steps, 1);
    exporter_start();
    while (!read_thread_status("SigBlk:", line, sizeof line))
        usleep(1000);
    /* All but KILL, STOP and the two that the C library keeps for itself. */
    assert_string_equal(line, "SigBlk:\tfffffffe7ffbfeff\n");
    exporter_stop(FOREVER);
    server_stop(&server);
}

static void a_forked_worker_is_an_instance_of_its_own(void **state)
{
    (void)state;
    static const struct step steps[] = {{STEP_ANSWER, OK, 0}};
#if defined(__SANITIZE_THREAD__)
    skip(); /* ThreadSanitizer can't follow a thread started in a forked child */
#endif
    start(steps, 1);
    end_spans(1);
    while (counters_get(&counters.spans_exported) == 0)
        usleep(1000);
    char parent[64];
    snprintf(parent, sizeof parent, "%s", resource_find("service.instance.id"));

    pid_t child = fork();
    if (child == 0) {
        exporter_stop(FOREVER); /* the parent's thread is not here: nothing to wait for */
        ring_thread_reset();
        memset(ring_memory, 0, ring_size);
        ring_init(ring_memory, ring_size);
        memset(&counters, 0, sizeof counters);
        exporter_child();
        bool other = strcmp(parent, resource_find("service.instance.id")) != 0;
        end_spans(5);
        exporter_stop(FOREVER);
        bool sent = counters_get(&counters.spans_exported) == 5;
        _exit(other && sent ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    end_spans(2); /* on the connection that the child closed for itself only */
    exporter_stop(FOREVER);
    accounts_balance();
    assert_int_equal(counters_get(&counters.spans_exported), 3);
    assert_int_equal(count_received(), 8);
    server_stop(&server);
}

/* In place of the C library's: a resolver whose server does not answer. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    (void)host;
    (void)service;
    (void)hints;
    (void)found;
    for (;;)
        pause();
}

static void a_thread_that_hangs_in_the_resolver_is_left_behind_and_its_spans_counted(void **state)
{
    (void)state;
    open_exporter("http://collector.test:4318/v1/traces");
    end_spans(70);
    exporter_stop(SOON);
    assert_int_equal(counters_get(&counters.spans_ended), 70);
    assert_int_equal(counters_get(&counters.dropped_export), 70);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_span_of_every_thread_arrives),
        TEST(the_accounts_are_exact_under_every_failure),
        TEST(it_says_that_it_lives_while_it_has_nothing_to_do_or_nobody_answers),
        TEST(a_full_queue_drops_while_the_collector_hangs),
        TEST(the_end_wakes_a_batch_that_waits_to_be_tried_again),
        TEST(nobody_listening_loses_spans_and_says_how_many),
        TEST(exported_means_every_exporter_has_it),
        TEST(after_the_end_nothing_starts),
        TEST(no_exporter_means_no_thread),
        TEST(the_thread_takes_no_signals),
        TEST(a_forked_worker_is_an_instance_of_its_own),
        /* The last one: its thread stays. */
        TEST(a_thread_that_hangs_in_the_resolver_is_left_behind_and_its_spans_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
