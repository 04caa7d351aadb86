// SPDX-License-Identifier: Apache-2.0
/* What a statement costs the application's thread: nanoseconds, the best of several rounds.
 *
 *     sql_bench                the table
 *     sql_bench N STATEMENTS   statement N only, without a clock: under
 *                              `valgrind --tool=callgrind`, divide by STATEMENTS */
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/clock.h"
#include "agent/sql/sql.h"

#define ROUNDS     15
#define STATEMENTS 20000

static char bulk[SQL_READ_BYTES];

static struct slice statements[] = {
    SLICE_LITERAL("SELECT p.id, p.name, p.price, c.name AS category FROM products p JOIN "
                  "categories c ON c.id = p.category_id WHERE p.id = 12345 AND p.state = 'active'"),
    SLICE_LITERAL("SELECT id, name, email, created_at FROM users WHERE email = 'a@example.com' "
                  "AND deleted_at IS NULL ORDER BY created_at DESC LIMIT 20 OFFSET 40"),
    SLICE_LITERAL("UPDATE `products` SET `image_key` = 'products/12345/image.png', "
                  "`updated_at` = NOW() WHERE `products`.`id` = 12345"),
    {bulk, sizeof bulk},
};

#define STATEMENT_COUNT (sizeof statements / sizeof *statements)

static void run(struct slice statement, unsigned long count)
{
    static char buffer[4096 + SQL_SUMMARY_BYTES];
    for (unsigned long i = 0; i < count; i++) {
        struct sql result;
        sql_summarise(statement, buffer, sizeof buffer, &result);
        if (result.statements == 0)
            abort();
    }
}

int main(int argc, char **argv)
{
    size_t begin = (size_t)sprintf(bulk, "INSERT INTO orders (id, note) VALUES ");
    for (size_t i = begin; i < sizeof bulk; i++)
        bulk[i] = "(12345,'some text'),"[(i - begin) % 20];
    if (argc == 3) {
        run(statements[strtoul(argv[1], NULL, 10) % STATEMENT_COUNT], strtoul(argv[2], NULL, 10));
        return 0;
    }
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        unsigned long count = STATEMENTS * 100UL / (100 + statements[i].length);
        uint64_t best = UINT64_MAX;
        for (int round = 0; round < ROUNDS; round++) {
            uint64_t start = clock_monotonic_ns();
            run(statements[i], count);
            uint64_t took = clock_monotonic_ns() - start;
            best = took < best ? took : best;
        }
        printf("%6zu bytes %8.0f ns  %.40s\n", statements[i].length, (double)best / (double)count,
               statements[i].at);
    }
    return 0;
}
