// SPDX-License-Identifier: Apache-2.0
/* Addresses as text: what they read like, and that all of them read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "agent/base/peer.h"

static const char *format(const struct peer *peer)
{
    static char text[PEER_TEXT_BYTES + 1];
    char out[PEER_TEXT_BYTES + 1];
    memset(out, '#', sizeof out);
    struct slice found = peer_format(peer, out);
    assert_true(found.length <= PEER_TEXT_BYTES);
    assert_int_equal(out[PEER_TEXT_BYTES], '#');
    memset(text, 0, sizeof text);
    memcpy(text, found.at, found.length);
    return text;
}

static void check(const struct peer *peer)
{
    uint8_t read[16] = {0};
    assert_int_equal(inet_pton(peer->family, format(peer), read), 1);
    assert_memory_equal(read, peer->address, peer->family == AF_INET ? 4 : 16);
}

/* RFC 5952, 4 and 5; of runs of zeros that are as long as each other the first is left out. */
static void an_address_reads_as_usual(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "::",          "::1",           "2001:db8::1",           "2001:db8:0:1:1:1:1:1",
        "1::",         "1:0:0:2::3",    "2001:db8::1:0:0:1",     "::ffff:192.0.2.1",
        "::192.0.2.1", "fe80::a0b:c0",  "1:2:3:4:5:6:7:8",       "0:1:2:3:4:5:6:7",
        "ff02::1:ff0", "1:2:3:4:5:6::", "abcd:ef01:2345:6789::",
    };
    struct peer peer = {.family = AF_INET6};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(inet_pton(AF_INET6, texts[i], peer.address), 1);
        assert_string_equal(format(&peer), texts[i]);
    }
    peer.family = AF_INET;
    memcpy(peer.address, (uint8_t[]){192, 0, 2, 10}, 4);
    assert_string_equal(format(&peer), "192.0.2.10");
}

static void any_ipv4_address_reads_back(void **state)
{
    (void)state;
    struct peer peer = {.family = AF_INET};
    for (int n = 0; n < 256; n++) {
        memcpy(peer.address, (uint8_t[]){(uint8_t)n, (uint8_t)(n ^ 0xff), 0, (uint8_t)(n / 7)}, 4);
        check(&peer);
    }
}

/* Each group is 0, small, or anything, in all combinations. */
static void any_ipv6_address_reads_back(void **state)
{
    (void)state;
    struct peer peer = {.family = AF_INET6};
    for (unsigned mix = 0; mix < 6561; mix++) { /* 3 to the 8th */
        unsigned left = mix;
        for (int i = 0; i < 8; i++, left /= 3) {
            unsigned group = left % 3 == 0 ? 0 : left % 3 == 1 ? mix % 23 : 0xffff - mix % 2 * mix;
            peer.address[2 * i] = (uint8_t)(group >> 8);
            peer.address[2 * i + 1] = (uint8_t)group;
        }
        check(&peer);
    }
}

static void what_is_no_ip_address_has_no_text(void **state)
{
    (void)state;
    char out[PEER_TEXT_BYTES];
    assert_null(peer_format(&(struct peer){.family = AF_UNIX}, out).at);
    assert_null(peer_format(&(struct peer){.family = 0}, out).at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_reads_as_usual),
        cmocka_unit_test(any_ipv4_address_reads_back),
        cmocka_unit_test(any_ipv6_address_reads_back),
        cmocka_unit_test(what_is_no_ip_address_has_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
