// SPDX-License-Identifier: Apache-2.0
/* https_socket.h - libcurl's sockets, as ours have to be.
 *
 * High-numbered and close-on-exec, and remembered with their identity: the application may close
 * or replace any number (closefrom, dup2), and then libcurl must not write to it. */
#ifndef EXPORTER_HTTPS_SOCKET_H
#define EXPORTER_HTTPS_SOCKET_H

#include <stdbool.h>

#include "agent/base/own_fd.h"
#include "exporter/transport/curl_library.h"

#define HTTPS_SOCKETS 8 /* an attempt at each family at once, a kept one, proxies */

struct https_sockets {
    struct {
        bool open;
        struct own_fd own;
    } list[HTTPS_SOCKETS];
};

/* What CURL_OPTION_OPENSOCKETFUNCTION and CURL_OPTION_CLOSESOCKETFUNCTION take. */
int https_socket_open(void *sockets, int purpose, struct curl_place *place);
int https_socket_close(void *sockets, int fd);

/* Whether each open one is still the one that was opened. */
bool https_sockets_ours(const struct https_sockets *sockets);

/* Whether there is an open one. */
bool https_sockets_any(const struct https_sockets *sockets);

/* Closes those that are still ours, behind libcurl's back. */
void https_sockets_drop(struct https_sockets *sockets);

#endif
