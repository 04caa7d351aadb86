// SPDX-License-Identifier: Apache-2.0
/* Whatever a collector writes into Retry-After, the wait is none or at most a day; a date in any of
 * its three forms is read as the C library wrote it; and no wait outlasts what is left of a batch.
 *
 * Input: five bytes of the date to write, three of the clock, the field's value. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exporter/transport/retry.h"

#define DAY_S   INT64_C(86400)
#define DAY_MS  (DAY_S * 1000)
#define NOW_S   INT64_C(1700000000)
#define LAST_S  INT64_C(253402300799) /* the end of the year 9999 */
#define LEAST_S (INT64_C(1) << 24)    /* half a year */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

/* Little endian. */
static int64_t number_of(const uint8_t *data, size_t size)
{
    int64_t number = 0;
    while (size-- > 0)
        number = number << 8 | data[size];
    return number;
}

static void dates(int64_t date_s, int64_t now_s)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char text[64];
        struct tm parts;
        time_t date = date_s;
        demand(gmtime_r(&date, &parts) != NULL);
        size_t length = strftime(text, sizeof text, forms[i], &parts);
        int64_t left_s = date_s > now_s ? date_s - now_s : 0;
        /* Two digits of a year can be written only of years around now. */
        if (i == 1 && llabs(date_s - now_s) > 45 * 365 * DAY_S)
            continue;
        int64_t wait_ms = retry_after_ms((struct slice){text, length}, now_s);
        if (wait_ms == (left_s < DAY_S ? left_s : DAY_S) * 1000)
            continue;
        (void)fprintf(stderr, "%s at %lld: %lld ms\n", text, (long long)now_s, (long long)wait_ms);
        abort();
    }
}

static void decisions(const uint8_t *data, size_t size, int64_t wait_ms)
{
    struct retry_attempt attempt = {
        .enabled = data[0] & 1,
        .answered = data[0] & 2,
        .status = (int)(100 + number_of(data + 1, 2) % 900),
        .retry_after_ms = wait_ms,
        .number = (unsigned)number_of(data, size < 4 ? size : 4),
        .left_ms = number_of(data + 2, 2),
        .chance = (uint32_t)number_of(data, 4),
    };
    struct retry_decision decision = retry_decide(&attempt);
    bool again = !attempt.answered || attempt.status == 429 ||
                 (attempt.status >= 502 && attempt.status <= 504);
    if (decision.verdict == RETRY_SUCCESS)
        demand(attempt.answered && attempt.status / 100 == 2);
    if (decision.verdict == RETRY_AGAIN)
        demand(attempt.enabled && again && decision.wait_ms >= 0 &&
               decision.wait_ms < attempt.left_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 8)
        return 0;
    int64_t now_s = NOW_S + number_of(data + 5, 3) * 60;
    dates(number_of(data, 5) % (LAST_S - LEAST_S) + LEAST_S, now_s);
    dates(now_s + number_of(data, 3) - number_of(data + 2, 3), now_s);

    size_t length = size - 8;
    char *exact = malloc(length ? length : 1); /* a byte read beyond it is seen */
    demand(exact != NULL);
    memcpy(exact, data + 8, length);
    int64_t wait_ms = retry_after_ms((struct slice){exact, length}, now_s);
    demand(wait_ms == -1 || (wait_ms >= 0 && wait_ms <= DAY_MS && wait_ms % 1000 == 0));
    decisions(data, size, wait_ms);
    free(exact);
    return 0;
}
