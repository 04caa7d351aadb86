// SPDX-License-Identifier: Apache-2.0
#include "agent/span/stack_trace.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/own_stack.h"
#include "agent/base/stack.h"
#include "agent/span/frames.h"
#include "agent/span/unwinder.h"

#define PAGE_BYTES     ((uintptr_t)4096)
#define FOREIGN_BYTES  ((uintptr_t)262144) /* read of a stack whose end is not known */
#define NO_MODULE      0xffu
#define TOO_MANY_BYTES ((uintptr_t)64 << 20) /* of a stack, to look for a signal in */

static char program[FRAMES_PATH_BYTES]; /* written once, before the first trace */

/* What lies on the stack where a handler runs (struct rt_sigframe, the kernel's arch/x86): first
 * the handler's return address, then, in words, a ucontext. */
enum {
    SIGNAL_RETURN,
    SIGNAL_FLAGS,
    SIGNAL_LINK,
    SIGNAL_EFLAGS = 23,
    SIGNAL_SELECTORS,
    SIGNAL_WORDS
};

/* mov $15, %rax; syscall: what a handler returns to (rt_sigreturn). */
static const unsigned char restorer[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};

/* A trace being taken. */
struct taking {
    struct unwind_registers registers;
    struct unwind_bounds stack;
    struct span *span;
};

/* A trace being written. */
struct writing {
    unsigned modules;
    unsigned frames;
    struct unwind_module module[FRAMES_MODULES_MOST];
    uint64_t frame[FRAMES_MOST];
    uintptr_t addresses[FRAMES_MOST];
    _Alignas(8) unsigned char text[FRAMES_BYTES_MOST];
};

void stack_trace_init(void)
{
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
}

static bool is_signal_frame(const uint64_t *words)
{
    if ((words[SIGNAL_SELECTORS] & UINT64_C(0xffffffff)) != 0x33 || words[SIGNAL_FLAGS] > 7 ||
        words[SIGNAL_LINK] != 0 || words[SIGNAL_EFLAGS] >> 22 || !(words[SIGNAL_EFLAGS] & 2))
        return false;
    uintptr_t code = words[SIGNAL_RETURN];
    return stack_can_read_word(code) && stack_can_read_word(code + 1) &&
           memcmp((const void *)code, restorer, sizeof restorer) == 0;
}

__attribute__((no_sanitize("address"))) static bool
in_signal_handler(const struct unwind_bounds *stack)
{
    const uint64_t *end = (const uint64_t *)(stack->high & ~(uintptr_t)7) - SIGNAL_WORDS;
    if (stack->high - stack->low > TOO_MANY_BYTES)
        return true;
    for (const uint64_t *at = (const uint64_t *)((stack->low + 7) & ~(uintptr_t)7); at < end; at++)
        if (is_signal_frame(at))
            return true;
    return false;
}

/* Page by page, as far as there is memory. */
static uintptr_t find_end(uintptr_t from)
{
    uintptr_t end = from & -PAGE_BYTES;
    while (end < from + FOREIGN_BYTES && stack_can_read_word(end))
        end += PAGE_BYTES;
    return end;
}

static unsigned module_of(struct writing *w, uintptr_t address)
{
    for (unsigned i = 0; i < w->modules; i++)
        if (address >= w->module[i].start && address < w->module[i].end)
            return i;
    if (w->modules == FRAMES_MODULES_MOST || !unwinder_find_module(address, &w->module[w->modules]))
        return NO_MODULE;
    return w->modules++;
}

static void put_frame(struct writing *w, uintptr_t address)
{
    unsigned module = module_of(w, address);
    if (module == NO_MODULE && !stack_can_read_word(address))
        return; /* no code: the stack is broken here */
    uint64_t in_file = module == NO_MODULE ? address : address - w->module[module].bias;
    w->frame[w->frames++] = (in_file & FRAMES_ADDRESS_MASK) | (uint64_t)module
                                                                  << FRAMES_ADDRESS_BITS;
}

static uint64_t identity(const struct unwind_module *module)
{
    if (module->end - module->start < FRAMES_IDENTITY_READ || !stack_can_read_word(module->start) ||
        memcmp((const void *)module->start, "\177ELF", 4) != 0)
        return 0;
    return frames_identity((const unsigned char *)module->start);
}

static unsigned char *put_module(unsigned char *at, const struct unwind_module *module)
{
    const char *path = module->path && module->path[0] ? module->path : program;
    struct frames_module *head = (struct frames_module *)at;
    size_t length = strnlen(path, FRAMES_PATH_BYTES + 1);
    *head = (struct frames_module){.identity = identity(module), .length = (uint32_t)length};
    if (length > FRAMES_PATH_BYTES) /* the file's name is at its end */
        *head = (struct frames_module){0};
    memset(head->path, 0, FRAMES_PADDED(head->length));
    memcpy(head->path, path, head->length);
    return at + sizeof *head + FRAMES_PADDED(head->length);
}

static struct slice write_frames(struct writing *w)
{
    unsigned char *at = w->text;
    struct frames_head head = {.modules = (uint16_t)w->modules, .frames = (uint16_t)w->frames};
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    for (unsigned i = 0; i < w->modules; i++)
        at = put_module(at, &w->module[i]);
    memcpy(at, w->frame, w->frames * sizeof *w->frame);
    at += w->frames * sizeof *w->frame;
    return (struct slice){(const char *)w->text, (size_t)(at - w->text)};
}

static void take(void *context)
{
    struct taking *taking = context;
    struct writing w;
    if (!taking->stack.high)
        taking->stack.high = find_end(taking->stack.low);
    if (in_signal_handler(&taking->stack))
        return;
    size_t count = unwinder_walk(&taking->registers, &taking->stack, w.addresses, FRAMES_MOST);
    w.modules = w.frames = 0;
    for (size_t i = 0; i < count; i++)
        put_frame(&w, w.addresses[i]);
    if (count)
        span_frames(taking->span, write_frames(&w));
}

/* Not inlined: the registers are this function's, and it is here until the trace is taken. */
__attribute__((noinline)) void stack_trace_add(struct span *span)
{
    if (!unwinder_is_ready())
        return;
    int saved = errno;
    struct taking taking = {.span = span, .stack.high = stack_end()};
#if UNWINDER_KNOWS_PROCESSOR
    __asm__ volatile("movq %%rbx, 0(%0)\n\t"
                     "movq %%rbp, 8(%0)\n\t"
                     "movq %%r12, 16(%0)\n\t"
                     "movq %%r13, 24(%0)\n\t"
                     "movq %%r14, 32(%0)\n\t"
                     "movq %%r15, 40(%0)\n\t"
                     "movq %%rsp, 48(%0)\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "movq %%rax, 56(%0)\n"
                     "1:"
                     :
                     : "r"(&taking.registers)
                     : "rax", "memory");
#endif
    taking.stack.low = taking.registers.rsp;
    own_stack_run(take, &taking);
    errno = saved;
}
