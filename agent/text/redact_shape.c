// SPDX-License-Identifier: Apache-2.0
#include "agent/text/redact_shape.h"

#include <stdatomic.h>

#include "agent/text/redact_sieve.h"
#include "agent/text/redact_take.h"

/* ---- the table ---- */

enum rule { ANYWHERE, APART, EXACT, UNBROKEN, LED, MIXED, PEM, JWT, BOT, BEARER, BASIC };

enum {
    DIGIT = 1,
    UPPER = 2,
    HEX_LETTER = 4, /* small ones */
    OTHER_LETTER = 8,
    DASH = 16,
    UNDERSCORE = 32,
    DOT = 64,
    BASE64 = 128, /* what TOKEN leaves out of a scheme's credentials */

    ALNUM = DIGIT | UPPER | HEX_LETTER | OTHER_LETTER,
    CAPITAL = DIGIT | UPPER,
    HEX = DIGIT | HEX_LETTER,
    WORD = ALNUM | UNDERSCORE,
    TOKEN = WORD | DASH,
    DOTTED = TOKEN | DOT
};

static const unsigned char classes[256] = {
    ['0' ... '9'] = DIGIT,
    ['A' ... 'Z'] = UPPER,
    ['a' ... 'f'] = HEX_LETTER,
    ['g' ... 'z'] = OTHER_LETTER,
    ['-'] = DASH,
    ['_'] = UNDERSCORE,
    ['.'] = DOT,
    ['+'] = BASE64,
    ['/'] = BASE64,
    ['~'] = BASE64,
    ['='] = BASE64,
};

struct shape {
    unsigned char length; /* of the prefix */
    unsigned char allowed;
    unsigned char least;
    unsigned char rule;
    char prefix[18];
};

static const struct shape shapes[] = {
#define REDACT_SHAPE(prefix, allowed, least, rule)                                                 \
    {sizeof(prefix) - 1, allowed, least, rule, prefix},
#include "agent/text/redact_shapes.def"
#undef REDACT_SHAPE
};

#define SHAPES (sizeof shapes / sizeof *shapes)

static bool any_case(const struct shape *shape)
{
    return shape->rule == BEARER || shape->rule == BASIC;
}

static bool in_path(const struct shape *shape)
{
    return shape->rule == LED || shape->rule == MIXED;
}

static bool has_class(unsigned char c, unsigned class)
{
    return classes[c] & class;
}

/* ---- one secret ---- */

#define BOT_DIGITS_LEAST 6
#define BOT_DIGITS_MOST  12
#define JWT_HEADER_LEAST 12
#define JWT_HEADER_MOST  4096
#define JWT_GLUED_MOST   128 /* of one in the middle of a word */
#define ID_LEAST         6   /* of a part that leads */
#define TURNS_LEAST      2   /* from letter to digit or back; in a title, to a capital */
#define PEM_LABEL_MOST   32  /* `OPENSSH PRIVATE KEY` */
#define LOOKED_AT        256 /* bytes, before a secret is none: work is bounded */

__attribute__((noinline)) static const char *after_prefix(const struct shape *shape, const char *at,
                                                          const char *end, enum depth depth)
{
    for (size_t i = 0; i < shape->length; i++) {
        struct taken one = take_one(at, end, depth);
        unsigned char c = any_case(shape) ? (unsigned char)slice_lower((char)one.c) : one.c;
        if (at == end || c != (unsigned char)shape->prefix[i])
            return NULL;
        at = one.next;
    }
    return at;
}

/* The end of what follows a prefix, NULL where the rule does not hold. */
__attribute__((noinline)) static const char *after_token(const struct shape *shape, const char *at,
                                                         const char *end, enum depth depth)
{
    unsigned count = 0;
    unsigned unbroken = 0;
    unsigned inner = 0; /* capitals behind a small letter or a digit */
    unsigned before = UPPER;
    bool enough = false;
    for (struct taken one; at != end; at = one.next) {
        one = take_one(at, end, depth);
        if (!has_class(one.c, shape->allowed))
            break;
        count++;
        inner += has_class(one.c, UPPER) && before & (ALNUM - UPPER);
        before = classes[one.c];
        unbroken = has_class(one.c, ALNUM) ? unbroken + 1 : 0;
        enough |= (shape->rule == UNBROKEN ? unbroken : count) >= shape->least ||
                  (count >= 2U * shape->least && inner >= TURNS_LEAST);
        if (count > (shape->rule == EXACT ? shape->least : LOOKED_AT) &&
            (shape->rule == EXACT || !enough))
            return NULL;
    }
    if (shape->rule == EXACT && has_class(take_one(at, end, depth).c, ALNUM))
        return NULL;
    return enough ? at : NULL;
}

/* The rest of the path, if a part of it is a secret. */
__attribute__((noinline)) static const char *after_path(const struct shape *shape, const char *at,
                                                        const char *end, enum depth depth)
{
    unsigned looked_at = 0;
    unsigned run = 0; /* of what a secret is made of */
    unsigned turns = 0;
    bool is_id = true; /* so far, this part */
    bool led = false;
    bool found = false;
    bool digit = false;
    for (struct taken one; at != end; at = one.next) {
        one = take_one(at, end, depth);
        if (one.c == '/') {
            led = is_id && run >= ID_LEAST;
            is_id = true;
            run = turns = 0;
            continue;
        }
        if (!has_class(one.c, DOTTED) && one.c != '@')
            break;
        is_id &= has_class(one.c, CAPITAL);
        turns += run > 0 && digit != has_class(one.c, DIGIT);
        digit = has_class(one.c, DIGIT);
        run = has_class(one.c, shape->allowed) ? run + 1 : 0;
        found |= run >= shape->least && (shape->rule == LED ? led : turns >= TURNS_LEAST);
        if (++looked_at > LOOKED_AT && !found)
            return NULL;
    }
    return found ? at : NULL;
}

/* RFC 7468; one that was cut has no last line. */
__attribute__((noinline)) static const char *after_pem(const char *at, const char *end,
                                                       enum depth depth)
{
    static const char label[] = {'P', 'R', 'I', 'V', 'A', 'T', 'E'};
    unsigned looked_at = 0;
    unsigned matched = 0;
    unsigned dashes = 0;
    unsigned lines = 0; /* five dashes: behind the first line, around the last */
    for (struct taken one; at != end && lines < 3; at = one.next) {
        one = take_one(at, end, depth);
        if (matched < sizeof label) {
            matched = one.c == (unsigned char)label[matched] ? matched + 1 : one.c == 'P';
            if (++looked_at > PEM_LABEL_MOST)
                return NULL;
        }
        dashes = one.c == '-' ? dashes + 1 : 0;
        lines += dashes == 5;
    }
    return matched == sizeof label ? at : NULL;
}

/* RFC 7515, 7.1 and RFC 7516, 7.1; one that was cut has at least the beginning of its claims.
 * `most`: bytes of the header, because work is bounded. */
__attribute__((noinline)) static const char *after_jwt(const char *at, const char *end,
                                                       enum depth depth, unsigned most)
{
    static const char begin[] = {'e', 'y', 'J'};
    unsigned part = 0;
    unsigned bytes = 0; /* of this part */
    unsigned claims = 0;
    for (struct taken one; at != end; at = one.next) {
        one = take_one(at, end, depth);
        if (has_class(one.c, TOKEN)) {
            claims += part == 1 && claims == bytes && claims < sizeof begin &&
                      one.c == (unsigned char)begin[claims];
            if (++bytes > most && part == 0)
                return NULL;
            continue;
        }
        if (one.c != '.')
            break;
        if (part == 0 && bytes < JWT_HEADER_LEAST)
            return NULL;
        part++;
        bytes = 0;
    }
    return part >= 2 || (part == 1 && claims == sizeof begin) ? at : NULL;
}

/* White space and credentials. `Basic training` has none: user and password in base64 come in
 * fours, with capitals. */
__attribute__((noinline)) static const char *
after_credentials(const struct shape *shape, const char *at, const char *end, enum depth depth)
{
    unsigned spaces = 0;
    unsigned count = 0;
    unsigned capitals = 0;
    for (struct taken one; at != end; at = one.next) {
        one = take_one(at, end, depth);
        if (count == 0 && (one.c == ' ' || one.c == '+' || one.c == '\t')) {
            spaces++;
            continue;
        }
        if (!spaces || !has_class(one.c, DOTTED | BASE64))
            break;
        if ((one.c == '+' || one.c == '=') && count < shape->least)
            return NULL; /* a space, in a query; a parameter */
        capitals += has_class(one.c, UPPER);
        if (++count == LOOKED_AT && shape->rule == BASIC && capitals < 2)
            return NULL;
    }
    bool likely = count >= LOOKED_AT || (count % 4 == 0 && capitals >= 2);
    return count >= shape->least && (likely || shape->rule == BEARER) ? at : NULL;
}

/* From a bot's digits to the `:` behind them; NULL: they are not. */
__attribute__((noinline)) static const char *after_digits(const char *at, const char *end,
                                                          enum depth depth)
{
    unsigned digits = 0;
    for (struct taken one = take_one(at, end, depth); has_class(one.c, DIGIT);
         one = take_one(at, end, depth)) {
        at = one.next;
        if (++digits > BOT_DIGITS_MOST)
            return NULL;
    }
    return digits >= BOT_DIGITS_LEAST ? at : NULL;
}

/* ---- in a text ---- */

/* Behind an escape may stand anything: then a secret may begin in any case. */
static bool is_apart(const char *text, const char *at, unsigned class)
{
    if (at == text || !has_class((unsigned char)at[-1], class))
        return true;
    return (at - text >= 3 && at[-3] == '%') || (at - text >= 5 && at[-5] == '%');
}

static bool wants_apart(const struct shape *shape)
{
    return shape->rule == APART || shape->rule == EXACT || shape->rule == UNBROKEN ||
           in_path(shape) || any_case(shape);
}

/* The end of the secret of that shape which begins at `at`, NULL if none does. `jwt_most`: bytes of
 * a header. What looks ahead is called last, because the stack may be small. */
__attribute__((noinline)) static const char *end_of(const struct shape *shape, const char *at,
                                                    const char *end, enum depth depth,
                                                    unsigned jwt_most)
{
    at = after_prefix(shape, at, end, depth);
    if (!at)
        return NULL;
    if (shape->rule == JWT)
        return after_jwt(at, end, depth, jwt_most);
    if (any_case(shape))
        return after_credentials(shape, at, end, depth);
    if (in_path(shape))
        return after_path(shape, at, end, depth);
    if (shape->rule == PEM)
        return after_pem(at, end, depth);
    return after_token(shape, at, end, depth);
}

/* The two characters that shapes begin with, a bit each. Written before `prepared`, and always the
 * same; likewise the next. */
static uint64_t pairs[16];
static _Atomic bool prepared;

/* Those that begin with a character, of which five bits are looked at, a bit each. */
static uint64_t begun_by[32][2];

_Static_assert(SHAPES <= 128, "each has a bit");

static bool may_begin(unsigned char first, unsigned char second)
{
    return !atomic_load_explicit(&prepared, memory_order_acquire) ||
           redact_has_pair(pairs, first, second);
}

/* The same for all shapes that begin with `c`, as read. */
__attribute__((noinline)) static const char *
secret_of(const char *text, const char *at, const char *end, enum depth depth, unsigned char c)
{
    bool apart = is_apart(text, at, ALNUM);
    unsigned jwt_most = is_apart(text, at, TOKEN) ? JWT_HEADER_MOST : JWT_GLUED_MOST;
    unsigned char low = (unsigned char)slice_lower((char)c);
    bool all = !atomic_load_explicit(&prepared, memory_order_acquire);
    for (size_t i = 0; i < SHAPES; i++) {
        uint64_t left = all ? UINT64_MAX : begun_by[c & 31][i / 64] >> i % 64;
        if (!left) {
            i |= 63; /* the rest of these */
            continue;
        }
        i += (unsigned)__builtin_ctzll(left);
        if (i >= SHAPES)
            break;
        const struct shape *shape = &shapes[i];
        if ((any_case(shape) ? low : c) != (unsigned char)shape->prefix[0] ||
            (!apart && wants_apart(shape)))
            continue;
        const char *found = end_of(shape, at, end, depth, jwt_most);
        if (found)
            return found;
    }
    return NULL;
}

static const char *bot_of(const char *text, const char *at, const char *end, enum depth depth)
{
    if (!is_apart(text, at, DIGIT))
        return NULL;
    const char *colon = after_digits(at, end, depth);
    return colon && take_one(colon, end, depth).c == ':' ? secret_of(text, colon, end, depth, ':')
                                                         : NULL;
}

/* The end of the secret that begins at `at`, NULL if none does. */
__attribute__((noinline)) static const char *secret_at(const char *text, const char *at,
                                                       const char *end, enum depth depth)
{
    struct taken one = take_one(at, end, depth);
    if (has_class(one.c, DIGIT))
        return bot_of(text, at, end, depth);
    if (one.c == ':' || !may_begin(one.c, take_one(one.next, end, depth).c))
        return NULL;
    return secret_of(text, at, end, depth, one.c);
}

__attribute__((noinline)) struct redact_extent redact_shape_find(struct slice text, size_t from,
                                                                 size_t until)
{
    const int end = depths(text);
    const char *longest = NULL;
    for (size_t at = from; at < until; at++) {
        for (int depth = DEPTH_RAW; depth < end; depth++) {
            const char *found =
                secret_at(text.at, text.at + at, text.at + text.length, (enum depth)depth);
            if (found && (!longest || found > longest))
                longest = found;
        }
        if (longest)
            return (struct redact_extent){at, (size_t)(longest - text.at)};
    }
    return (struct redact_extent){0, 0};
}

size_t redact_shape_blot(char *text, size_t length, size_t capacity)
{
    static const char mark[] = {'R', 'E', 'D', 'A', 'C', 'T', 'E', 'D'};
    struct redact_extent found;
    for (size_t from = 0; from < length; from = found.from + sizeof mark) {
        found = redact_shape_find((struct slice){text, length}, from, length);
        if (found.from == found.to)
            break;
        if (found.from + sizeof mark > capacity)
            return found.from;
        size_t rest = length - found.to;
        if (rest > capacity - found.from - sizeof mark)
            rest = capacity - found.from - sizeof mark;
        memmove(text + found.from + sizeof mark, text + found.to, rest);
        memcpy(text + found.from, mark, sizeof mark);
        length = found.from + sizeof mark + rest;
    }
    return length;
}

bool redact_shape_at(struct slice text, size_t at)
{
    const char *begin = text.at + at;
    if (*begin == ':')
        return at > 0 && has_class((unsigned char)begin[-1], DIGIT);
    return secret_of(text.at, begin, text.at + text.length, DEPTH_RAW, (unsigned char)*begin) !=
           NULL;
}

/* ---- the sieve ---- */

static void let_through(struct redact *redact, const struct shape *shape, unsigned position)
{
    unsigned group = redact_sieve_group((unsigned char)shape->prefix[0]);
    for (unsigned c = 0; c < 256; c++) {
        unsigned char read =
            any_case(shape) ? (unsigned char)slice_lower((char)c) : (unsigned char)c;
        if (position < shape->length ? read == (unsigned char)shape->prefix[position]
                                     : has_class((unsigned char)c, shape->allowed))
            redact_sieve_add(redact, group, position, (unsigned char)c);
    }
}

void redact_shape_prepare(struct redact *redact)
{
    for (size_t i = 0; i < SHAPES; i++) {
        const struct shape *shape = &shapes[i];
        for (unsigned position = 0; position < REDACT_SIEVE_BYTES; position++)
            let_through(redact, shape, position);
        if (prepared)
            continue;
        redact_add_pair(pairs, (unsigned char)shape->prefix[0], (unsigned char)shape->prefix[1]);
        begun_by[shape->prefix[0] & 31][i / 64] |= UINT64_C(1) << i % 64;
    }
    atomic_store_explicit(&prepared, true, memory_order_release);
}
