// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exporter/transport/proxy.h"

static void is_at(const char *url, const char *host, unsigned port)
{
    struct config config = {.https_proxy = url, .no_proxy = ""};
    struct endpoint place;
    if (!proxy_place(&config, &place))
        fail_msg("%s: no place", url);
    assert_string_equal(place.host, host);
    assert_int_equal(place.port, port);
}

static void a_proxy_is_where_libcurl_looks_for_it(void **state)
{
    (void)state;
    is_at("http://proxy:3128", "proxy", 3128);
    is_at("proxy:3128/", "proxy", 3128);
    is_at("proxy", "proxy", 1080);
    is_at("http://proxy", "proxy", 1080);
    is_at("http://proxy/", "proxy", 1080);
    is_at("https://proxy", "proxy", 443);
    is_at("HTTPS://proxy:8443", "proxy", 8443);
    is_at("socks5h://proxy", "proxy", 1080);
    is_at("http://user:pass@proxy", "proxy", 1080);
    is_at("http://user:p%40ss@proxy:99", "proxy", 99);
    is_at("http://[::1]", "::1", 1080);
    is_at("http://u:p@[::1]:3128", "::1", 3128);
}

static void what_is_no_address_is_no_place(void **state)
{
    (void)state;
    struct config config = {.https_proxy = "", .no_proxy = ""};
    struct endpoint place;
    assert_false(proxy_place(&config, &place));
    config.https_proxy = "http://proxy:port";
    assert_false(proxy_place(&config, &place));
}

static void a_proxy_looks_up_the_collector_unless_it_may_be_passed(void **state)
{
    static const struct {
        const char *proxy;
        const char *without;
        bool passed;
    } cases[] = {
        {"", "", true},
        {"http://proxy", "", false},
        {"http://proxy", "example.com", true},
        {"socks5h://proxy", "", false},
        {"socks5://proxy", "", true},
        {"socks4://proxy", "", true},
        {"socks4a://proxy", "", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config config = {.https_proxy = cases[i].proxy, .no_proxy = cases[i].without};
        if (proxy_may_be_passed(&config) != cases[i].passed)
            fail_msg("%s, %s", cases[i].proxy, cases[i].without);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proxy_is_where_libcurl_looks_for_it),
        cmocka_unit_test(what_is_no_address_is_no_place),
        cmocka_unit_test(a_proxy_looks_up_the_collector_unless_it_may_be_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
