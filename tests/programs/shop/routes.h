// SPDX-License-Identifier: Apache-2.0
/* routes.h - what the shop answers to which path. */
#ifndef SHOP_ROUTES_H
#define SHOP_ROUTES_H

#include "shop.h"
#include <microhttpd.h>

/* The access handler of libmicrohttpd: called at the head, for each piece of the body, and once
 * more at the end, where the work is done. */
enum MHD_Result routes_answer(void *nothing, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *piece,
                              size_t *piece_length, void **request);

/* Frees what routes_answer() keeps for a request. */
void routes_completed(void *nothing, struct MHD_Connection *connection, void **request,
                      enum MHD_RequestTerminationCode code);

#endif
