// SPDX-License-Identifier: Apache-2.0
/* Redaction, routes, URLs, what proxies say, and S3: one input to all of them.
 *
 * The property that matters: a secret under a sensitive key never shows, whatever stands around
 * it, in whatever buffer. The mark is spelled so that no mutation of the input makes it by chance
 * and no other rule would hide it. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/ip.h"
#include "agent/base/percent.h"
#include "agent/base/url.h"
#include "agent/libraries/s3/s3.h"
#include "agent/protocols/http/forwarded.h"
#include "agent/text/redact.h"
#include "agent/text/redact_shape.h"
#include "agent/text/route.h"

static char scratch[ROUTE_PATH_BYTES]; /* route_of()'s */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST 2048
#define MARK "zQ9xW7vU5"

#define ROUTE_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./{}$*"

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static bool contains(struct slice text, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i + length <= text.length; i++)
        if (memcmp(text.at + i, word, length) == 0)
            return true;
    return false;
}

static const char *const keys[] = {
    "password", "X-Amz-Signature", "sig",       "pass%77ord",     "user[token]", "%74%6f%6b%65n",
    "api-key",  "email",           "tok%2565n", "AWSAccessKeyId", "s%25%36%39g",
};

/* What is a secret by its shape, with the mark in it; and short words, which are keys as a whole.
 */
static const char *const shapes[] = {
    "eyJhbGciOiJIUzI1NiJ9.eyJ" MARK ".TUFSSw",
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aXY." MARK ".dGFn",
    "ghp_" MARK "aB3dE6gH9jK2mN5pQ8sT1vW4xY7",
    "github_pat_" MARK "aB3dE6gH9jK_2mN5pQ8sT1vW4xY7",
    "glpat-" MARK "-aB3dE6gH9jK",
    "xoxb-123456789012-" MARK,
    "sk-" MARK "aB3dE6gH9jK2mN5pQ8sT1vW4",
    "sk-ant-api03-aB3-" MARK "aB3dE6gH9jK2mN5pQ8sT1vW4-AA",
    "sk_live_" MARK "aB3dE6gH9jK",
    "123456789:AA" MARK "-aB3dE6gH9jK2mN5pQ8sT1",
    "AIza" MARK "aB3-E6gH9jK2mN5pQ8sT1vW4xY7",
    "npm_" MARK "aB3dE6gH9jK2mN5pQ8sT1vW4xY7",
    "SG." MARK "aB3dE6gH9jK2m.aB3dE6gH9jK2mN5pQ8sT1vW4xY7aB3dE6gH9jK2mN5pQ8sT1",
    "hf_" MARK "aBcdEfgHijKlmNopQrsTuv",
    "Bearer " MARK,
    "bearer+" MARK "/aB3==",
    "services/T0AB12CD3/B0EF45GH6/" MARK "aB3dE6gH9jK2mN5",
    "webhooks/123456789012345678/" MARK "_aB3dE6gH9jK2mN5pQ8-sT1vW4xY7",
    "hooks/" MARK "aB3dE6gH9jK2mN5pQ8",
    "-----BEGIN EC PRIVATE KEY-----" MARK "-----END EC PRIVATE KEY-----",
};
static const char *const parts[] = {"pass", "user-pw", "xAuth",      "JWT",    "otp2",
                                    "code", "SID",     "my.session", "p%61ss", "use%2572Pw"};

struct text {
    char at[3 * MOST];
    size_t length;
};

static void add(struct text *text, struct slice part)
{
    memcpy(text->at + text->length, part.at, part.length);
    text->length += part.length;
}

/* prefix BEFORE key=MARK AFTER suffix, where BEFORE ends and AFTER begins with a separator. */
static struct slice plant(struct text *text, struct slice before, const char *lead, const char *key,
                          struct slice after)
{
    text->length = 0;
    if (before.length)
        add(text, before);
    add(text, slice_of(lead));
    add(text, slice_of(key));
    add(text, SLICE_LITERAL("=" MARK));
    if (after.length) {
        add(text, SLICE_LITERAL("&"));
        add(text, after);
    }
    return (struct slice){text->at, text->length};
}

static void secrets(const struct redact *redact, struct slice input, unsigned choice)
{
    static struct text text;
    static char memory[4 * MOST + REDACT_WORK_BYTES];
    if (contains(input, MARK) || input.length > MOST / 2)
        return;
    size_t middle = input.length ? (choice * 31u) % (input.length + 1) : 0;
    struct slice before = {input.at, middle};
    struct slice after = slice_after(input, middle);
    const char *key = keys[choice % (sizeof keys / sizeof *keys)];
    size_t capacity = choice % 2 ? sizeof memory : REDACT_WORK_BYTES + choice % 97;
    char *out = memory + sizeof memory - capacity;

    struct slice found = redact_query(redact, plant(&text, before, "&", key, after), out, capacity);
    demand(!contains(found, MARK));
    found = redact_query(redact, plant(&text, before, ";", key, after), out, capacity);
    demand(!contains(found, MARK));
    found = redact_target(redact, plant(&text, before, "?", key, after), out, capacity);
    demand(!contains(found, MARK));
    found = redact_url(redact, plant(&text, before, "#", key, after), out, capacity);
    demand(!contains(found, MARK));
    found = redact_header(redact, SLICE_LITERAL("X-Note"), plant(&text, before, " ", key, after),
                          out, capacity);
    demand(!contains(found, MARK));
}

/* The mark, in the ways it may come out again: as it is, or escaped once or twice. */
static bool comes_out(struct slice text)
{
    char once[MOST * 4];
    char again[MOST * 4];
    size_t length = percent_decode(text, once, sizeof once);
    size_t shorter = percent_decode((struct slice){once, length}, again, sizeof again);
    return contains(text, MARK) || contains((struct slice){once, length}, MARK) ||
           contains((struct slice){again, shorter}, MARK);
}

/* Adds a text of which some characters are escaped, once or twice. */
static void add_escaped(struct text *text, const char *plain, unsigned choice)
{
    for (unsigned i = 0; plain[i]; i++) {
        unsigned how = choice % 4 == 0 ? 0 : (choice >> (i % 7)) % 4;
        char escape[16];
        if (how > 1)
            snprintf(escape, sizeof escape, how == 2 ? "%%%02X" : "%%25%02x",
                     (unsigned char)plain[i]);
        else
            snprintf(escape, sizeof escape, "%c", plain[i]);
        add(text, slice_of(escape));
    }
}

/* Behind a separator a secret by shape never shows, whatever else there is. */
static void by_shape(const struct redact *redact, struct slice input, unsigned choice)
{
    static struct text text;
    static char memory[8 * MOST + REDACT_WORK_BYTES];
    static const char *const leads[] = {"/",   "?", "&v=", " ", "%20",
                                        "%2F", ";", "\"",  "#", "%253D"};
    if (comes_out(input) || input.length > MOST / 4)
        return;
    size_t middle = input.length ? (choice * 31u) % (input.length + 1) : 0;
    text.length = 0;
    if (middle)
        add(&text, (struct slice){input.at, middle});
    add(&text, slice_of(leads[choice % 10]));
    add_escaped(&text, shapes[choice % (sizeof shapes / sizeof *shapes)],
                choice * 7 + (unsigned)middle);
    add(&text, slice_of(leads[choice / 10 % 10]));
    if (middle < input.length)
        add(&text, slice_after(input, middle));

    struct slice in = {text.at, text.length};
    size_t capacity = choice % 3 ? sizeof memory : REDACT_WORK_BYTES + choice % 97;
    char *out = memory + sizeof memory - capacity;
    demand(!comes_out(redact_query(redact, in, out, capacity)));
    demand(!comes_out(redact_target(redact, in, out, capacity)));
    demand(!comes_out(redact_url(redact, in, out, capacity)));
    demand(!comes_out(redact_value(redact, in, out, capacity)));
    demand(!comes_out(redact_text(redact, in, out, capacity)));
    demand(!comes_out(redact_header(redact, SLICE_LITERAL("X-Note"), in, out, capacity)));
    size_t length = redact_shape_blot(text.at, text.length, text.length);
    demand(length <= text.length && !comes_out((struct slice){text.at, length}));
}

static void short_keys(const struct redact *redact, struct slice input, unsigned choice)
{
    static struct text text;
    static char out[4 * MOST + REDACT_WORK_BYTES];
    if (contains(input, MARK) || input.length > MOST / 2)
        return;
    size_t middle = input.length ? (choice * 31u) % (input.length + 1) : 0;
    struct slice before = {input.at, middle};
    struct slice after = slice_after(input, middle);
    const char *key = parts[choice % (sizeof parts / sizeof *parts)];
    struct slice in = plant(&text, before, "&", key, after);
    demand(!contains(redact_query(redact, in, out, sizeof out), MARK));
    in = plant(&text, before, "?", key, after);
    demand(!contains(redact_target(redact, in, out, sizeof out), MARK));
}

/* scheme://INPUT:MARK@host with what may stand in a user's name. */
static void user_info(const struct redact *redact, struct slice input)
{
    struct text text = {.length = 0};
    char out[4 * MOST + REDACT_WORK_BYTES];
    if (contains(input, MARK) || input.length > MOST / 2)
        return;
    for (size_t i = 0; i < input.length; i++)
        if (input.at[i] == '/' || input.at[i] == '?' || input.at[i] == '#')
            return;
    add(&text, SLICE_LITERAL("https://"));
    if (input.length)
        add(&text, input);
    add(&text, SLICE_LITERAL(":" MARK "@host/path?x=1"));
    struct slice url = {text.at, text.length};
    demand(!contains(redact_url(redact, url, out, sizeof out), MARK));
    url.length -= sizeof "@host/path?x=1" - 1; /* cut before the '@' */
    demand(!contains(redact_url(redact, url, out, sizeof out), MARK));
    demand(!contains(redact_value(redact, url, out, sizeof out), MARK));
}

/* name=INPUT:MARK@host, as data source names are written. */
static void accounts(const struct redact *redact, struct slice input)
{
    struct text text = {.length = 0};
    char out[4 * MOST + REDACT_WORK_BYTES];
    if (contains(input, MARK) || input.length > MOST / 2)
        return;
    add(&text, SLICE_LITERAL("name="));
    if (input.length)
        add(&text, input);
    add(&text, SLICE_LITERAL(":" MARK "@host"));
    struct slice query = {text.at, text.length};
    demand(!contains(redact_query(redact, query, out, sizeof out), MARK));
}

/* Of a tree that is new, so that an input means the same each time. */
static uint64_t route_storage[2048];

static void new_tree(struct route_tree *tree, int64_t most)
{
    memset(route_storage, 0, sizeof route_storage);
    demand(route_tree_bytes(most) <= sizeof route_storage);
    route_tree_init(tree, route_storage, most, 1);
}

static struct slice route(struct route_tree *tree, struct slice path, bool admit, char *out)
{
    static struct route_patterns patterns;
    if (!patterns.count) {
        const struct config config = {.http_routes = "/a/{b}/c,/x{y}z/*,/{a}-{b}.{c}"};
        demand(route_patterns_init(&patterns, &config).count == 0);
    }
    struct slice found = route_of(&patterns, tree, path, admit, out, ROUTE_BYTES, scratch);
    demand(found.length <= ROUTE_BYTES);
    demand(route_set_count(&tree->names) <= tree->names.most);
    demand(tree->names.ever <= 4 * tree->names.most);
    for (size_t i = 0; i < found.length; i++) /* no free text becomes a route */
        demand(memchr(ROUTE_LETTERS, found.at[i], sizeof ROUTE_LETTERS - 1));
    return found;
}

#define ROUTES_KEPT 16

struct kept {
    struct slice path;
    char name[ROUTE_BYTES];
    size_t length;
};

static void remember(struct kept *kept, struct slice path, struct slice name)
{
    kept->path = path;
    kept->length = name.length;
    if (name.length)
        memcpy(kept->name, name.at, name.length);
}

static void same_name(struct route_tree *tree, const struct kept *kept)
{
    char out[ROUTE_BYTES];
    struct slice again = route(tree, kept->path, false, out);
    demand(slice_equal(again, (struct slice){kept->name, kept->length}));
}

/* Lines are paths. A page that is its own route stays that whatever comes after it, and without
 * admission nothing is learnt. */
static void routes(struct slice input, unsigned choice)
{
    struct route_tree tree;
    new_tree(&tree, 1 + choice % 40);
    static struct kept kept[ROUTES_KEPT];
    static struct kept last;
    size_t count = 0;
    char out[ROUTE_BYTES];
    while (input.length) {
        struct slice path = {input.at, slice_find(input, '\n')};
        input = slice_after(input, path.length + (path.length < input.length));
        size_t known = tree.names.ever;
        struct slice before = route(&tree, path, false, out);
        demand(tree.names.ever == known);
        remember(&last, path, before);
        struct slice found = route(&tree, path, true, out);
        /* Where a star stands for all below a segment, a page may still get a name of its own. */
        if (before.at && last.name[last.length - 1] != '*')
            demand(slice_equal(found, (struct slice){last.name, last.length}));
        remember(&last, path, found);
        if (found.at)
            same_name(&tree, &last);
        if (slice_equal(found, path) && found.at && count < ROUTES_KEPT)
            remember(&kept[count++], path, found);
    }
    for (size_t i = 0; i < count; i++)
        same_name(&tree, &kept[i]);
}

/* What is left out can't match; what is not left out matches its own text where that is plain. */
static void route_patterns(struct slice input)
{
    static struct route_patterns patterns;
    static struct route_tree none;
    char list[MOST];
    size_t length = input.length < sizeof list - 1 ? input.length : sizeof list - 1;
    if (length)
        memcpy(list, input.at, length);
    list[length] = 0;
    const struct config config = {.http_routes = list};
    struct faults faults = route_patterns_init(&patterns, &config);
    demand(!faults.count == !faults.named[0].reason && patterns.count <= ROUTE_PATTERNS);
    char out[ROUTE_BYTES];
    struct slice found = route_of(&patterns, &none, input, true, out, sizeof out, scratch);
    demand(!found.at || patterns.count);
    for (size_t i = 0; i < patterns.count; i++) {
        struct slice pattern = patterns.list[i];
        bool plain = true;
        for (size_t at = 0; at < pattern.length; at++)
            plain = plain && memchr(ROUTE_LETTERS, pattern.at[at], sizeof ROUTE_LETTERS - 1);
        if (plain)
            demand(route_of(&patterns, &none, pattern, true, out, sizeof out, scratch).at != NULL);
    }
}

static bool within(struct slice part, struct slice whole)
{
    return !part.at || (part.at >= whole.at && part.at + part.length <= whole.at + whole.length);
}

static void urls(struct slice input)
{
    struct url url;
    if (url_split(input, &url)) {
        demand(url.host.length > 0);
        demand(within(url.host, input) && within(url.path, input) && within(url.query, input));
        demand(within(url.user, input) && within(url.fragment, input) && within(url.scheme, input));
    }
}

/* What is believed of a text that anybody may write: an address, a known scheme, a name. */
static void believed(const struct forwarded *said, struct slice input)
{
    demand(within(said->client, input) && within(said->host, input));
    demand(!said->client.at || ip_is_v4(said->client) || ip_is_v6(said->client));
    demand(!said->scheme.at || url_default_port(said->scheme) != 0);
    demand(!said->host.at == !said->authority.at);
    for (size_t i = 0; i < said->authority.length; i++)
        demand(!memchr("=&;?#/@\"'<> %\r\n", said->authority.at[i], 15) ||
               said->authority.at[0] == '[');
}

static void proxies(struct slice input)
{
    struct forwarded all;
    forwarded_read(&(struct forwarded_lines){input, input, input, input}, &all);
    believed(&all, input);
    struct forwarded one;
    forwarded_read(&(struct forwarded_lines){.forwarded = input}, &one);
    believed(&one, input);
    demand(!one.client.at || slice_equal(one.client, all.client)); /* Forwarded wins */
    demand(!one.host.at || slice_equal(one.host, all.host));
}

/* Lines: method, host, path, query, authorization, copy source. */
static void s3(struct slice input)
{
    struct slice part[6];
    for (size_t i = 0; i < 6; i++) {
        size_t end = slice_find(input, '\n');
        part[i] = end || i < 4 ? (struct slice){input.at, end} : SLICE_NONE;
        input = slice_after(input, end < input.length ? end + 1 : end);
    }
    static struct s3_endpoints endpoints;
    const struct config config = {.s3_endpoints = "minio:9000,store.example"};
    demand(s3_endpoints_init(&endpoints, &config) == 0);
    const struct s3_request request = {.method = part[0],
                                       .host = part[1],
                                       .port = 9000,
                                       .path = part[2],
                                       .query = part[3],
                                       .authorization = part[4],
                                       .copy_source = part[5]};
    struct s3_query query;
    struct s3_call call;
    char memory[64];
    if (!s3_recognise(&endpoints, &request, &query, &call, memory, sizeof memory))
        return;
    demand(call.part_number >= 0 && call.part_number <= 10000);
    demand(within(call.bucket, part[1]) || within(call.bucket, part[2]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct redact redact;
    if (!redact.count) {
        const struct config config = {
            .redact_keys = "password,passwd,pwd,token,secret,key,authorization,credit_card,ssn,"
                           "email,phone,address"};
        demand(redact_init(&redact, &config) == 0);
    }
    if (size < 1)
        return 0;
    struct slice input = {(const char *)data + 1, size - 1};
    secrets(&redact, input, data[0]);
    user_info(&redact, input);
    accounts(&redact, input);
    by_shape(&redact, input, data[0]);
    short_keys(&redact, input, data[0]);
    routes(input, data[0]);
    route_patterns(input);
    urls(input);
    proxies(input);
    s3(input);
    return 0;
}
