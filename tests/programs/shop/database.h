// SPDX-License-Identifier: Apache-2.0
/* database.h - what the shop asks MariaDB.
 *
 * A pool of connections, opened at the start: a caller that finds none free waits. Every function
 * may be called from any thread.
 *
 * `request` is the id of the request on whose behalf a statement runs, "" for none. Texts of rows
 * and errors are written as JSON to `out`, because all callers want them so. */
#ifndef SHOP_DATABASE_H
#define SHOP_DATABASE_H

#include "shop.h"
#include <stdio.h>

enum database_result { DATABASE_FOUND, DATABASE_ABSENT, DATABASE_FAILED };

enum { DATABASE_KEY_BYTES = 256 };

/* False when a connection can't be made; the reason is on stderr. */
bool database_open(const struct shop_options *options);
void database_close(void);

/* Products, all of them or those of the category of that name; category may be NULL. */
enum database_result database_products(const char *request, const char *category, FILE *out);

enum database_result database_product(const char *request, unsigned id, FILE *out);

/* The S3 key of a product's image into key[DATABASE_KEY_BYTES], "" when it has none.
 * DATABASE_ABSENT without the product. */
enum database_result database_image_key(const char *request, unsigned id, char *key, FILE *out);
enum database_result database_set_image_key(const char *request, unsigned id, const char *key,
                                            FILE *out);

enum database_result database_categories(const char *request, FILE *out);

/* Two statements: does the category exist, and what is in it. */
enum database_result database_category_products(const char *request, unsigned category, FILE *out);

/* Reads from a table that does not exist. */
enum database_result database_broken(const char *request, FILE *out);

/* Writes text as a JSON string, quotes included. */
void json_text(FILE *out, const char *text);

#endif
