// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "exporter/container.h"
#include "exporter/otlp.pb-c.h"
#include "exporter/resource.h"
#include "tests/unit/exporter_sample.h"

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static struct config config;

static int set_up(void **state)
{
    static const char *const variables[] = {"KUBERNETES_SERVICE_HOST", "POD_NAME", "K8S_POD_NAME",
                                            "HOSTNAME", "NODE_NAME"};
    (void)state;
    config = sample_config();
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    return 0;
}

static void is(const char *key, const char *value)
{
    const char *found = resource_find(key);
    if (!found || strcmp(found, value) != 0)
        fail_msg("%s is %s, not %s", key, found ? found : "absent", value);
}

static void the_process_is_found(void **state)
{
    (void)state;
    resource_detect(&config);
    is("service.name", "unknown_service:exporter_resource_test");
    is("process.executable.name", "exporter_resource_test");
    is("telemetry.sdk.name", "otelagent");
    is("telemetry.sdk.language", "cpp");
    is("telemetry.sdk.version", OTELAGENT_VERSION);
    is("os.type", "linux");
    assert_non_null(resource_find("host.name"));
    assert_null(resource_find("deployment.environment.name"));
    assert_null(resource_find("k8s.pod.name"));
    const char *instance = resource_find("service.instance.id");
    assert_int_equal(strlen(instance), 36);
    assert_int_equal(instance[14], '4');
    assert_non_null(strchr("89ab", instance[19]));
}

static void the_user_has_the_last_word(void **state)
{
    (void)state;
    config.resource_attributes = "service.name=a,host.name=h%20x,deployment.environment=prod,"
                                 "service.instance.id=mine,x=1,x=2,process.command=c";
    config.environment = "other";
    resource_detect(&config);
    is("service.name", "a");
    is("host.name", "h x");
    is("deployment.environment", "prod");
    is("deployment.environment.name", "prod");
    is("service.instance.id", "mine");
    is("process.command", "c");
    is("x", "2");
    config.service_name = "b";
    resource_detect(&config);
    is("service.name", "b");
    resource_refresh();
    is("service.instance.id", "mine");
}

static void the_environment_names_itself_in_both_generations(void **state)
{
    (void)state;
    config.environment = "staging";
    resource_detect(&config);
    is("deployment.environment.name", "staging");
    is("deployment.environment", "staging");
}

static void pods_say_who_they_are(void **state)
{
    (void)state;
    setenv("HOSTNAME", "shop-1", 1);
    setenv("NODE_NAME", "build-agent", 1); /* means something else outside a cluster */
    resource_detect(&config);
    assert_null(resource_find("k8s.pod.name"));
    assert_null(resource_find("k8s.node.name"));
    setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
    resource_detect(&config);
    is("k8s.pod.name", "shop-1");
    is("k8s.node.name", "build-agent");
    setenv("POD_NAME", "shop-2", 1);
    resource_detect(&config);
    is("k8s.pod.name", "shop-2");
    setenv("K8S_POD_NAME", "shop-3", 1);
    resource_detect(&config);
    is("k8s.pod.name", "shop-3");
}

static void a_refresh_changes_the_instance_and_takes_no_room(void **state)
{
    (void)state;
    char before[37];
    resource_detect(&config);
    for (int i = 0; i < 10000; i++) {
        memcpy(before, resource_find("service.instance.id"), sizeof before);
        resource_refresh();
        assert_string_not_equal(before, resource_find("service.instance.id"));
    }
    struct slice encoded = resource_encoded();
    Otlp__Resource *resource =
        otlp__resource__unpack(NULL, encoded.length, (const uint8_t *)encoded.at);
    assert_non_null(resource);
    bool found = false;
    for (size_t i = 0; i < resource->n_attributes; i++)
        if (strcmp(resource->attributes[i]->key, "process.pid") == 0) {
            assert_int_equal(resource->attributes[i]->value->int_value, getpid());
            found = true;
        }
    assert_true(found);
    otlp__resource__free_unpacked(resource, NULL);
}

static void too_many_attributes_are_left_out(void **state)
{
    (void)state;
    static char many[20000];
    size_t length = 0;
    for (int i = 0; i < 1000; i++)
        length += (size_t)snprintf(many + length, sizeof many - length, "key%d=value%d,", i, i);
    config.resource_attributes = many;
    resource_detect(&config);
    is("key1", "value1");
    assert_true(resource_encoded().length > 500);
}

static const struct {
    struct slice text;
    struct slice id;
} cgroups[] = {
    {SLICE_LITERAL("0::/\n"), SLICE_NONE},
    {SLICE_LITERAL(""), SLICE_NONE},
    {SLICE_LITERAL("0::/user.slice/session-1.scope\n"), SLICE_NONE},
    {SLICE_LITERAL("0::/system.slice/docker-" ID ".scope\n"), SLICE_LITERAL(ID)},
    {SLICE_LITERAL("12:cpu:/docker/" ID "\n11:mem:/docker/" ID "\n"), SLICE_LITERAL(ID)},
    {SLICE_LITERAL("1:x:/kubepods/burstable/pod1/cri-containerd-" ID ".scope"), SLICE_LITERAL(ID)},
    {SLICE_LITERAL("0::/docker/" ID "/docker/" ID2), SLICE_LITERAL(ID2)},
    {SLICE_LITERAL("0::/x/" ID "0"), SLICE_NONE},
    {SLICE_LITERAL("0::/xg" ID), SLICE_NONE},
};

static void a_containers_id_is_read_from_its_cgroup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cgroups / sizeof *cgroups; i++) {
        struct slice id = container_id_from_cgroup(cgroups[i].text);
        if (!slice_equal(id, cgroups[i].id))
            fail_msg("%.*s", (int)cgroups[i].text.length, cgroups[i].text.at);
    }
    assert_true(container_cgroup_is_hidden(SLICE_LITERAL("0::/\n")));
    assert_false(container_cgroup_is_hidden(SLICE_LITERAL("1:cpu:/\n0::/user.slice\n")));
}

static void a_containers_id_is_read_from_its_mounts(void **state)
{
    (void)state;
    assert_true(slice_equal(
        container_id_from_mountinfo(SLICE_LITERAL("1 2 8:1 / / rw - overlay lowerdir=/x/" ID2 "\n"
                                                  "3 2 8:1 /var/lib/docker/containers/" ID
                                                  "/hostname /etc/hostname rw - ext4 x rw\n")),
        SLICE_LITERAL(ID)));
    assert_null(container_id_from_mountinfo(SLICE_LITERAL("containers/short")).at);
    assert_null(container_id_from_mountinfo(SLICE_NONE).at);
}

static void the_systems_name_is_read_with_and_without_quotes(void **state)
{
    (void)state;
    assert_true(slice_equal(
        container_os_name(SLICE_LITERAL("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12\"\nID=d\n")),
        SLICE_LITERAL("Debian GNU/Linux 12")));
    assert_true(slice_equal(container_os_name(SLICE_LITERAL("PRETTY_NAME=Alpine")),
                            SLICE_LITERAL("Alpine")));
    assert_null(container_os_name(SLICE_LITERAL("NAME=x\n")).at);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(the_process_is_found),
        TEST(the_user_has_the_last_word),
        TEST(the_environment_names_itself_in_both_generations),
        TEST(pods_say_who_they_are),
        TEST(a_refresh_changes_the_instance_and_takes_no_room),
        TEST(too_many_attributes_are_left_out),
        TEST(a_containers_id_is_read_from_its_cgroup),
        TEST(a_containers_id_is_read_from_its_mounts),
        TEST(the_systems_name_is_read_with_and_without_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
