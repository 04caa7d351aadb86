// SPDX-License-Identifier: Apache-2.0
/* inheritance.h - sockets that somebody else made: handed over in a message (SCM_RIGHTS), or there
 * before the program was (socket activation, inetd).
 *
 * No accept() and no connect() tells what they are, so the kernel is asked once, and the first
 * bytes tell who is the server (stream.c). */
#ifndef AGENT_INHERITANCE_H
#define AGENT_INHERITANCE_H

/* The descriptor is new here. What was known of the number is ended. */
void inheritance_take(int fd);

/* The program starts: its standard streams may be one connection (inetd), and `activated`
 * descriptors from 3 on are sockets (systemd's LISTEN_FDS). A connected unix socket as standard
 * input is a pipe to a parent or to a journal rather than a client, and left alone. */
void inheritance_at_start(int activated);

#endif
