// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/secrets.h"
#include "agent/text/redact_shape.h"
#include "exporter/otlp/container.h"
#include "exporter/otlp/otlp.pb-c.h"
#include "exporter/otlp/resource.h"
#include "tests/unit/exporter/exporter_sample.h"

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static struct config config;

static int set_up(void **state)
{
    static const char *const variables[] = {"KUBERNETES_SERVICE_HOST", "POD_NAME", "K8S_POD_NAME",
                                            "HOSTNAME", "NODE_NAME"};
    (void)state;
    config = sample_config();
    secrets_set_hider(redact_shape_blot);
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
    assert_null(resource_find("k8s.pod.name")); /* HOSTNAME is anything */
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

/* How many attributes whose keys begin so are sent. */
static unsigned sent(const char *prefix)
{
    struct slice encoded = resource_encoded();
    Otlp__Resource *resource =
        otlp__resource__unpack(NULL, encoded.length, (const uint8_t *)encoded.at);
    unsigned count = 0;
    assert_non_null(resource);
    assert_true(encoded.length <= RESOURCE_BYTES_MOST);
    for (size_t i = 0; i < resource->n_attributes; i++)
        count += strncmp(resource->attributes[i]->key, prefix, strlen(prefix)) == 0;
    otlp__resource__free_unpacked(resource, NULL);
    return count;
}

static void there_is_room_for_many_attributes_and_for_ours(void **state)
{
    static const struct {
        unsigned said, bytes, kept;
    } cases[] = {{256, 1, 256}, {1000, 1, 256}, {250, 255, 250}, {64, 1015, 64}, {3, 40000, 1}};
    static char many[300000];
    static char value[50000];
    (void)state;
    memset(value, 'x', sizeof value - 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t length = 0;
        for (unsigned j = 0; j < cases[i].said; j++)
            length += (size_t)snprintf(many + length, sizeof many - length, "key%03u=%.*s,", j,
                                       (int)cases[i].bytes, value);
        config.resource_attributes = many;
        config.service_name = "shop";
        config.environment = "staging";
        resource_detect(&config);
        assert_int_equal(sent("key"), cases[i].kept);
        is("service.name", "shop");
        is("deployment.environment", "staging");
        assert_int_equal(strlen(resource_find("service.instance.id")), 36);
        assert_int_equal(sent("process.pid") + sent("host.name") + sent("telemetry.sdk.name"), 3);
    }
}

static void a_value_that_is_no_utf_8_is_mended_or_left_out(void **state)
{
    static char many[70000];
    (void)state;
    strcpy(many, "a=x%ffy,b=");
    memset(many + 10, '\xff', 60000);
    config.resource_attributes = many;
    resource_detect(&config);
    is("a", "x\xef\xbf\xbdy");
    assert_null(resource_find("b"));
    assert_int_equal(sent("b"), 0);
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
        struct container container = {.pod = false};
        container_read_cgroup(&container, cgroups[i].text);
        if (!slice_equal(slice_of(container.id), cgroups[i].id))
            fail_msg("%.*s", (int)cgroups[i].text.length, cgroups[i].text.at);
    }
}

#define DOCKER(id, file)                                                                           \
    "3 2 8:1 /var/lib/docker/containers/" id "/" file " /etc/" file " rw - ext4 x rw\n"
#define PODMAN(id, file) "3 2 0:9 /containers/storage/overlay-containers/" id "/userdata/" file
#define UID              "2c48913c-b29f-11e7-9350-020968147796"
#define ETC              "9 2 8:1 /var/lib/kubelet/pods/" UID "/etc-hosts /etc/hosts rw - ext4 x rw\n"

static const struct {
    const char *mounts;
    const char *id;
    const char *pod;
    const char *name;
} mountinfos[] = {
    {"", "", "", ""},
    {"containers/short\n", "", "", ""},
    {"1 2 8:1 / / rw - overlay overlay rw,lowerdir=/x/" ID2 "\n" DOCKER(ID, "hostname"), ID, "",
     ""},
    {DOCKER(ID, "resolv.conf") DOCKER(ID, "hostname") DOCKER(ID, "hosts"), ID, "", ""},
    /* the last one on a place is the one that is seen */
    {DOCKER(ID2, "hosts") DOCKER(ID2, "hostname") DOCKER(ID, "hosts") DOCKER(ID, "hostname"), ID,
     "", ""},
    /* some are another container's */
    {DOCKER(ID2, "resolv.conf") DOCKER(ID, "hostname") DOCKER(ID2, "hosts"), "", "", ""},
    /* volumes in other containers' folders */
    {"5 2 8:1 /var/lib/docker/containers/" ID2 "/hostname /logs/hostname rw - ext4 x rw\n"
     "6 2 8:1 / /var/lib/docker/containers/" ID2 "/mounts/shm rw - tmpfs shm rw\n"
     "7 2 8:1 /var/lib/docker/volumes/" ID2 "/_data /data rw - ext4 x rw\n",
     "", "", ""},
    {"7 2 8:1 /var/lib/docker/volumes/" ID2 "/_data /data rw - ext4 x rw\n" DOCKER(ID, "hosts"), ID,
     "", ""},
    {"7 2 8:1 /var/lib/docker/containers/" ID2 "/x/hostname /etc/hostname rw - ext4 x rw\n", "", "",
     ""},
    {"7 2 8:1 /var/lib/nerdctl/1935db59/containers/default/" ID
     "/hostname /etc/hostname rw - ext4 x rw\n",
     ID, "", ""},
    {PODMAN(ID, "hostname") " /etc/hostname rw - tmpfs x rw\n", ID, "", ""},
    /* podman's and CRI-O's containers of one network share all but one file */
    {PODMAN(ID2, "hostname") " /etc/hostname rw - tmpfs x rw\n" PODMAN(
         ID,
         ".containerenv") " /run/.containerenv rw - tmpfs x rw\n" PODMAN(ID2,
                                                                         "hosts") " /etc/hosts rw "
                                                                                  "- tmpfs x rw\n",
     ID, "", ""},
    /* pods: docker's, containerd's and CRI-O's sandboxes */
    {DOCKER(ID2, "hostname") DOCKER(ID2, "resolv.conf") ETC, "", UID, ""},
    {"7 2 0:9 /containerd/io.containerd.grpc.v1.cri/sandboxes/" ID2
     "/hostname /etc/hostname rw - ext4 x rw\n" ETC "8 2 8:1 /var/lib/kubelet/pods/" UID
     "/containers/web/0a1b2c3d /dev/termination-log rw - ext4 x rw\n",
     "", UID, "web"},
    {PODMAN(ID2, "hostname") " /etc/hostname rw - tmpfs x rw\n" ETC, "", UID, ""},
    {PODMAN(ID2, "hostname") " /etc/hostname rw - tmpfs x rw\n" ETC PODMAN(
         ID, ".containerenv") " /run/.containerenv rw - tmpfs x rw\n",
     ID, UID, ""},
    /* a static pod's hash */
    {"9 2 8:1 /var/lib/kubelet/pods/0123456789abcdef0123456789abcdef/etc-hosts /etc/hosts rw - "
     "x\n" DOCKER(ID2, "hostname"),
     "", "", ""},
};

static void a_containers_id_is_read_from_its_mounts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mountinfos / sizeof *mountinfos; i++) {
        struct container container = {.pod = false};
        const char *at = mountinfos[i].mounts;
        for (const char *end; (end = strchr(at, '\n')); at = end + 1)
            container_read_mount(&container, (struct slice){at, (size_t)(end - at)});
        container_settle(&container);
        if (strcmp(container.id, mountinfos[i].id) != 0 ||
            strcmp(container.pod_uid, mountinfos[i].pod) != 0 ||
            strcmp(container.name, mountinfos[i].name) != 0)
            fail_msg("id %s pod %s name %s of\n%s", container.id, container.pod_uid, container.name,
                     mountinfos[i].mounts);
    }
}

static void a_pods_uid_is_read_from_its_cgroup(void **state)
{
    static const char *const texts[] = {
        "0::/kubepods.slice/kubepods-burstable.slice/"
        "kubepods-burstable-pod2c48913c_b29f_11e7_9350_020968147796.slice/cri-containerd-" ID
        ".scope\n",
        "11:cpu:/kubepods/besteffort/pod" UID "/" ID "\n",
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct container container = {.pod = false};
        container_read_cgroup(&container, slice_of(texts[i]));
        assert_string_equal(container.pod_uid, UID);
        assert_string_equal(container.id, ID);
        assert_true(container.pod);
    }
    struct container container = {.pod = false};
    container_read_cgroup(&container, SLICE_LITERAL("0::/user.slice/pod" UID "/x\n"));
    assert_string_equal(container.pod_uid, "");
}

static void only_a_deployments_pods_are_known_by_their_host_names(void **state)
{
    (void)state;
    assert_true(container_is_deployments(SLICE_LITERAL("shop-7d4b9c8f6d-x2x4k")));
    assert_true(container_is_deployments(SLICE_LITERAL("my-shop-5b5896df7-qwnth")));
    assert_false(container_is_deployments(SLICE_LITERAL("shop-0")));
    assert_false(container_is_deployments(SLICE_LITERAL("shop-x2x4k")));
    assert_false(container_is_deployments(SLICE_LITERAL("shop-web-https")));
    assert_false(container_is_deployments(SLICE_LITERAL("0.0.0.0")));
    assert_false(container_is_deployments(SLICE_LITERAL("-7d4b9c8f6d-x2x4k")));
    assert_false(container_is_deployments(SLICE_LITERAL("ip-10-0-0-1")));
    assert_false(container_is_deployments(SLICE_LITERAL("")));
    assert_true(container_hosts_are_a_pods(
        SLICE_LITERAL("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n")));
    assert_false(container_hosts_are_a_pods(
        SLICE_LITERAL("# Kubernetes-managed hosts file (host network).\n127.0.0.1\tlocalhost\n")));
    assert_false(container_hosts_are_a_pods(SLICE_NONE));
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
        TEST(there_is_room_for_many_attributes_and_for_ours),
        TEST(a_value_that_is_no_utf_8_is_mended_or_left_out),
        TEST(a_containers_id_is_read_from_its_cgroup),
        TEST(a_containers_id_is_read_from_its_mounts),
        TEST(a_pods_uid_is_read_from_its_cgroup),
        TEST(only_a_deployments_pods_are_known_by_their_host_names),
        TEST(the_systems_name_is_read_with_and_without_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
