// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/retry.h"

#define FIRST_WAIT_MS   1000
#define LONGEST_WAIT_MS 5000
#define DAY_S           INT64_C(86400)
#define YEAR_S          INT64_C(31556952) /* on average */

static bool retryable(const struct retry_attempt *attempt)
{
    return !attempt->answered || attempt->status == 429 || attempt->status == 502 ||
           attempt->status == 503 || attempt->status == 504;
}

/* Half as long again each time, then 80 to 120 % of it, so that the workers of a server, which
 * failed together, do not all come back in the same moment. */
static int64_t backoff_ms(unsigned number, uint32_t chance)
{
    int64_t wait = FIRST_WAIT_MS;
    for (unsigned i = 1; i < number && wait < LONGEST_WAIT_MS; i++)
        wait += wait / 2;
    if (wait > LONGEST_WAIT_MS)
        wait = LONGEST_WAIT_MS;
    return wait * (800 + chance % 401) / 1000;
}

struct retry_decision retry_decide(const struct retry_attempt *attempt)
{
    if (attempt->answered && attempt->status >= 200 && attempt->status < 300)
        return (struct retry_decision){RETRY_SUCCESS, 0};
    if (!attempt->enabled || !retryable(attempt))
        return (struct retry_decision){RETRY_DROP, 0};

    int64_t wait = backoff_ms(attempt->number, attempt->chance);
    if (attempt->answered && attempt->retry_after_ms > wait)
        wait = attempt->retry_after_ms;
    if (wait >= attempt->left_ms)
        return (struct retry_decision){RETRY_DROP, 0};
    return (struct retry_decision){RETRY_AGAIN, wait};
}

/* Takes a number of 1 to `digits` digits off the text; -1 if there is none. */
static int64_t take_number(struct slice *text, int digits)
{
    int64_t value = -1;
    for (; digits && text->length && text->at[0] >= '0' && text->at[0] <= '9'; digits--) {
        value = (value < 0 ? 0 : value) * 10 + (text->at[0] - '0');
        *text = slice_after(*text, 1);
    }
    return value;
}

static void skip(struct slice *text, const char *characters)
{
    while (text->length && text->at[0] && strchr(characters, text->at[0]))
        *text = slice_after(*text, 1);
}

/* 1 to 12, or -1. */
static int64_t take_month(struct slice *text)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (text->length < 3)
        return -1;
    for (int month = 0; month < 12; month++)
        if (memcmp(names + (size_t)month * 3, text->at, 3) == 0) {
            *text = slice_after(*text, 3);
            return month + 1;
        }
    return -1;
}

static bool take_time(struct slice *text, int64_t *seconds)
{
    int64_t part[3];
    for (int i = 0; i < 3; i++) {
        skip(text, i ? ":" : " ");
        part[i] = take_number(text, 2);
        if (part[i] < 0)
            return false;
    }
    *seconds = part[0] * 3600 + part[1] * 60 + part[2];
    return true;
}

/* Days since 1970-01-01 in the Gregorian calendar, counting years from March, because the day
 * that leap years add then comes last. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    if (month <= 2)
        year--;
    int64_t month_from_march = (month + 9) % 12;
    return year * 365 + year / 4 - year / 100 + year / 400 + (month_from_march * 153 + 2) / 5 +
           day - 1 - 719468;
}

/* `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or
 * `Sun Nov  6 08:49:37 1994`: seconds since 1970, or -1. */
static int64_t parse_date(struct slice text, int64_t unix_s)
{
    int64_t day, month, year, seconds;
    while (text.length && text.at[0] != ' ' && text.at[0] != ',')
        text = slice_after(text, 1);
    skip(&text, ", ");

    month = take_month(&text);
    if (month > 0) {
        skip(&text, " ");
        day = take_number(&text, 2);
        if (!take_time(&text, &seconds))
            return -1;
        skip(&text, " ");
        year = take_number(&text, 4);
    } else {
        day = take_number(&text, 2);
        skip(&text, " -");
        month = take_month(&text);
        skip(&text, " -");
        year = take_number(&text, 4);
        if (year >= 0 && year < 100) /* the last such year within 50 from now (RFC 9110, 5.6.7) */
            year += (1970 + unix_s / YEAR_S + 50 - year) / 100 * 100;
        if (!take_time(&text, &seconds))
            return -1;
    }
    if (day < 1 || day > 31 || month < 1 || year < 1970)
        return -1;
    return days_since_1970(year, month, day) * DAY_S + seconds;
}

int64_t retry_after_ms(struct slice value, int64_t unix_s)
{
    struct slice rest = value;
    int64_t seconds = take_number(&rest, 9);
    if (seconds < 0 || rest.length) {
        int64_t date = parse_date(value, unix_s);
        if (date < 0)
            return -1;
        seconds = date > unix_s ? date - unix_s : 0;
    }
    return (seconds < DAY_S ? seconds : DAY_S) * 1000;
}
