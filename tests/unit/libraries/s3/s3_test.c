// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/url.h"
#include "agent/libraries/s3/s3.h"
#include "tests/unit/guarded.h"
#include "tests/unit/vectors.h"

static struct s3_endpoints endpoints_of(const char *list, size_t left_out)
{
    struct config config = {.s3_endpoints = list};
    struct s3_endpoints endpoints;
    assert_int_equal(s3_endpoints_init(&endpoints, &config), left_out);
    return endpoints;
}

/* `us-east-1/s3` for the header a signer writes; other text as it is. */
static struct slice authorization(struct slice field, char *memory, size_t bytes)
{
    if (!field.at || slice_find(field, ' ') < field.length ||
        slice_find(field, '/') == field.length)
        return field;
    int length = snprintf(memory, bytes,
                          "AWS4-HMAC-SHA256 Credential=AKIA/20240101/%.*s/aws4_request, "
                          "SignedHeaders=host;x-amz-date, Signature=00ff",
                          (int)field.length, field.at);
    return (struct slice){memory, (size_t)length};
}

struct subject {
    struct s3_endpoints endpoints;
    struct guarded path;
    struct guarded query;
};

static void check_request(const struct vectors_case *one, void *context)
{
    struct subject *subject = context;
    char header[256];
    char memory[256];
    const struct slice *field = one->fields;
    struct s3_request request = {
        .method = field[0],
        .host = field[1],
        .path = guarded_copy(&subject->path, field[2]),
        .query = field[3].at ? guarded_copy(&subject->query, field[3]) : SLICE_NONE,
        .authorization = authorization(field[4], header, sizeof header),
        .copy_source = field[5],
    };
    if (!slice_equal(field[1], SLICE_LITERAL("::1")))
        url_host_port(field[1], &request.host, &request.port);

    struct s3_query query;
    struct s3_call call;
    assert_int_equal(one->count, 12);
    bool is_s3 = s3_recognise(&subject->endpoints, &request, &query, &call, memory, sizeof memory);
    if (is_s3 == slice_equal(field[6], SLICE_LITERAL("no")))
        fail_msg("line %d: %s", one->line, is_s3 ? "taken for S3" : "not recognised");
    if (!is_s3)
        return;
    assert_true(vectors_same(one, "operation", call.operation, field[6]));
    assert_true(vectors_same(one, "bucket", call.bucket, field[7]));
    assert_true(vectors_same(one, "key", call.key, field[8]));
    assert_true(vectors_same(one, "region", call.region, field[9]));
    assert_true(vectors_same(one, "upload id", call.upload_id, field[10]));
    int part = 0;
    for (size_t i = 0; i < field[11].length; i++)
        part = part * 10 + (field[11].at[i] - '0');
    if (call.part_number != part)
        fail_msg("line %d: part %d", one->line, call.part_number);
}

static void a_request_is_named_right_or_not_at_all(void **state)
{
    (void)state;
    struct subject subject = {
        .endpoints = endpoints_of("minio:9000, https://store.example/", 0),
        .path = guarded_make(4096),
        .query = guarded_make(4096),
    };
    assert_true(vectors_each("s3/requests.tsv", check_request, &subject) > 90);
}

static void a_copy_names_its_source(void **state)
{
    (void)state;
    struct s3_endpoints none = endpoints_of("", 0);
    struct s3_request request = {
        .method = SLICE_LITERAL("PUT"),
        .host = SLICE_LITERAL("b.s3.amazonaws.com"),
        .path = SLICE_LITERAL("/k%20"),
        .copy_source = SLICE_LITERAL(" src/a%20b?versionId=3 "),
    };
    char memory[64];
    struct s3_query query;
    struct s3_call call;
    assert_true(s3_recognise(&none, &request, &query, &call, memory, sizeof memory));
    assert_true(slice_equal(call.copy_source, SLICE_LITERAL("src/a b")));
    assert_true(slice_equal(call.key, SLICE_LITERAL("k ")));
}

static void decoded_text_is_cut_where_memory_ends(void **state)
{
    (void)state;
    struct s3_endpoints none = endpoints_of(NULL, 0);
    struct guarded guarded = guarded_make(5);
    struct s3_request request = {
        .method = SLICE_LITERAL("GET"),
        .host = SLICE_LITERAL("b.s3.amazonaws.com"),
        .path = SLICE_LITERAL("/%41bcdefg"),
        .query = SLICE_LITERAL("uploadId=%41"),
    };
    struct s3_query query;
    struct s3_call call;
    char *memory = guarded.end - 5;
    assert_true(s3_recognise(&none, &request, &query, &call, memory, 5));
    assert_true(slice_equal(call.key, SLICE_LITERAL("Abcde")));
    assert_int_equal(call.upload_id.length, 0);
    assert_true(slice_equal(call.operation, SLICE_LITERAL("ListParts")));
}

static void endpoints_that_can_not_be_used_are_counted(void **state)
{
    (void)state;
    struct s3_endpoints endpoints = endpoints_of("a b,:9000,x:99999,,http://[::1]:9000/x,ok", 3);
    assert_int_equal(endpoints.count, 2);
    assert_int_equal(endpoints.list[0].port, 9000);
    char list[512] = "";
    for (int i = 0; i < S3_ENDPOINTS + 2; i++)
        strcat(list, "h,");
    endpoints_of(list, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_named_right_or_not_at_all),
        cmocka_unit_test(a_copy_names_its_source),
        cmocka_unit_test(decoded_text_is_cut_where_memory_ends),
        cmocka_unit_test(endpoints_that_can_not_be_used_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
