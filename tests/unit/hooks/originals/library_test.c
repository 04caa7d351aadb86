// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>

#include "hooks/originals/library.h"
#include "hooks/originals/original.h"

/* Modules of the same function: versioned A, versioned B with the older hash table only, and
 * without versions. */
#define FIRST  MODULES "/libflavour-first.so"
#define SECOND MODULES "/libflavour-second.so"
#define PLAIN  MODULES "/libflavour-plain.so"
#define USER   MODULES "/libflavour-user.so"

static void *open_local(const char *path)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module)
        fail_msg("%s", dlerror());
    return module;
}

static int call(void *function)
{
    return function ? ((int (*)(void))function)() : 0;
}

static void functions_of_libc_are_found_where_the_loader_finds_them(void **state)
{
    static const char *const names[] = {
#define HOOK(type, name, parameters, missing) #name,
#define ALIAS(name, hook)                     #name,
#include "hooks/hooks.def"
#undef ALIAS
#undef HOOK
        "environ", "stdout", "pthread_create", "dl_iterate_phdr", "qsort",
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (library_find(names[i], NULL, NULL) != dlsym(RTLD_NEXT, names[i]))
            fail_msg("%s: not the same address", names[i]);
}

static void functions_chosen_at_run_time_are_the_chosen_ones(void **state)
{
    (void)state;
    assert_ptr_equal(library_find("memcpy", NULL, NULL), dlsym(RTLD_NEXT, "memcpy"));
    assert_ptr_equal(library_find("strchr", NULL, NULL), dlsym(RTLD_NEXT, "strchr"));
}

/* In which this C library had quick_exit() first. */
#ifdef __x86_64__
#define OLDER "GLIBC_2.10"
#else
#define OLDER "GLIBC_2.17"
#endif

static void an_older_version_is_found_by_its_name(void **state)
{
    (void)state;
    void *older = library_find("quick_exit", OLDER, NULL);
    assert_non_null(older);
    assert_ptr_equal(older, dlvsym(RTLD_NEXT, "quick_exit", OLDER));
    assert_ptr_equal(library_find("quick_exit", "GLIBC_2.24", NULL),
                     library_find("quick_exit", NULL, NULL));
}

static void what_nobody_defines_is_not_found(void **state)
{
    (void)state;
    assert_null(library_find("no_such_function", NULL, NULL));
    assert_null(library_find("quick_exit", "GLIBC_9.9", NULL));
    assert_null(library_find("", NULL, NULL));
}

__attribute__((visibility("default"))) int our_own(void);
int our_own(void)
{
    return 1;
}

static void our_own_functions_are_not_found(void **state)
{
    (void)state;
    assert_non_null(dlsym(RTLD_DEFAULT, "our_own")); /* else the test proves nothing */
    assert_null(library_find("our_own", NULL, NULL));
}

static void each_flavour_is_found_by_its_version(void **state)
{
    (void)state;
    void *first = open_local(FIRST);
    void *second = open_local(SECOND);
    assert_null(dlsym(RTLD_NEXT, "flavour")); /* else the test proves nothing */
    assert_int_equal(call(library_find("flavour", "FLAVOUR_FIRST", NULL)), 1);
    assert_int_equal(call(library_find("flavour", "FLAVOUR_SECOND", NULL)), 2);
    assert_int_equal(call(library_find("flavour", NULL, NULL)), 1);
    dlclose(first);
    assert_int_equal(call(library_find("flavour", NULL, NULL)), 2);
    dlclose(second);
    assert_null(library_find("flavour", NULL, NULL));
}

static void a_library_without_versions_matches_any(void **state)
{
    (void)state;
    void *plain = open_local(PLAIN);
    assert_int_equal(call(library_find("flavour", "FLAVOUR_SECOND", NULL)), 3);
    dlclose(plain);
}

static void only_libraries_of_the_given_names_count_after_the_start(void **state)
{
    (void)state;
    void *first = open_local(FIRST);
    void *plain = open_local(PLAIN);
    assert_int_equal(call(library_find("flavour", NULL, "libnone.so|libflavour-plain.so")), 3);
    assert_int_equal(call(library_find("flavour", NULL, "libflavour")), 1);
    assert_null(library_find("flavour", NULL, "libnone.so|flavour-plain.so"));
    assert_null(library_find("flavour", NULL, ""));
    assert_non_null(library_find("write", NULL, "libnone.so")); /* there at the start */
    dlclose(plain);
    dlclose(first);
}

static void who_comes_first_in_the_loaders_order_is_known(void **state)
{
    (void)state;
    assert_false(library_replaced("gnu_get_libc_version", "libm.|libc."));
    assert_true(library_replaced("gnu_get_libc_version", "libm."));
    assert_false(library_replaced("defined_by_nobody", "libc."));
}

static void an_original_is_looked_for_until_it_is_there(void **state)
{
    (void)state;
    static const struct scope_wish wish = {"flavour", NULL, "libflavour-second.so",
                                           SCOPE_OF_CALLER};
    struct original original = {0};
    assert_null(original_get(&original, &wish, NULL));
    void *second = open_local(SECOND);
    assert_int_equal(call(original_get(&original, &wish, NULL)), 2);
    dlclose(second);
    library_closed();
    assert_null(original_get(&original, &wish, NULL));
}

static void an_original_is_looked_up_again_when_a_library_was_closed(void **state)
{
    (void)state;
    static const struct scope_wish wish = {"flavour", NULL, "libflavour", SCOPE_OF_CALLER};
    struct original original = {0};
    void *first = open_local(FIRST);
    void *plain = open_local(PLAIN);
    assert_int_equal(call(original_get(&original, &wish, NULL)), 1);
    dlclose(first);
    library_closed(); /* as our dlclose() does; the old address is not mapped any more */
    assert_int_equal(call(original_get(&original, &wish, NULL)), 3);
    dlclose(plain);
    library_closed();
}

static void an_original_may_be_built_into_a_library_of_another_name(void **state)
{
    (void)state;
    static const struct scope_wish wish = {"flavour", NULL, "libnone.so", SCOPE_OF_CALLER};
    struct original original = {0};
    void *plain = open_local(PLAIN);
    assert_int_equal(call(original_get(&original, &wish, NULL)), 3);
    dlclose(plain);
}

static const struct scope_wish flavour = {"flavour", NULL, "libflavour", SCOPE_OF_CALLER};

/* Of whose function is given to that caller, the second time from memory. */
static int given(struct original *original, const struct scope_wish *wish, const void *caller)
{
    void *found = original_get(original, wish, caller);
    assert_ptr_equal(original_get(original, wish, caller), found);
    return call(found);
}

static void each_caller_is_given_its_own(void **state)
{
    (void)state;
    void *first = open_local(FIRST);
    void *plain = open_local(PLAIN);
    struct original original = {0};
    assert_int_equal(given(&original, &flavour, dlsym(plain, "flavour")), 3);
    assert_int_equal(given(&original, &flavour, dlsym(first, "flavour")), 1);
    assert_int_equal(given(&original, &flavour, dlsym(plain, "flavour")), 3);
    dlclose(plain);
    library_closed();
    assert_int_equal(given(&original, &flavour, dlsym(first, "flavour")), 1);
    dlclose(first);
    library_closed();
}

static void a_caller_is_given_what_its_object_needs(void **state)
{
    (void)state;
    void *first = open_local(FIRST);
    void *user = open_local(USER);
    struct original original = {0};
    assert_int_equal(call(dlsym(user, "use_flavour")), 3); /* as the loader has it */
    assert_int_equal(given(&original, &flavour, dlsym(user, "use_flavour")), 3);
    assert_int_equal(given(&original, &flavour, dlsym(first, "flavour")), 1);
    dlclose(user);
    dlclose(first);
    library_closed();
}

static void what_came_together_is_searched_from_what_was_opened(void **state)
{
    (void)state;
    void *second = open_local(SECOND);
    void *user = open_local(USER); /* brings the plain one */
    void *plain = open_local(PLAIN);
    struct original original = {0};
    assert_int_equal(given(&original, &flavour, dlsym(plain, "flavour")), 3);
    assert_int_equal(given(&original, &flavour, dlsym(second, "flavour")), 2);
    dlclose(plain);
    dlclose(user);
    dlclose(second);
    library_closed();
}

static void a_caller_from_nowhere_is_given_the_first(void **state)
{
    (void)state;
    static const struct scope_wish second_only = {"flavour", NULL, "libflavour-second",
                                                  SCOPE_OF_CALLER};
    void *first = open_local(FIRST);
    void *second = open_local(SECOND);
    struct original original = {0}, named = {0};
    assert_int_equal(given(&original, &flavour, NULL), 1);
    assert_int_equal(given(&named, &second_only, NULL), 2);
    dlclose(second);
    dlclose(first);
    library_closed();
}

static void what_a_library_lacks_is_not_asked_of_another(void **state)
{
    (void)state;
    static const struct scope_wish only = {"flavour", NULL, "libflavour", SCOPE_OWN_ONLY};
    static const struct scope_wish rather = {"flavour", NULL, "libflavour", SCOPE_OWN_FIRST};
    void *first = open_local(FIRST);
    void *user = open_local(USER);
    struct original asked = {0}, other = {0};
    assert_null(original_get(&asked, &only, dlsym(user, "use_flavour")));
    assert_int_equal(given(&asked, &only, dlsym(first, "flavour")), 1);
    assert_null(original_get(&asked, &only, dlsym(user, "use_flavour")));
    assert_int_equal(given(&other, &rather, dlsym(user, "use_flavour")), 3);
    dlclose(user);
    dlclose(first);
    library_closed();
}

/* The answers of one function have an end, the callers have not. */
static void callers_without_room_are_given_the_same(void **state)
{
    (void)state;
    void *first = open_local(FIRST);
    struct original original = {0};
    for (uintptr_t i = 1; i < ORIGINAL_CALLERS + 3; i++) /* addresses of no object */
        assert_int_equal(given(&original, &flavour, (const void *)(i * 8192)), 1);
    dlclose(first);
    library_closed();
}

/* The last: what was opened so is remembered. */
static void what_is_open_to_all_comes_before_a_callers_own(void **state)
{
    (void)state;
    scope_opening(FIRST);
    void *first = dlopen(FIRST, RTLD_NOW | RTLD_GLOBAL);
    void *user = open_local(USER);
    struct original original = {0};
    assert_int_equal(call(dlsym(user, "use_flavour")), 1); /* as the loader has it */
    assert_int_equal(given(&original, &flavour, dlsym(user, "use_flavour")), 1);
    dlclose(user);
    dlclose(first);
    library_closed();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_of_libc_are_found_where_the_loader_finds_them),
        cmocka_unit_test(functions_chosen_at_run_time_are_the_chosen_ones),
        cmocka_unit_test(an_older_version_is_found_by_its_name),
        cmocka_unit_test(what_nobody_defines_is_not_found),
        cmocka_unit_test(our_own_functions_are_not_found),
        cmocka_unit_test(each_flavour_is_found_by_its_version),
        cmocka_unit_test(a_library_without_versions_matches_any),
        cmocka_unit_test(only_libraries_of_the_given_names_count_after_the_start),
        cmocka_unit_test(who_comes_first_in_the_loaders_order_is_known),
        cmocka_unit_test(an_original_is_looked_for_until_it_is_there),
        cmocka_unit_test(an_original_is_looked_up_again_when_a_library_was_closed),
        cmocka_unit_test(an_original_may_be_built_into_a_library_of_another_name),
        cmocka_unit_test(each_caller_is_given_its_own),
        cmocka_unit_test(a_caller_is_given_what_its_object_needs),
        cmocka_unit_test(what_came_together_is_searched_from_what_was_opened),
        cmocka_unit_test(a_caller_from_nowhere_is_given_the_first),
        cmocka_unit_test(what_a_library_lacks_is_not_asked_of_another),
        cmocka_unit_test(callers_without_room_are_given_the_same),
        cmocka_unit_test(what_is_open_to_all_comes_before_a_callers_own),
    };
    library_started();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
