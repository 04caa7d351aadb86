// SPDX-License-Identifier: Apache-2.0
#include "agent/span/unwinder.h"

#include <link.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/os.h"
#include "agent/base/stack.h"

#define LIBRARY_NAMES "libunwind-x86_64.so.8"
#define PREFIX        "_Ux86_64_"

#define OWN_FRAMES_MOST  32 /* beside those that are asked for */
#define CURSOR_BYTES     16384
#define INIT_STACK_BYTES ((size_t)65536)

/* libunwind's numbers and structures (libunwind-x86_64.h, libunwind-dynamic.h, libunwind-common.h),
 * the same in all its releases but for what is said below. */
enum { UNWIND_BAD_ADDRESS = -8, UNWIND_NO_INFO = -10, UNWIND_REMOTE_TABLE = 2 };
enum { REGISTER_RBX = 3, REGISTER_RBP = 6, REGISTER_RSP = 7, REGISTER_R12 = 12, REGISTER_RIP = 16 };

struct unwind_procedure { /* unw_proc_info_t, and room for what may be added */
    uint64_t start_ip;
    uint64_t end_ip;
    uint64_t others[14];
};

struct unwind_accessors { /* unw_accessors_t, likewise; members that are NULL are not called */
    int (*find_proc_info)(void *space, uint64_t ip, struct unwind_procedure *found, int whole,
                          void *context);
    void (*put_unwind_info)(void *space, struct unwind_procedure *found, void *context);
    int (*get_dyn_info_list_addr)(void *space, uint64_t *list, void *context);
    int (*access_mem)(void *space, uint64_t address, uint64_t *value, int write, void *context);
    int (*access_reg)(void *space, int number, uint64_t *value, int write, void *context);
    int (*access_fpreg)(void *space, int number, void *value, int write, void *context);
    int (*resume)(void *space, void *cursor, void *context);
    int (*get_proc_name)(void *space, uint64_t ip, char *name, size_t bytes, uint64_t *offset,
                         void *context);
    void *others[8];
};

/* unw_dyn_info_t. Since 1.6 a load offset lies before the last four words. */
struct unwind_table {
    uint64_t next;
    uint64_t previous;
    uint64_t start_ip;
    uint64_t end_ip;
    uint64_t gp;
    int32_t format;
    int32_t pad;
    uint64_t words[5];
};

struct unwind_library {
// NOLINTNEXTLINE(bugprone-macro-parentheses): a type and a parameter list
#define FUNCTION(type, name, parameters) type(*name) parameters;
#include "agent/span/unwind_library.def"
#undef FUNCTION
    void *space;
    bool has_load_offset;
};

/* struct dl_find_object of glibc's dlfcn.h. */
struct found_object {
    unsigned long long flags;
    void *start;
    void *end;
    struct link_map *map;
    void *handler;
    unsigned long long reserved[8];
};

static struct unwind_library library; /* written once, before `ready` */
static int (*find_object)(void *address, struct found_object *found);
static struct unwind_module own;
static _Atomic bool ready;       /* release when all that is there */
static _Atomic uint32_t walking; /* threads inside the library, some of whose locks they may have */

/* Pages that are known to be there, by their number. */
#define PAGES      64
#define PAGE_SHIFT 12

struct walk {
    const struct unwind_registers *registers;
    struct unwind_bounds stack;
    struct unwind_module module; /* whose tables are read */
    bool lost;                   /* no unwind tables here */
    uintptr_t pages[PAGES];
};

static bool is_there(struct walk *walk, uintptr_t at)
{
    uintptr_t page = at >> PAGE_SHIFT;
    uintptr_t *known = &walk->pages[page % PAGES];
    if (*known == page)
        return true;
    if (!stack_can_read_word(at))
        return false;
    *known = page;
    return true;
}

/* `at` is a multiple of 8, so the word lies in one page. */
static bool may_read(struct walk *walk, uintptr_t at)
{
    if (at % sizeof(uint64_t))
        return at >= walk->stack.low && at < walk->stack.high - sizeof(uint64_t);
    if (at >= walk->stack.low && at < walk->stack.high)
        return true;
    return at >= walk->module.start && at < walk->module.end && is_there(walk, at);
}

static int access_memory(void *space, uint64_t address, uint64_t *value, int write, void *context)
{
    (void)space;
    if (write || !may_read(context, address))
        return UNWIND_BAD_ADDRESS;
    memcpy(value, (const void *)address, sizeof *value);
    return 0;
}

static int access_register(void *space, int number, uint64_t *value, int write, void *context)
{
    (void)space;
    const struct unwind_registers *registers = ((struct walk *)context)->registers;
    const uint64_t *upper[] = {&registers->r12, &registers->r13, &registers->r14, &registers->r15,
                               &registers->rip};
    if (write)
        return UNWIND_BAD_ADDRESS;
    if (number >= REGISTER_R12 && number <= REGISTER_RIP)
        *value = *upper[number - REGISTER_R12];
    else if (number == REGISTER_RBX)
        *value = registers->rbx;
    else if (number == REGISTER_RBP)
        *value = registers->rbp;
    else if (number == REGISTER_RSP)
        *value = registers->rsp;
    else
        *value = 0; /* lost with the call */
    return 0;
}

static int access_fp_register(void *space, int number, void *value, int write, void *context)
{
    (void)space;
    (void)number;
    (void)value;
    (void)write;
    (void)context;
    return UNWIND_BAD_ADDRESS;
}

// NOLINTNEXTLINE(readability-non-const-parameter): the type is libunwind's
static int find_dynamic(void *space, uint64_t *list, void *context)
{
    (void)space;
    (void)list;
    (void)context;
    return UNWIND_NO_INFO;
}

static void put_nothing(void *space, struct unwind_procedure *found, void *context)
{
    (void)space;
    (void)found;
    (void)context;
}

/* Only the form that all linkers write: version 1, a pointer relative to itself, a count, and a
 * sorted table relative to this header. */
static const unsigned char handler_form[4] = {1, 0x1b, 0x03, 0x3b};

static int find_procedure(void *space, uint64_t ip, struct unwind_procedure *found, int whole,
                          void *context)
{
    struct walk *walk = context;
    walk->lost = true;
    if (!unwinder_find_module(ip, &walk->module) || !walk->module.handler ||
        !may_read(walk, walk->module.handler & ~(uintptr_t)7) ||
        !may_read(walk, (walk->module.handler + 11) & ~(uintptr_t)7))
        return UNWIND_NO_INFO;
    uint32_t count;
    const char *handler = (const char *)walk->module.handler;
    if (memcmp(handler, handler_form, sizeof handler_form) != 0)
        return UNWIND_NO_INFO;
    memcpy(&count, handler + 8, sizeof count);
    struct unwind_table table = {
        .start_ip = walk->module.start,
        .end_ip = walk->module.end,
        .format = UNWIND_REMOTE_TABLE,
    };
    uint64_t *words = table.words + library.has_load_offset;
    words[1] = walk->module.handler; /* what its entries are relative to */
    words[2] = count;                /* of entries of two 32-bit numbers, in words */
    words[3] = walk->module.handler + 12;
    memset(found, 0, 11 * sizeof(uint64_t));
    int result = library.dwarf_search_unwind_table(space, ip, &table, found, whole, context);
    walk->lost = result < 0;
    return result;
}

bool unwinder_find_module(uintptr_t address, struct unwind_module *module)
{
    struct found_object found;
    if (find_object((void *)address, &found) != 0)
        return false;
    *module = (struct unwind_module){
        .start = (uintptr_t)found.start,
        .end = (uintptr_t)found.end,
        .bias = found.map->l_addr,
        .path = found.map->l_name,
        .handler = (uintptr_t)found.handler,
    };
    return true;
}

static bool find_functions(const struct unwind_loader *loader, void *handle)
{
    const struct {
        const char *name;
        void **function;
    } functions[] = {
#define FUNCTION(type, name, parameters) {PREFIX #name, (void **)&library.name},
#include "agent/span/unwind_library.def"
#undef FUNCTION
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (!(*functions[i].function = loader->find(handle, functions[i].name)))
            return false;
    return true;
}

/* Before 1.8 the library makes a pipe when it is first used, which it needs for a process's own
 * memory only. Numbers of descriptors are the program's, so that happens in a child that shares
 * our memory, but not our descriptors, like that of a vfork(). */
static int use_first(void *cursor)
{
    struct walk walk = {.registers = &(struct unwind_registers){0}};
    library.init_remote(cursor, library.space, &walk);
    return 0;
}

static bool settle_library(void *memory)
{
    char *stack = (char *)memory + INIT_STACK_BYTES;
    int child = clone(use_first, stack, CLONE_VM | CLONE_VFORK, stack);
    if (child < 0)
        return false;
    return os.syscall(SYS_wait4, child, NULL, __WALL, NULL) == child;
}

/* Which form of the table this release wants shows where it finds a function of ours. */
static bool choose_form(void)
{
    uintptr_t here = (uintptr_t)choose_form;
    for (int form = 1; form >= 0; form--) {
        struct walk walk = {.registers = &(struct unwind_registers){0}};
        struct unwind_procedure found;
        library.has_load_offset = form;
        if (find_procedure(library.space, here, &found, 0, &walk) == 0 && found.start_ip <= here &&
            here < found.end_ip)
            return true;
    }
    return false;
}

static bool prepare_library(void)
{
    static struct unwind_accessors accessors = {
        .find_proc_info = find_procedure,
        .put_unwind_info = put_nothing,
        .get_dyn_info_list_addr = find_dynamic,
        .access_mem = access_memory,
        .access_reg = access_register,
        .access_fpreg = access_fp_register,
    };
    size_t bytes = INIT_STACK_BYTES + CURSOR_BYTES;
    library.space = library.create_addr_space(&accessors, 0);
    void *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    bool settled = library.space && memory != MAP_FAILED && settle_library(memory);
    if (memory != MAP_FAILED)
        munmap(memory, bytes);
    return settled && unwinder_find_module((uintptr_t)unwinder_open, &own) && choose_form();
}

bool unwinder_open(const struct unwind_loader *loader, const char **why)
{
    *why = "not on this processor yet";
    if (!UNWINDER_KNOWS_PROCESSOR)
        return false;
    void *handle = loader->open(LIBRARY_NAMES, why);
    if (!handle)
        return false;
    union {
        void *found;
        int (*function)(void *address, struct found_object *found);
    } finder = {loader->find(handle, "_dl_find_object")};
    find_object = finder.function;
    *why = "the C library is older than glibc 2.35";
    if (!find_object)
        return false;
    *why = "it is not as expected";
    if (!find_functions(loader, handle) || !prepare_library())
        return false;
    atomic_store_explicit(&ready, true, memory_order_release);
    return true;
}

bool unwinder_is_ready(void)
{
    return atomic_load_explicit(&ready, memory_order_acquire);
}

void unwinder_forked(void)
{
    if (atomic_exchange_explicit(&walking, 0, memory_order_relaxed))
        atomic_store_explicit(&ready, false, memory_order_relaxed);
}

static bool is_own(uintptr_t address)
{
    return address >= own.start && address < own.end;
}

static size_t walk_up(void *cursor, struct walk *walk, uintptr_t *addresses, size_t most)
{
    size_t count = 0;
    if (library.init_remote(cursor, library.space, walk) < 0)
        return 0;
    for (size_t steps = 0; count < most && steps < most + OWN_FRAMES_MOST; steps++) {
        uint64_t address = 0;
        if (library.step(cursor) <= 0 || walk->lost ||
            library.get_reg(cursor, REGISTER_RIP, &address) < 0 || !address)
            break;
        if (library.is_signal_frame(cursor) > 0)
            return 0;
        if (!is_own(address))
            addresses[count++] = address;
    }
    return count;
}

size_t unwinder_walk(const struct unwind_registers *registers, const struct unwind_bounds *stack,
                     uintptr_t *addresses, size_t most)
{
    _Alignas(16) unsigned char cursor[CURSOR_BYTES];
    struct walk walk = {.registers = registers, .stack = *stack};
    atomic_fetch_add_explicit(&walking, 1, memory_order_acquire);
    size_t count = walk_up(cursor, &walk, addresses, most);
    atomic_fetch_sub_explicit(&walking, 1, memory_order_release);
    return count;
}
