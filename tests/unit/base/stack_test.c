// SPDX-License-Identifier: Apache-2.0
/* Which stack is a thread's own, and what that means for its calls. */
#include <sys/mman.h>
#include <ucontext.h>

#include "agent/base/own_stack.h"
#include "agent/base/stack.h"
#include "tests/unit/seam.h"

static const char get[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

#define COROUTINE_BYTES 65536

static bool owns, called;

static void ask(void *unused)
{
    (void)unused;
    owns = stack_is_own();
    called = has_context();
}

#ifdef __GLIBC__
static ucontext_t home, away;

static void ask_in_a_coroutine(void)
{
    ask(NULL);
    swapcontext(&away, &home);
}

static void visit_a_coroutine(void *stack)
{
    getcontext(&away);
    away.uc_stack.ss_sp = stack;
    away.uc_stack.ss_size = COROUTINE_BYTES;
    away.uc_link = &home;
    makecontext(&away, ask_in_a_coroutine, 0);
    owns = called = true;
    swapcontext(&home, &away);
}
#else /* has no coroutines: another stack all the same */
static void visit_a_coroutine(void *stack)
{
    (void)stack;
    owns = called = true;
    own_stack_run(ask, NULL);
}
#endif

static void *another_stack(void)
{
    return mmap(NULL, COROUTINE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void a_call_on_another_stack_is_nobody_s(void **state)
{
    (void)state;
    void *stack = another_stack();
    accept_connection(FD);
    receive(FD, get);
    assert_true(has_context());
    visit_a_coroutine(stack);
    assert_false(owns);
    assert_false(called);
    assert_false(has_context()); /* it may have been its own work, but that is not known */
    munmap(stack, COROUTINE_BYTES);
}

static void *visit_from_a_thread(void *stack)
{
    bool before = stack_is_own();
    visit_a_coroutine(stack);
    bool lent = stack_lend();
    bool own = owns;
    visit_a_coroutine(stack);
    stack_return(lent);
    return before && stack_is_own() && !own && owns ? stack : NULL;
}

static void a_thread_knows_its_stack_and_one_that_was_lent(void **state)
{
    (void)state;
    void *stack = another_stack();
    for (size_t i = 0; i < 20; i++) {
        pthread_t thread;
        pthread_attr_t attributes;
        void *result;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, i % 2 ? 131072 : 8388608);
        assert_int_equal(pthread_create(&thread, &attributes, visit_from_a_thread, stack), 0);
        pthread_join(thread, &result);
        pthread_attr_destroy(&attributes);
        assert_ptr_equal(result, stack);
    }
    munmap(stack, COROUTINE_BYTES);
}

/* Bigger than a page, so that the kernel is asked again. */
static __attribute__((noinline)) bool is_own_deeper(int depth)
{
    volatile char frame[5000];
    memset((void *)(uintptr_t)frame, depth, sizeof frame);
    return (depth ? is_own_deeper(depth - 1) : stack_is_own()) && frame[0] == (char)depth;
}

static void *go_deep(void *result)
{
    *(bool *)result = is_own_deeper(1) && is_own_deeper(40) && is_own_deeper(3);
    return NULL;
}

static void a_thread_s_stack_goes_as_deep_as_it_goes(void **state)
{
    (void)state;
    pthread_t thread;
    pthread_attr_t attributes;
    bool own = false;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1048576); /* what is usual differs */
    assert_int_equal(pthread_create(&thread, &attributes, go_deep, &own), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    assert_true(own);
    assert_true(is_own_deeper(40));
}

static void what_can_t_be_read_is_known(void **state)
{
    (void)state;
    char here[8];
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + 4096, 4096, PROT_NONE);
    errno = 42;
    assert_true(stack_can_read(here, sizeof here));
    assert_true(stack_can_read(pages + 4088, 8));
    assert_true(stack_can_read(pages + 3968, 128));
    assert_false(stack_can_read(pages + 4089, 8));
    assert_false(stack_can_read(pages + 4088, 16));
    assert_false(stack_can_read(pages + 4096, 8));
    assert_false(stack_can_read(NULL, 128));
    assert_false(stack_can_read((void *)-8L, 128));
    assert_int_equal(errno, 42);
    munmap(pages, 8192);
    assert_false(stack_can_read(pages + 4088, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_on_another_stack_is_nobody_s),
        TEST(a_thread_knows_its_stack_and_one_that_was_lent),
        TEST(a_thread_s_stack_goes_as_deep_as_it_goes),
        TEST(what_can_t_be_read_is_known),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
