// SPDX-License-Identifier: Apache-2.0
/* failing MODE [ARGUMENT] - calls that fail, from places that a stack trace has to cope with. Port
 * 1 of 127.0.0.1 refuses both libraries. Prints what they say, and which pipes are open at the end.
 */
#include <curl/curl.h>
#include <link.h>
#include <mysql.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static MYSQL *connection;
static volatile int depth;

static int ask_database(void)
{
    int failed =
        !mysql_real_connect(connection, "127.0.0.1", "user", "hunter2", "shop", 1, NULL, 0);
    printf("database: %d\n", failed);
    return failed;
}

static int ask_server(void)
{
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, "http://127.0.0.1:1/?token=hunter2");
    int code = (int)curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    printf("server: %d\n", code);
    return code;
}

static int place_order(void)
{
    int failed = ask_database() + ask_server();
    printf("failed: %d\n", failed != 0);
    return failed;
}

/* A long name for many frames. */
static int
recurse_through_a_function_whose_name_is_so_long_that_sixty_four_of_them_do_not_fit(int left)
{
    depth++;
    int failed =
        left ? recurse_through_a_function_whose_name_is_so_long_that_sixty_four_of_them_do_not_fit(
                   left - 1)
             : ask_database();
    depth--;
    return failed;
}

static int sink(int left)
{
    depth++;
    int failed = left ? sink(left - 1) : ask_database();
    depth--;
    return failed;
}

static void *on_small_stack(void *unused)
{
    (void)unused;
    ask_database();
    return NULL;
}

static void small_stack(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    pthread_create(&thread, &attributes, on_small_stack, NULL);
    pthread_join(thread, NULL);
}

static void handle(int signal)
{
    (void)signal;
    ask_database();
}

static void in_handler(int flags)
{
    static char stack[65536];
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    struct sigaction action = {.sa_handler = handle, .sa_flags = flags | (int)SA_RESETHAND};
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    ask_database(); /* afterwards */
}

static ucontext_t main_context, coroutine;

static void run_coroutine(void)
{
    ask_database();
}

static void in_coroutine(void)
{
    size_t bytes = 131072;
    char *stack = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    getcontext(&coroutine);
    coroutine.uc_stack = (stack_t){.ss_sp = stack, .ss_size = bytes};
    coroutine.uc_link = &main_context;
    makecontext(&coroutine, run_coroutine, 0);
    swapcontext(&main_context, &coroutine);
}

/* Code that came from nowhere: no file, no unwind tables, and a frame pointer that points nowhere.
 *     push %rbp; mov $0x4141414141414141, %rbp; call *%rdi; pop %rbp; ret */
static void in_generated_code(void)
{
    static const unsigned char code[] = {0x55, 0x48, 0xbd, 0x41, 0x41, 0x41, 0x41, 0x41,
                                         0x41, 0x41, 0x41, 0xff, 0xd7, 0x5d, 0xc3};
    void *memory =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(memory, code, sizeof code);
    ((void (*)(int (*)(void)))memory)(ask_database);
}

/* What the frame above was called from is overwritten while the call lasts. */
static int with_a_broken_stack(void)
{
    void *volatile *frame = __builtin_frame_address(0);
    void *saved[2] = {frame[0], frame[1]};
    frame[0] = (void *)0x4141414141414141;
    frame[1] = (void *)0x4242424242424242;
    int failed = ask_database();
    frame[0] = saved[0];
    frame[1] = saved[1];
    return failed;
}

static void in_child(void)
{
    place_order();
    if (fork() == 0) {
        sink(1);
        exit(0);
    }
    wait(NULL);
}

static sem_t listing, done;

static int wait_in_list(struct dl_phdr_info *module, size_t size, void *unused)
{
    (void)module;
    (void)size;
    (void)unused;
    sem_post(&listing);
    sem_wait(&done);
    return 1;
}

static void *list_modules(void *unused)
{
    dl_iterate_phdr(wait_in_list, unused);
    return NULL;
}

/* Another thread holds a lock of the loader until the call has returned. */
static void while_listing(void)
{
    pthread_t thread;
    sink(0); /* what is done once */
    sem_init(&listing, 0, 0);
    sem_init(&done, 0, 0);
    pthread_create(&thread, NULL, list_modules, NULL);
    sem_wait(&listing);
    sink(1);
    sem_post(&done);
    pthread_join(thread, NULL);
}

static void killed(void)
{
    place_order();
    fflush(stdout);
    kill(getpid(), SIGKILL);
}

static void in_chroot(const char *directory)
{
    sink(0); /* the agent begins */
    if (chroot(directory) != 0 || chdir("/") != 0)
        perror("chroot");
    place_order();
}

/* Files come and go with the agent's thread; pipes are libunwind's. */
static void show_pipes(void)
{
    struct stat status;
    for (int fd = 3; fd < 100; fd++)
        if (fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode))
            printf("pipe: %d\n", fd);
}

int main(int count, char **arguments)
{
    const char *mode = count > 1 ? arguments[1] : "order";
    connection = mysql_init(NULL);
    if (strcmp(mode, "order") == 0)
        place_order();
    else if (strcmp(mode, "deep") == 0)
        sink(1000);
    else if (strcmp(mode, "long") == 0)
        recurse_through_a_function_whose_name_is_so_long_that_sixty_four_of_them_do_not_fit(100);
    else if (strcmp(mode, "small") == 0)
        small_stack();
    else if (strcmp(mode, "handler") == 0)
        in_handler(0);
    else if (strcmp(mode, "alternate") == 0)
        in_handler(SA_ONSTACK);
    else if (strcmp(mode, "coroutine") == 0)
        in_coroutine();
    else if (strcmp(mode, "generated") == 0)
        in_generated_code();
    else if (strcmp(mode, "broken") == 0)
        with_a_broken_stack();
    else if (strcmp(mode, "child") == 0)
        in_child();
    else if (strcmp(mode, "listing") == 0)
        while_listing();
    else if (strcmp(mode, "killed") == 0)
        killed();
    else if (strcmp(mode, "chroot") == 0 && count > 2)
        in_chroot(arguments[2]);
    mysql_close(connection);
    show_pipes();
    return 0;
}
