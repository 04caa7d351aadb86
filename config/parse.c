// SPDX-License-Identifier: Apache-2.0
#include "config/parse.h"

const struct parse_choices parse_log_levels = {
    5,
    {{"none", CONFIG_LOG_NONE},
     {"error", CONFIG_LOG_ERROR},
     {"warn", CONFIG_LOG_WARN},
     {"info", CONFIG_LOG_INFO},
     {"debug", CONFIG_LOG_DEBUG},
     /* what other languages' SDKs take under the same variable */
     {"off", CONFIG_LOG_NONE},
     {"fatal", CONFIG_LOG_ERROR},
     {"warning", CONFIG_LOG_WARN},
     {"trace", CONFIG_LOG_DEBUG},
     {"verbose", CONFIG_LOG_DEBUG},
     {"all", CONFIG_LOG_DEBUG}}};

const struct parse_choices parse_samplers = {
    7,
    {{"always_on", SAMPLER_ALWAYS_ON},
     {"always_off", SAMPLER_ALWAYS_OFF},
     {"traceidratio", SAMPLER_TRACEIDRATIO},
     {"parentbased_always_on", SAMPLER_PARENTBASED_ALWAYS_ON},
     {"parentbased_always_off", SAMPLER_PARENTBASED_ALWAYS_OFF},
     {"parentbased_traceidratio", SAMPLER_PARENTBASED_TRACEIDRATIO},
     {CONFIG_SAMPLER_UNSET, SAMPLER_PARENTBASED_TRACEIDRATIO}}};

const struct parse_choices parse_propagators = {CONFIG_PROPAGATORS + 1,
                                                {
#define PROPAGATOR(identifier, name) {#name, PROPAGATOR_##identifier},
#include "config/propagators.def"
#undef PROPAGATOR
                                                    {"none", 0},
                                                }};

const struct parse_choices parse_exporters = {
    4,
    {{"otlp", EXPORTER_OTLP}, {"console", EXPORTER_CONSOLE}, {"file", EXPORTER_FILE}, {"none", 0}}};

const struct parse_choices parse_compressions = {
    2, {{"none", COMPRESSION_NONE}, {"gzip", COMPRESSION_GZIP}, {"auto", COMPRESSION_AUTO}}};

const struct parse_choices parse_protocols = {1, {{"http/protobuf", PROTOCOL_HTTP_PROTOBUF}}};

const struct parse_choices parse_whens = {
    3, {{"auto", WHEN_AUTO}, {"always", WHEN_ALWAYS}, {"never", WHEN_NEVER}}};

const struct parse_choices parse_redact_modes = {2, {{"text", REDACT_TEXT}, {"hash", REDACT_HASH}}};

const struct parse_choices parse_db_spans = {
    2, {{"statements", DB_SPANS_STATEMENTS}, {"all", DB_SPANS_ALL}}};

const struct parse_choices parse_with_sdks = {2,
                                              {{"yield", WITH_SDK_YIELD}, {"both", WITH_SDK_BOTH}}};

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes the digits at the front; a number past int64_t stays at INT64_MAX, which no option's range
 * lets through by accident (see config_test). */
static bool take_digits(struct slice *text, int64_t *value)
{
    size_t n = 0;
    int64_t number = 0;
    for (; n < text->length && digit(text->at[n]); n++) {
        int next = text->at[n] - '0';
        number = number > (INT64_MAX - next) / 10 ? INT64_MAX : number * 10 + next;
    }
    *text = slice_after(*text, n);
    *value = number;
    return n > 0;
}

static bool take_sign(struct slice *text)
{
    bool minus = text->length && text->at[0] == '-';
    if (minus || (text->length && text->at[0] == '+'))
        *text = slice_after(*text, 1);
    return minus;
}

static bool between(int64_t least, int64_t number, int64_t most, int64_t *value)
{
    if (number < least || number > most)
        return false;
    *value = number;
    return true;
}

bool parse_integer(struct slice text, int64_t least, int64_t most, int64_t *value)
{
    int64_t number;
    bool minus = take_sign(&text);
    if (!take_digits(&text, &number) || text.length)
        return false;
    return between(least, minus ? -number : number, most, value);
}

bool parse_milliseconds(struct slice text, int64_t least, int64_t most, int64_t *value)
{
    int64_t number;
    int64_t unit_ms = 1;
    if (!take_digits(&text, &number))
        return false;
    if (slice_equal_nocase(text, SLICE_LITERAL("s")))
        unit_ms = 1000;
    else if (slice_equal_nocase(text, SLICE_LITERAL("m")))
        unit_ms = 60000;
    else if (text.length && !slice_equal_nocase(text, SLICE_LITERAL("ms")))
        return false;
    if (number > INT64_MAX / unit_ms)
        return false;
    return between(least, number * unit_ms, most, value);
}

/* What is left of a decimal number once its point is forgotten: digits * 10^exponent. */
struct decimal {
    int64_t digits; /* below 10^15, so that a double holds it exactly */
    int64_t exponent;
    bool seen;
};

static void take_fraction_digits(struct slice *text, struct decimal *number, bool after_point)
{
    while (text->length && digit(text->at[0])) {
        bool room = number->digits < INT64_C(100000000000000);
        if (room)
            number->digits = number->digits * 10 + (text->at[0] - '0');
        number->exponent += (after_point ? -1 : 0) + (room ? 0 : 1);
        number->seen = true;
        *text = slice_after(*text, 1);
    }
}

bool parse_ratio(struct slice text, double *value)
{
    struct decimal number = {0, 0, false};
    bool minus = take_sign(&text);
    take_fraction_digits(&text, &number, false);
    if (text.length && text.at[0] == '.') {
        text = slice_after(text, 1);
        take_fraction_digits(&text, &number, true);
    }
    if (!number.seen)
        return false;
    if (text.length && slice_lower(text.at[0]) == 'e') {
        int64_t exponent;
        text = slice_after(text, 1);
        bool small = take_sign(&text);
        if (!take_digits(&text, &exponent) || exponent > 100000)
            return false;
        number.exponent += small ? -exponent : exponent;
    }
    if (text.length)
        return false;

    double result = (double)number.digits;
    double power = 1; /* exact up to 10^22, so one division gives the nearest double */
    for (; number.exponent < 0 && power < 1e22; number.exponent++)
        power *= 10;
    result /= power;
    for (; number.exponent < 0 && result > 0; number.exponent++)
        result /= 10;
    for (; number.exponent > 0 && result > 0 && result <= 1; number.exponent--)
        result *= 10;
    if (result > 1 || (minus && result > 0))
        return false;
    *value = result;
    return true;
}

bool parse_boolean(struct slice text, bool *value)
{
    bool yes = slice_equal_nocase(text, SLICE_LITERAL("true"));
    if (!yes && !slice_equal_nocase(text, SLICE_LITERAL("false")))
        return false;
    *value = yes;
    return true;
}

bool parse_boolean_auto(struct slice text, enum config_when *value)
{
    bool yes;
    if (parse_boolean(text, &yes))
        *value = yes ? WHEN_ALWAYS : WHEN_NEVER;
    else if (slice_equal_nocase(text, SLICE_LITERAL("auto")))
        *value = WHEN_AUTO;
    else
        return false;
    return true;
}

static bool take_status(struct slice *text, int64_t *status)
{
    return take_digits(text, status) && *status >= 100 && *status <= 599;
}

bool parse_statuses(struct slice text, struct config_statuses *value)
{
    struct config_statuses set = {{0}};
    struct slice part;
    bool any = false;
    while (slice_next_part(&text, ',', &part)) {
        int64_t first;
        if (part.length == 0)
            continue;
        if (!take_status(&part, &first))
            return false;
        int64_t last = first;
        if (part.length && part.at[0] == '-') {
            part = slice_after(part, 1);
            if (!take_status(&part, &last))
                return false;
        }
        if (part.length || last < first)
            return false;
        for (uint64_t status = (uint64_t)first; status <= (uint64_t)last; status++)
            set.bits[status / 64] |= UINT64_C(1) << (status % 64);
        any = true;
    }
    if (any)
        *value = set;
    return any;
}

bool parse_choice(struct slice text, const struct parse_choices *choices, unsigned *value)
{
    for (const struct parse_choice *choice = choices->of; choice->name; choice++)
        if (slice_equal_nocase(text, slice_of(choice->name))) {
            *value = choice->value;
            return true;
        }
    return false;
}

unsigned parse_semconv(struct slice text)
{
    static const struct {
        const char *stable;
        const char *both;
        unsigned older;
    } categories[] = {{"http", "http/dup", SEMCONV_HTTP_OLDER},
                      {"database", "database/dup", SEMCONV_DATABASE_OLDER}};
    unsigned dropped = 0;
    unsigned kept = 0;
    struct slice part;
    while (slice_next_part(&text, ',', &part))
        for (size_t i = 0; i < sizeof categories / sizeof *categories; i++) {
            dropped |=
                slice_equal_nocase(part, slice_of(categories[i].stable)) ? categories[i].older : 0;
            kept |=
                slice_equal_nocase(part, slice_of(categories[i].both)) ? categories[i].older : 0;
        }
    return ((SEMCONV_HTTP_OLDER | SEMCONV_DATABASE_OLDER) & ~dropped) | kept;
}
