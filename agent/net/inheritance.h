// SPDX-License-Identifier: Apache-2.0
/* inheritance.h - sockets that somebody else made: handed over in a message (SCM_RIGHTS), or there
 * before the program was (socket activation, inetd).
 *
 * No accept() and no connect() tells what they are, so the kernel is asked once, and the first
 * bytes tell who is the server (stream.c). */
#ifndef AGENT_INHERITANCE_H
#define AGENT_INHERITANCE_H

#include <stdbool.h>

#define INHERITANCE_MOST 1024 /* sockets that socket activation hands over */

/* Is it a connection over the network, made before the program began? Connected unix sockets are
 * rather pipes to a parent, or to a journal. Before anything else of the agent. */
bool inheritance_is_client(int fd);

/* The descriptor is new here. What was known of the number is ended. */
void inheritance_take(int fd);

/* The program starts: its standard streams may be one connection (inetd), and `activated`
 * descriptors from 3 on are sockets (systemd's LISTEN_FDS). */
void inheritance_at_start(int activated);

#endif
