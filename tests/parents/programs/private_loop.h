// SPDX-License-Identifier: Apache-2.0
/* A handler's own loop: it waits for its transfer by poll, select or epoll and goes on with the
 * same request. To an agent this looks like a server's loop that goes on with another one. */
#pragma once
#include "work.h"

typedef bool (*work_function)(unsigned long id);

/* The three calls, with the fetch in a loop by MODE: multi-wait, multi-poll, multi-select or
 * multi-epoll. NULL for another mode. */
work_function private_loop_of_mode(void);
