// SPDX-License-Identifier: Apache-2.0
/* Spans of forked children among those of their parent, read back with protobuf-c's own decoder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/secrets.h"
#include "agent/text/redact_shape.h"
#include "exporter/otlp/otlp.h"
#include "exporter/otlp/otlp.pb-c.h"
#include "exporter/otlp/resource.h"
#include "exporter/otlp/resource_wire.h"
#include "tests/unit/exporter/exporter_sample.h"

#define OFFSET_NS 1700000000000000000

static struct otlp otlp;
static struct config config;
static _Alignas(8) unsigned char memory[OTLP_RECORD_BYTES_MOST];
static Otlp__Request *request;

static int begin_batch(void **state)
{
    (void)state;
    config = sample_config();
    secrets_set_hider(redact_shape_blot);
    resource_detect(&config);
    return otlp_init(&otlp, &config) ? 0 : -1;
}

static int end_batch(void **state)
{
    (void)state;
    if (request)
        otlp__request__free_unpacked(request, NULL);
    request = NULL;
    arena_unmap(&otlp.arena);
    return 0;
}

static struct span_process child(uint32_t pid)
{
    return (struct span_process){
        .pid = pid, .parent_pid = 4321, .instance = {0x12, 0x34, 0x56, 0x78, 0x9a, [15] = 0xff}};
}

static struct span_record *make_span(enum span_scope scope, const char *name)
{
    struct span_context self = sample_context(1, 2);
    struct span span;
    span_begin(&span, memory, sizeof memory, scope, SPAN_KIND_SERVER, &self, NULL, 10);
    span_name(&span, slice_of(name));
    span_end(&span, 20);
    return span.record;
}

static void add_own(const char *name)
{
    struct span_record *record = make_span(SPAN_SCOPE_HTTP, name);
    assert_true(otlp_add(&otlp, record, record->length, OFFSET_NS));
}

static void add_childs(uint32_t pid, enum span_scope scope, const char *name)
{
    struct span_record *record = make_span(scope, name);
    struct span_process process = child(pid);
    assert_true(
        otlp_add_of_child(&otlp, record, record->length, OFFSET_NS, &process, resource_encoded()));
}

static void decode(size_t resources)
{
    struct otlp_body body;
    otlp_finish(&otlp, resource_encoded(), &body);
    unsigned char *all = malloc(body.bytes);
    size_t at = 0;
    for (int i = 0; i < body.count; i++) {
        memcpy(all + at, body.pieces[i].iov_base, body.pieces[i].iov_len);
        at += body.pieces[i].iov_len;
    }
    assert_int_equal(at, body.bytes);
    if (request)
        otlp__request__free_unpacked(request, NULL);
    request = otlp__request__unpack(NULL, at, all);
    free(all);
    assert_non_null(request);
    assert_int_equal(request->n_resource_spans, resources);
}

static const Otlp__AnyValue *find(const Otlp__Resource *resource, const char *key)
{
    const Otlp__AnyValue *found = NULL;
    for (size_t i = 0; i < resource->n_attributes; i++)
        if (strcmp(resource->attributes[i]->key, key) == 0) {
            assert_null(found); /* keys are unique */
            found = resource->attributes[i]->value;
        }
    assert_non_null(found);
    return found;
}

static void is_childs(const Otlp__Resource *resource, uint32_t pid)
{
    assert_int_equal(find(resource, "process.pid")->int_value, pid);
    assert_int_equal(find(resource, "process.parent_pid")->int_value, 4321);
    assert_string_equal(find(resource, "service.instance.id")->string_value,
                        "12345678-9a00-0000-0000-0000000000ff");
}

/* One and the same but for what tells the processes apart. */
static void is_like(const Otlp__Resource *one, const Otlp__Resource *other)
{
    assert_int_equal(one->n_attributes, other->n_attributes);
    for (size_t i = 0; i < one->n_attributes; i++) {
        const Otlp__KeyValue *a = one->attributes[i], *b = other->attributes[i];
        assert_string_equal(a->key, b->key);
        if (a->value->value_case == OTLP__ANY_VALUE__VALUE_STRING_VALUE &&
            strcmp(a->key, "service.instance.id") != 0)
            assert_string_equal(a->value->string_value, b->value->string_value);
    }
}

static void has_span(const Otlp__ResourceSpans *spans, size_t scope, const char *scope_name,
                     const char *name)
{
    const Otlp__ScopeSpans *found = spans->scope_spans[scope];
    assert_string_equal(found->scope->name, scope_name);
    assert_int_equal(found->n_spans, 1);
    assert_string_equal(found->spans[0]->name, name);
}

static void each_child_has_a_resource_of_its_own(void **state)
{
    (void)state;
    add_own("mine");
    add_childs(100, SPAN_SCOPE_HTTP, "first");
    add_childs(101, SPAN_SCOPE_MYSQL, "second, asked");
    add_childs(101, SPAN_SCOPE_HTTP, "second");
    assert_int_equal(otlp.spans, 4);
    decode(3);
    has_span(request->resource_spans[0], 0, "otelagent.http", "mine");
    has_span(request->resource_spans[1], 0, "otelagent.http", "first");
    assert_int_equal(request->resource_spans[2]->n_scope_spans, 2);
    has_span(request->resource_spans[2], 0, "otelagent.mysql", "second, asked");
    has_span(request->resource_spans[2], 1, "otelagent.http", "second");
    is_childs(request->resource_spans[1]->resource, 100);
    is_childs(request->resource_spans[2]->resource, 101);
    assert_int_equal(find(request->resource_spans[0]->resource, "process.pid")->int_value,
                     getpid());
    is_like(request->resource_spans[0]->resource, request->resource_spans[1]->resource);
    for (int i = 0; i < 3; i++)
        assert_string_equal(request->resource_spans[i]->schema_url, OTLP_SCHEMA_URL);
}

static void a_batch_may_be_of_children_only(void **state)
{
    (void)state;
    add_childs(100, SPAN_SCOPE_HTTP, "first");
    decode(1);
    decode(1); /* again: a retry sends the same */
    is_childs(request->resource_spans[0]->resource, 100);
    otlp_clear(&otlp);
    add_own("mine");
    decode(1);
    has_span(request->resource_spans[0], 0, "otelagent.http", "mine");
}

static void what_the_user_says_stays(void **state)
{
    (void)state;
    config.resource_attributes = "service.instance.id=mine,process.pid=x";
    resource_detect(&config);
    struct span_process process;
    resource_identify(&process);
    assert_int_equal(process.kept, SPAN_PROCESS_PID | SPAN_PROCESS_INSTANCE);
    process.parent_pid = 99;
    struct span_record *record = make_span(SPAN_SCOPE_HTTP, "a");
    assert_true(
        otlp_add_of_child(&otlp, record, record->length, OFFSET_NS, &process, resource_encoded()));
    decode(1);
    const Otlp__Resource *resource = request->resource_spans[0]->resource;
    assert_string_equal(find(resource, "service.instance.id")->string_value, "mine");
    assert_string_equal(find(resource, "process.pid")->string_value, "x");
    assert_int_equal(find(resource, "process.parent_pid")->int_value, 99);
}

static void a_batch_is_full_before_its_memory_is(void **state)
{
    (void)state;
    static char long_text[12000];
    memset(long_text, 'x', sizeof long_text);
    unsigned count = 0;
    while (otlp_room(&otlp)) {
        struct span_process process = child(++count);
        struct span_record *record = make_span(SPAN_SCOPE_HTTP, "a");
        struct span span;
        span_resume(&span, record, sizeof memory);
        span_string(&span, ATTRIBUTE_URL_QUERY, (struct slice){long_text, sizeof long_text});
        assert_true(otlp_add_of_child(&otlp, record, record->length, OFFSET_NS, &process,
                                      resource_encoded()));
    }
    assert_in_range(count, 2, 2000);
    decode(count);
}

/* From a file that anybody may have spoilt: cut anywhere, and with any byte changed. */
static void a_spoilt_resource_is_copied_as_far_as_it_goes(void **state)
{
    (void)state;
    static unsigned char into[RESOURCE_BYTES_MOST + RESOURCE_CHILD_BYTES];
    static char spoilt[RESOURCE_BYTES_MOST];
    struct span_process process = child(100);
    struct slice whole = resource_encoded();
    for (size_t length = 0; length <= whole.length; length++) {
        size_t written = resource_of_child(into, (struct slice){whole.at, length}, &process);
        assert_true(written <= length + RESOURCE_CHILD_BYTES);
    }
    for (size_t at = 0; at < whole.length; at++)
        for (unsigned byte = 0; byte < 256; byte += 5) {
            memcpy(spoilt, whole.at, whole.length);
            spoilt[at] = (char)byte;
            size_t written =
                resource_of_child(into, (struct slice){spoilt, whole.length}, &process);
            assert_true(written <= whole.length + RESOURCE_CHILD_BYTES);
        }
}

static void a_key_that_a_stranger_repeats_is_replaced_once(void **state)
{
    (void)state;
    static unsigned char into[RESOURCE_BYTES_MOST + RESOURCE_CHILD_BYTES];
    static unsigned char many[RESOURCE_BYTES_MOST];
    struct span_process process = child(100);
    unsigned char *at = many;
    while (at - many < (ptrdiff_t)sizeof many - 64)
        at = resource_put_text(at, SLICE_LITERAL("service.instance.id"), SLICE_LITERAL("x"));
    struct slice parents = {(const char *)many, (size_t)(at - many)};
    assert_true(resource_of_child(into, parents, &process) <=
                parents.length + RESOURCE_CHILD_BYTES);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_batch, end_batch)
    const struct CMUnitTest tests[] = {
        TEST(each_child_has_a_resource_of_its_own),
        TEST(a_batch_may_be_of_children_only),
        TEST(what_the_user_says_stays),
        TEST(a_batch_is_full_before_its_memory_is),
        TEST(a_spoilt_resource_is_copied_as_far_as_it_goes),
        TEST(a_key_that_a_stranger_repeats_is_replaced_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
