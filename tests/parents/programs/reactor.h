// SPDX-License-Identifier: Apache-2.0
/* An epoll set that many threads hand connections to: each is reported once, then rests until it is
 * watched again, so that only one thread has it at a time. */
#pragma once
#include "http.h"

enum { REACTOR_EVENTS = 16 };

/* The set of the process, with the listener in it, which is reported as NULL. */
void reactor_open(int listener);

/* Once more of this connection is to be read. `fresh`: it was not in the set yet. */
void reactor_watch(struct connection *connection, bool fresh);

/* Waits for connections that can be read, at most `room` of REACTOR_EVENTS; how many. */
int reactor_wait(struct connection **ready, int room, int timeout_ms);
