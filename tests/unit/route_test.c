// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/route.h"
#include "tests/unit/guarded.h"
#include "tests/unit/vectors.h"

static _Thread_local char scratch[ROUTE_PATH_BYTES];

#define SEED UINT64_C(0x0123456789abcdef)

/* Storage as the agent has it, at the end of its pages: a slot too far is a fault. */
static struct route_set set_of(int64_t most, struct guarded *guarded)
{
    size_t bytes = route_set_bytes(most);
    *guarded = guarded_make(bytes);
    struct route_set set;
    route_set_init(&set, guarded->end - bytes, most, SEED);
    return set;
}

struct subject {
    struct route_patterns patterns;
    struct route_set set;
    struct guarded guarded;
};

static void check_guess(const struct vectors_case *one, void *context)
{
    struct subject *subject = context;
    char out[ROUTE_BYTES];
    struct slice path = one->fields[0];
    if (path.at)
        path = guarded_copy(&subject->guarded, path);
    struct slice found =
        route_of(&subject->patterns, &subject->set, path, true, out, sizeof out, scratch);
    assert_true(vectors_same(one, "route", found, one->fields[1]));
    if (found.at && slice_equal(path, found))
        assert_ptr_equal(found.at, path.at);
}

static void values_in_a_path_become_placeholders(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.set = set_of(200, &storage), .guarded = guarded_make(4096)};
    assert_true(vectors_each("route/guess.tsv", check_guess, &subject) > 60);
}

/* A needless escape leads every path to the long way; both have to come to the same. */
static void a_plain_path_is_judged_as_any_other(void **state)
{
    (void)state;
    static const char bytes[] = "//aBcdefz.-_.";
    struct guarded storage;
    struct subject subject = {.set = set_of(100000, &storage), .guarded = guarded_make(4096)};
    uint32_t random = 1;
    size_t plain = 0;
    for (unsigned i = 0; i < 50000; i++) {
        char plainly[64] = "/a";
        char escaped[64] = "/%61";
        size_t length = i % 40;
        for (size_t at = 0; at < length; at++) {
            random = random * 1664525u + 1013904223u;
            char c = bytes[(random >> 16) % (sizeof bytes - 1 - i % 2 * 4)];
            plainly[2 + at] = c;
            escaped[4 + at] = c;
        }
        struct slice short_way =
            guarded_copy(&subject.guarded, (struct slice){plainly, 2 + length});
        struct slice long_way = {escaped, 4 + length};
        char out[ROUTE_BYTES];
        char other[ROUTE_BYTES];
        struct slice found =
            route_of(&subject.patterns, &subject.set, short_way, true, out, sizeof out, scratch);
        struct slice same =
            route_of(&subject.patterns, &subject.set, long_way, true, other, sizeof other, scratch);
        assert_int_equal(found.at != NULL, same.at != NULL);
        assert_true(slice_equal(found, same));
        plain += found.at == short_way.at;
    }
    assert_true(plain > 1000);
}

static void check_pattern(const struct vectors_case *one, void *context)
{
    struct subject *subject = context;
    char out[ROUTE_BYTES];
    char list[256] = "";
    memcpy(list, one->fields[0].at, one->fields[0].length);
    struct config config = {.http_routes = list};
    assert_int_equal(route_patterns_init(&subject->patterns, &config).count, 0);
    struct slice path = guarded_copy(&subject->guarded, one->fields[1]);
    struct slice found =
        route_of(&subject->patterns, &subject->set, path, true, out, sizeof out, scratch);
    assert_true(vectors_same(one, "route", found, one->fields[2]));
}

static void configured_patterns_come_first(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.set = set_of(200, &storage), .guarded = guarded_make(4096)};
    assert_true(vectors_each("route/patterns.tsv", check_pattern, &subject) > 30);
}

static void check_fault(const struct vectors_case *one, void *context)
{
    (void)context;
    char list[1024] = "";
    memcpy(list, one->fields[0].at, one->fields[0].length);
    struct config config = {.http_routes = list};
    struct route_patterns patterns;
    struct route_faults faults = route_patterns_init(&patterns, &config);
    assert_true(vectors_same(one, "pattern", faults.pattern, one->fields[1]));
    assert_int_equal(faults.count != 0, faults.reason != NULL);
    for (size_t i = 0; i < patterns.count; i++)
        assert_true(slice_equal(patterns.list[i], SLICE_LITERAL("/ok")));
}

static void patterns_that_can_never_match_are_named(void **state)
{
    (void)state;
    assert_true(vectors_each("route/faults.tsv", check_fault, NULL) > 15);
}

static void patterns_beyond_the_limit_are_counted(void **state)
{
    (void)state;
    static char list[8192] = "";
    for (int i = 0; i < ROUTE_PATTERNS + 5; i++)
        strcat(list, "/p,");
    struct config config = {.http_routes = list};
    struct route_patterns patterns;
    assert_int_equal(route_patterns_init(&patterns, &config).count, 5);
    assert_int_equal(patterns.count, ROUTE_PATTERNS);
    config.http_routes = NULL;
    assert_int_equal(route_patterns_init(&patterns, &config).count, 0);
    assert_int_equal(patterns.count, 0);
}

static void a_route_is_short_or_absent(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.set = set_of(10, &storage)};
    char out[ROUTE_BYTES];
    char path[400];
    for (size_t i = 0; i < sizeof path; i++)
        path[i] = i % 2 ? 'x' : '/';
    struct slice found =
        route_of(&subject.patterns, &subject.set, (struct slice){path, ROUTE_BYTES}, true, out,
                 sizeof out, scratch);
    assert_int_equal(found.length, ROUTE_BYTES);
    found = route_of(&subject.patterns, &subject.set, (struct slice){path, ROUTE_BYTES + 2}, true,
                     out, sizeof out, scratch);
    assert_null(found.at);
    found =
        route_of(&subject.patterns, &subject.set, (struct slice){path, 30}, true, out, 29, scratch);
    assert_null(found.at);
}

/* Segments of letters only, so that each is a route of its own. */
static struct slice word_path(char *out, unsigned n)
{
    size_t used = 0;
    out[used++] = '/';
    do
        out[used++] = (char)('g' + n % 16);
    while (n /= 16);
    return (struct slice){out, used};
}

static void a_million_paths_leave_as_many_routes_as_allowed(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.set = set_of(200, &storage)};
    char path[16];
    char out[ROUTE_BYTES];
    unsigned answered = 0;
    for (unsigned n = 0; n < 1000000; n++)
        answered += route_of(&subject.patterns, &subject.set, word_path(path, n), true, out,
                             sizeof out, scratch)
                        .at != NULL;
    assert_int_equal(answered, 200);
    assert_int_equal(route_set_count(&subject.set), 200);

    /* What is known still answers, and identifiers need no room of their own. */
    for (unsigned n = 0; n < 200; n++)
        assert_non_null(route_of(&subject.patterns, &subject.set, word_path(path, n), true, out,
                                 sizeof out, scratch)
                            .at);
    assert_null(route_of(&subject.patterns, &subject.set, word_path(path, 200), true, out,
                         sizeof out, scratch)
                    .at);
}

static void a_million_identifiers_are_one_route(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.set = set_of(200, &storage)};
    char path[32];
    char out[ROUTE_BYTES];
    for (int n = 0; n < 1000000; n++) {
        int length = snprintf(path, sizeof path, "/p/%d/image", n);
        struct slice found =
            route_of(&subject.patterns, &subject.set, (struct slice){path, (size_t)length}, true,
                     out, sizeof out, scratch);
        if (!slice_equal(found, SLICE_LITERAL("/p/{id}/image")))
            fail_msg("%s", path);
    }
    assert_int_equal(route_set_count(&subject.set), 1);
}

static void a_refused_path_does_not_use_the_set_up(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.set = set_of(2, &storage)};
    char out[ROUTE_BYTES];
    const struct slice path = SLICE_LITERAL("/wp-login.php");
    assert_null(
        route_of(&subject.patterns, &subject.set, path, false, out, sizeof out, scratch).at);
    assert_int_equal(route_set_count(&subject.set), 0);
    assert_non_null(
        route_of(&subject.patterns, &subject.set, path, true, out, sizeof out, scratch).at);
    assert_non_null(
        route_of(&subject.patterns, &subject.set, path, false, out, sizeof out, scratch).at);
}

static void without_room_there_is_no_heuristic(void **state)
{
    (void)state;
    struct route_set set;
    struct route_patterns patterns = {.count = 0};
    char out[ROUTE_BYTES];
    assert_int_equal(route_set_bytes(0), 0);
    route_set_init(&set, NULL, 0, SEED);
    assert_null(route_of(&patterns, &set, SLICE_LITERAL("/a"), true, out, sizeof out, scratch).at);
}

#define THREADS 4
#define TRIES   20000

struct worker {
    struct route_set *set;
    unsigned first;
    unsigned answered;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct route_patterns patterns = {.count = 0};
    char path[16];
    char out[ROUTE_BYTES];
    for (unsigned i = 0; i < TRIES; i++) {
        struct slice name = word_path(path, (worker->first + i) % 500);
        worker->answered +=
            route_of(&patterns, worker->set, name, true, out, sizeof out, scratch).at != NULL;
    }
    return NULL;
}

/* All threads ask for the same 500 routes from different ends; 100 have room. */
static void threads_share_one_bound(void **state)
{
    (void)state;
    struct guarded storage;
    struct route_set set = set_of(100, &storage);
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.set = &set, .first = i * 7};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);

    unsigned known = 0;
    char path[16];
    for (unsigned n = 0; n < 500; n++)
        known += route_set_has(&set, word_path(path, n), false);
    assert_int_equal(known, 100);
    assert_int_equal(route_set_count(&set), 100);
    size_t taken = 0;
    for (size_t i = 0; i <= set.mask; i++)
        taken += atomic_load(&set.slots[i]) != 0;
    assert_int_equal(taken, 100);
    for (unsigned i = 0; i < THREADS; i++)
        assert_true(workers[i].answered > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_in_a_path_become_placeholders),
        cmocka_unit_test(a_plain_path_is_judged_as_any_other),
        cmocka_unit_test(configured_patterns_come_first),
        cmocka_unit_test(patterns_that_can_never_match_are_named),
        cmocka_unit_test(patterns_beyond_the_limit_are_counted),
        cmocka_unit_test(a_route_is_short_or_absent),
        cmocka_unit_test(a_million_paths_leave_as_many_routes_as_allowed),
        cmocka_unit_test(a_million_identifiers_are_one_route),
        cmocka_unit_test(a_refused_path_does_not_use_the_set_up),
        cmocka_unit_test(without_room_there_is_no_heuristic),
        cmocka_unit_test(threads_share_one_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
