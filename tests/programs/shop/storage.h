// SPDX-License-Identifier: Apache-2.0
/* storage.h - the shop's pictures in S3.
 *
 * One libcurl handle a thread, kept for its connection. Requests are signed by libcurl (AWS
 * Signature Version 4); Debian 12's 7.88 needs the payload's hash as a header from us. */
#ifndef SHOP_STORAGE_H
#define SHOP_STORAGE_H

#include "shop.h"

bool storage_open(const struct shop_options *options);
void storage_close(void);

/* Both return the HTTP status, 0 when there was no answer; then the reason is in error, which has
 * room for STORAGE_ERROR_BYTES. */
enum { STORAGE_ERROR_BYTES = 256 };
long storage_put(const char *key, struct bytes content, char *error);

/* On 200 content is the caller's to free. */
long storage_get(const char *key, struct bytes *content, char *error);

#endif
