// SPDX-License-Identifier: Apache-2.0
/* hops FILE - the functions of the core that one request enters, in order, for scripts/hops.
 *
 * A warm request of five header lines and a traceparent, and its answer, go through the seam as
 * hooks tell of them; FILE gets the address of each function that is entered meanwhile. Nothing is
 * recorded unless the compiler was asked to call us (-finstrument-functions). */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "agent/observe/observe.h"
#include "tests/fuzz/open_agent.h"

#define NOT_SEEN    __attribute__((no_instrument_function))
#define MOST        65536
#define FD          900
#define LISTENER_FD 899
#define WARM        50 /* requests before it */

static const void *entered[MOST];
static size_t entered_count;
static bool looks;

void __cyg_profile_func_enter(void *function, void *caller);
void __cyg_profile_func_exit(void *function, void *caller);

NOT_SEEN void __cyg_profile_func_enter(void *function, void *caller)
{
    (void)caller;
    if (looks && entered_count < MOST)
        entered[entered_count++] = function;
}

NOT_SEEN void __cyg_profile_func_exit(void *function, void *caller)
{
    (void)function;
    (void)caller;
}

NOT_SEEN static void accept_connection(void)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(4711)};
    socklen_t length = sizeof peer;
    struct accepting accepting;
    peer.sin_addr.s_addr = htonl(0xC0A80001); /* 192.168.0.1 */
    observe_accepting(&accepting, (struct sockaddr *)&peer, &length);
    observe_accepted(&accepting, LISTENER_FD, FD);
}

NOT_SEEN static void serve(void)
{
    static const char request[] =
        "GET /products/17?color=red HTTP/1.1\r\nHost: shop.example:8080\r\n"
        "User-Agent: curl/8\r\nAccept: */*\r\nAccept-Language: en\r\nConnection: keep-alive\r\n"
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n";
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
    observe_received(FD, request, sizeof request - 1, 0);
    struct sending sending = observe_sending(FD);
    observe_sent(&sending, answer, sizeof answer - 1, 0);
}

NOT_SEEN int main(int count, char **arguments)
{
    FILE *file = count == 2 ? fopen(arguments[1], "w") : NULL;
    if (!file)
        return 2;
    open_agent();
    accept_connection();
    for (int i = 0; i < WARM; i++)
        serve();
    looks = true;
    serve();
    looks = false;
    for (size_t i = 0; i < entered_count; i++)
        (void)fprintf(file, "%#lx\n", (unsigned long)(uintptr_t)entered[i]);
    return fclose(file) == 0 ? 0 : 1;
}
