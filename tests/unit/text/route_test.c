// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/counters.h"
#include "agent/text/route.h"
#include "tests/unit/guarded.h"
#include "tests/unit/vectors.h"

static char scratch[ROUTE_PATH_BYTES];

#define SEED UINT64_C(0x0123456789abcdef)

/* Storage as the agent has it, at the end of its pages: a slot too far is a fault. */
static struct route_tree tree_of(int64_t most, struct guarded *guarded)
{
    size_t bytes = route_tree_bytes(most);
    *guarded = guarded_make(bytes);
    struct route_tree tree;
    route_tree_init(&tree, guarded->end - bytes, most, SEED);
    return tree;
}

struct subject {
    struct route_patterns patterns;
    struct route_tree tree;
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
        route_of(&subject->patterns, &subject->tree, path, true, out, sizeof out, scratch);
    assert_true(vectors_same(one, "route", found, one->fields[1]));
    if (found.at && slice_equal(path, found))
        assert_ptr_equal(found.at, path.at);
}

static void values_in_a_path_become_placeholders(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.tree = tree_of(200, &storage), .guarded = guarded_make(4096)};
    assert_true(vectors_each("route/guess.tsv", check_guess, &subject) > 60);
}

/* A needless escape leads every path to the long way; both have to come to the same. */
static void a_plain_path_is_judged_as_any_other(void **state)
{
    (void)state;
    static const char bytes[] = "//aBcdefz.-_.";
    struct guarded storage;
    struct subject subject = {.tree = tree_of(100000, &storage), .guarded = guarded_make(4096)};
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
            route_of(&subject.patterns, &subject.tree, short_way, true, out, sizeof out, scratch);
        struct slice same = route_of(&subject.patterns, &subject.tree, long_way, true, other,
                                     sizeof other, scratch);
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
        route_of(&subject->patterns, &subject->tree, path, true, out, sizeof out, scratch);
    assert_true(vectors_same(one, "route", found, one->fields[2]));
}

static void configured_patterns_come_first(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.tree = tree_of(200, &storage), .guarded = guarded_make(4096)};
    assert_true(vectors_each("route/patterns.tsv", check_pattern, &subject) > 30);
}

static void check_fault(const struct vectors_case *one, void *context)
{
    (void)context;
    char list[1024] = "";
    memcpy(list, one->fields[0].at, one->fields[0].length);
    struct config config = {.http_routes = list};
    struct route_patterns patterns;
    struct faults faults = route_patterns_init(&patterns, &config);
    assert_true(vectors_same(one, "pattern", faults.named[0].entry, one->fields[1]));
    assert_int_equal(faults.count != 0, faults.named[0].reason != NULL);
    for (size_t i = 0; i < patterns.count; i++)
        assert_true(slice_equal(patterns.list[i], SLICE_LITERAL("/ok")));
}

static void patterns_that_can_never_match_are_named(void **state)
{
    (void)state;
    assert_true(vectors_each("route/faults.tsv", check_fault, NULL) > 15);
}

static void the_first_three_bad_patterns_are_named_and_all_counted(void **state)
{
    (void)state;
    const struct config config = {.http_routes = "/ok,a, /b?c ,/ok,//d,/e{,f"};
    struct route_patterns patterns;
    struct faults faults = route_patterns_init(&patterns, &config);
    static const char *const expected[] = {"a", "/b?c", "//d"};
    assert_int_equal(faults.count, 5);
    for (size_t i = 0; i < FAULTS_NAMED; i++) {
        assert_true(slice_equal(faults.named[i].entry, slice_of(expected[i])));
        assert_non_null(faults.named[i].reason);
    }
    assert_string_not_equal(faults.named[0].reason, faults.named[1].reason);
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

static struct slice route_to(struct subject *subject, const char *path, bool admit)
{
    static char out[ROUTE_BYTES];
    return route_of(&subject->patterns, &subject->tree, slice_of(path), admit, out, sizeof out,
                    scratch);
}

static void expect(struct subject *subject, const char *path, const char *route)
{
    struct slice found = route_to(subject, path, true);
    if (!slice_equal(found, slice_of(route)))
        fail_msg("%s: %.*s instead of %s", path, (int)found.length, found.at ? found.at : "",
                 route);
}

static void expect_none(struct subject *subject, const char *path, bool admit)
{
    struct slice found = route_to(subject, path, admit);
    if (found.at)
        fail_msg("%s: %.*s", path, (int)found.length, found.at);
}

static void a_route_is_short_or_absent(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.tree = tree_of(10, &storage)};
    char out[ROUTE_BYTES];
    char path[ROUTE_BYTES + 2];
    memset(path, '-', sizeof path);
    for (size_t i = 0; i < sizeof path; i += 2)
        path[i] = 'x';
    for (size_t i = 0; i < sizeof path; i += 16)
        path[i] = '/';
    path[ROUTE_BYTES] = 'x';
    struct slice found =
        route_of(&subject.patterns, &subject.tree, (struct slice){path, ROUTE_BYTES}, true, out,
                 sizeof out, scratch);
    assert_int_equal(found.length, ROUTE_BYTES);
    found = route_of(&subject.patterns, &subject.tree, (struct slice){path, ROUTE_BYTES + 2}, true,
                     out, sizeof out, scratch);
    assert_null(found.at);
    found = route_of(&subject.patterns, &subject.tree, (struct slice){path, 30}, true, out, 29,
                     scratch);
    assert_null(found.at);
}

static void what_is_deep_ends_in_a_star(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.tree = tree_of(200, &storage)};
    expect(&subject, "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a");
    expect(&subject, "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/b", "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/*");
    expect(&subject, "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/c/d/", "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/*");
}

/* Syllables, so that each is a word by shape. */
static const char *word(unsigned n)
{
    static char text[20];
    size_t used = 0;
    do {
        text[used++] = "bcdfghjklmnprstv"[n % 16];
        text[used++] = 'a';
    } while (n /= 16);
    text[used] = 0;
    return text;
}

static const char *path_of(const char *format, unsigned n)
{
    static char path[128];
    (void)snprintf(path, sizeof path, format, word(n), n);
    return path;
}

static const char *const pages[] = {
    "/",         "/login",          "/checkout", "/products/7/image", "/api/v1/items",
    "/about-us", "/admin/users/new"};
static const char *const names[] = {
    "/",         "/login",          "/checkout", "/products/{id}/image", "/api/v1/items",
    "/about-us", "/admin/users/new"};

static void expect_pages(struct subject *subject)
{
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
        expect(subject, pages[i], names[i]);
}

/* How many names a million paths have at most, and the one that the last has. */
static const struct branch {
    const char *format; /* of a word and a number */
    unsigned most;
    const char *common;
} branches[] = {
    {"/watch/%1$s", 51, "/watch/{id}"},
    {"/%1$s", 101, "/{id}"},
    {"/users/%1$s/posts/", 51, "/users/{id}/posts/"},
    {"/browse/ABC-%1$.0s%2$04u", 13, "/browse/{id}"},
    {"/issue/%1$s-red-shoes", 13, "/issue/{id}"},
    {"/blog/%1$s-red-shoes.html", 13, "/blog/{id}"},
    {"/assets/%1$s.js", 4, "/assets/*"},
    {"/%1$s.js", 4, "/*.js"},
    {"/deep/%1$s/x/%1$s/y/%1$s", 154, "/deep/{id}/x/{id}/y/{id}"},
};

static void a_branch_that_varies_takes_no_room_from_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof branches / sizeof branches[0]; i++) {
        struct guarded storage;
        struct subject subject = {.tree = tree_of(200, &storage)};
        size_t named = 0;
        expect_pages(&subject);
        for (unsigned n = 0; n < 100000; n++) {
            const char *path = path_of(branches[i].format, n);
            struct slice found = route_to(&subject, path, true);
            assert_true(found.length > 0);
            named += slice_equal(found, slice_of(path));
        }
        expect(&subject, path_of(branches[i].format, 100000), branches[i].common);
        if (named >= branches[i].most)
            fail_msg("%s: %zu names", branches[i].format, named);
        size_t counted = route_set_count(&subject.tree.names);
        if (counted > 20)
            fail_msg("%s: %zu names count", branches[i].format, counted);
        expect_pages(&subject);
    }
}

static void all_of_them_together_leave_room(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.tree = tree_of(200, &storage)};
    const size_t kinds = sizeof branches / sizeof branches[0];
    expect_pages(&subject);
    for (unsigned n = 0; n < 1000 * kinds; n++)
        if (!route_to(&subject, path_of(branches[n % kinds].format, n), true).at)
            fail_msg("%s", path_of(branches[n % kinds].format, n));
    assert_true(route_set_count(&subject.tree.names) < 100);
    expect_pages(&subject);
    expect(&subject, "/watch/ba", "/watch/ba");
    expect(&subject, "/register", "/{id}"); /* nobody can tell it from the words at the root */
}

/* What was there before is not renamed, and a word is no value because slugs lie beside it. */
static void a_page_keeps_its_name(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.tree = tree_of(200, &storage)};
    expect(&subject, "/products/new", "/products/new");
    expect(&subject, "/products/my-own-first-one", "/products/my-own-first-one");
    for (unsigned n = 0; n < 100; n++)
        route_to(&subject, path_of("/products/%s-red-shoes", n), true);
    expect(&subject, "/products/g-blue-shoes", "/products/{id}");
    expect(&subject, "/products/g-blue-shoes/image", "/products/{id}/image");
    expect(&subject, "/products/42", "/products/{id}");
    expect(&subject, "/products/search", "/products/search");
    expect(&subject, "/products/new", "/products/new");
    expect(&subject, "/products/my-own-first-one", "/products/my-own-first-one");
    expect(&subject, "/products/my-own-first-one/image", "/products/{id}/image");
}

/* What has pages of its own is no value, however many there are beside it. */
static void a_section_stays_when_its_place_is_folded(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.tree = tree_of(200, &storage)};
    expect_pages(&subject);
    expect(&subject, "/of/a/gallery/one", "/of/a/gallery/one");
    for (unsigned n = 0; n < 1000; n++) {
        route_to(&subject, path_of("/%s", n), true);
        route_to(&subject, path_of("/%s/profile", n), true);
    }
    expect(&subject, "/api/v1/orders", "/api/v1/orders");
    expect(&subject, "/products/8/edit", "/products/{id}/edit");
    expect(&subject, "/of/b", "/{id}/b");
    expect(&subject, "/ba/settings", "/{id}/settings");
    expect_pages(&subject);
}

static void files_share_a_star_and_pages_beside_them_do_not(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.tree = tree_of(200, &storage)};
    for (unsigned n = 0; n < 10; n++)
        route_to(&subject, path_of(n % 2 ? "/app/%s.js" : "/app/%s.css", n), true);
    expect(&subject, "/app/logo.PNG", "/app/*");
    expect(&subject, "/app/123456.png", "/app/*");
    expect(&subject, "/app/settings", "/app/settings");
    expect(&subject, "/app/logo.png/edit", "/app/logo.png/edit");
    expect(&subject, "/app/data.json", "/app/data.json");
    const char *const icons[] = {"/favicon.ico", "/a.png", "/b.png"};
    for (size_t i = 0; i < 3; i++)
        expect(&subject, icons[i], icons[i]);
    expect(&subject, "/c.PNG", "/*.png");
    expect(&subject, "/favicon.ico", "/favicon.ico");
    expect(&subject, "/robots.txt", "/robots.txt");
}

static void a_refused_path_makes_no_name_and_uses_one(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.tree = tree_of(200, &storage)};
    for (unsigned n = 0; n < 1000; n++)
        expect_none(&subject, path_of("/%s", n), false);
    assert_int_equal(route_set_count(&subject.tree.names), 0);
    expect(&subject, "/wp-login.php", "/wp-login.php");
    assert_non_null(route_to(&subject, "/wp-login.php", false).at);
    for (unsigned n = 0; n < 1000; n++)
        route_to(&subject, path_of("/users/%s", n), true);
    assert_true(
        slice_equal(route_to(&subject, "/users/nobody", false), SLICE_LITERAL("/users/{id}")));
    expect_none(&subject, "/users/nobody/secrets", false);
    expect_none(&subject, "/other", false);
}

/* 15 users with 15 pages each fill it; the next user shows that users vary. */
static void a_full_tree_folds_where_most_is(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.tree = tree_of(200, &storage)};
    char path[64];
    for (unsigned n = 0; n < 1000; n++) {
        (void)snprintf(path, sizeof path, "/of/user%c/page%c", 'a' + n / 15 % 26, 'a' + n % 15);
        route_to(&subject, path, true);
    }
    counters.routes_full = 0;
    expect(&subject, "/of/userz/pagea", "/of/{id}/pagea");
    expect(&subject, "/of/usera/pagea", "/of/usera/pagea");
    expect(&subject, "/of/usera/other", "/of/usera/other"); /* there is room again */
    for (unsigned n = 0; n < 1000; n++)
        route_to(&subject, path_of("/fill/%s/up", n), true);
    for (char page[] = "/of/usera/aa"; page[10] <= 'z'; page[10]++)
        for (page[11] = 'a'; page[11] <= 'z'; page[11]++)
            assert_non_null(route_to(&subject, page, true).at);
    assert_int_equal(counters.routes_full, 0);
}

static void a_deep_tree_leaves_room_for_other_pages(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.tree = tree_of(200, &storage)};
    char path[64];
    counters.routes_full = 0;
    for (unsigned n = 0; n < 31250; n++) { /* no place of these has many children */
        (void)snprintf(path, sizeof path, "/files/%c/%c/%c/%c/%c/%c", 'a' + n % 5, 'a' + n / 5 % 5,
                       'a' + n / 25 % 5, 'a' + n / 125 % 5, 'a' + n / 625 % 5, 'a' + n / 3125 % 10);
        assert_non_null(route_to(&subject, path, true).at);
    }
    assert_true(route_set_count(&subject.tree.names) <= 200);
    expect(&subject, "/files/a/a/a/a/a/a", "/files/a/a/a/a/a/a");
    expect(&subject, "/about", "/about");
    expect(&subject, "/orders/list", "/orders/list");
    expect(&subject, "/orders/list/17", "/orders/list/{id}");
    assert_int_equal(counters.routes_full, 0);
    struct slice missing = route_to(&subject, "/files/new/one", false); /* not found there */
    assert_true(slice_equal(missing, SLICE_LITERAL("/files/*")));
    expect_none(&subject, "/elsewhere/new/one", false);
}

static void at_the_very_end_there_is_no_route_and_that_is_counted(void **state)
{
    (void)state;
    struct guarded storage;
    struct subject subject = {.tree = tree_of(4, &storage)};
    char path[64];
    counters.routes_full = 0;
    for (unsigned n = 0; n < 2000; n++) {
        (void)snprintf(path, sizeof path, "/%c/%c/%c/%c/%c", 'a' + n % 5, 'a' + n / 5 % 5,
                       'a' + n / 25 % 5, 'a' + n / 125 % 5, 'a' + n / 625 % 5);
        route_to(&subject, path, true);
    }
    assert_true(route_set_count(&subject.tree.names) <= 4);
    assert_true(counters.routes_full > 100);
    expect_none(&subject, "/other", true);
}

static void without_room_there_is_no_heuristic(void **state)
{
    (void)state;
    struct subject subject = {.patterns.count = 0};
    assert_int_equal(route_tree_bytes(0), 0);
    route_tree_init(&subject.tree, NULL, 0, SEED);
    expect_none(&subject, "/a", true);
    for (int64_t most = 1; most < 40; most++) {
        struct guarded storage;
        subject.tree = tree_of(most, &storage);
        for (unsigned n = 0; n < 1000; n++)
            route_to(&subject, path_of("/%s", n), true);
        assert_true(route_set_count(&subject.tree.names) <= (size_t)most);
        assert_true(subject.tree.names.ever <= 4 * (size_t)most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_in_a_path_become_placeholders),
        cmocka_unit_test(a_plain_path_is_judged_as_any_other),
        cmocka_unit_test(configured_patterns_come_first),
        cmocka_unit_test(patterns_that_can_never_match_are_named),
        cmocka_unit_test(the_first_three_bad_patterns_are_named_and_all_counted),
        cmocka_unit_test(patterns_beyond_the_limit_are_counted),
        cmocka_unit_test(a_route_is_short_or_absent),
        cmocka_unit_test(what_is_deep_ends_in_a_star),
        cmocka_unit_test(a_branch_that_varies_takes_no_room_from_others),
        cmocka_unit_test(all_of_them_together_leave_room),
        cmocka_unit_test(a_page_keeps_its_name),
        cmocka_unit_test(a_section_stays_when_its_place_is_folded),
        cmocka_unit_test(files_share_a_star_and_pages_beside_them_do_not),
        cmocka_unit_test(a_refused_path_makes_no_name_and_uses_one),
        cmocka_unit_test(a_full_tree_folds_where_most_is),
        cmocka_unit_test(a_deep_tree_leaves_room_for_other_pages),
        cmocka_unit_test(at_the_very_end_there_is_no_route_and_that_is_counted),
        cmocka_unit_test(without_room_there_is_no_heuristic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
