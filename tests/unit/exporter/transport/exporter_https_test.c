// SPDX-License-Identifier: Apache-2.0
/* What a failure of libcurl means for people; posts themselves are tests/integration's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exporter/transport/blob.h"
#include "exporter/transport/curl_library.h"
#include "exporter/transport/https_failure.h"

/* What libcurl 7.88 said in each flavour when these things were done to it. */
static const struct {
    int code;
    const char *said;
    enum transport_outcome outcome;
    const char *advice;
} failures[] = {
    {CURL_BAD_PEER, "SSL certificate problem: certificate has expired", TRANSPORT_REFUSED, "dates"},
    {CURL_BAD_PEER, "server certificate expiration date has passed.", TRANSPORT_REFUSED, "dates"},
    {CURL_BAD_PEER, "SSL certificate problem: unable to get local issuer certificate",
     TRANSPORT_REFUSED, "OTEL_EXPORTER_OTLP_CERTIFICATE"},
    {CURL_BAD_PEER, "server certificate verification failed. CAfile: a.pem CRLfile: none",
     TRANSPORT_REFUSED, "OTEL_EXPORTER_OTLP_CERTIFICATE"},
    {CURL_BAD_PEER,
     "SSL: no alternative certificate subject name matches target host name '127.0.0.1'",
     TRANSPORT_REFUSED, "the host in OTEL_EXPORTER_OTLP_ENDPOINT"},
    {CURL_BAD_PEER, "SSL: certificate subject name (a) does not match target hostname 'b'",
     TRANSPORT_REFUSED, "the host in OTEL_EXPORTER_OTLP_ENDPOINT"},
    {CURL_RECEIVE_FAILED,
     "OpenSSL SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate required, errno 0",
     TRANSPORT_REFUSED, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"},
    {CURL_SEND_FAILED, "getpeername() failed with errno 107: Transport endpoint is not connected",
     TRANSPORT_FAILED, "whether it asks for OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"},
    {CURL_TLS_FAILED, "error:0A000410:SSL routines::sslv3 alert handshake failure",
     TRANSPORT_REFUSED, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"},
    {CURL_TLS_FAILED, "error:0A00010B:SSL routines::wrong version number", TRANSPORT_REFUSED,
     "a receiver with TLS"},
    {CURL_BAD_CERTIFICATE, "could not load PEM client certificate", TRANSPORT_REFUSED,
     "OTEL_EXPORTER_OTLP_CLIENT_KEY"},
    {CURL_RECEIVE_FAILED, "CONNECT tunnel failed, response 403", TRANSPORT_REFUSED, "the proxy"},
    {CURL_NO_PROXY_NAME, "Could not resolve proxy: a", TRANSPORT_FAILED, "the proxy"},
    {CURL_RECEIVE_FAILED, "Recv failure: Connection reset by peer", TRANSPORT_FAILED, "listens"},
    {CURL_GOT_NOTHING, "Empty reply from server", TRANSPORT_FAILED, "listens"},
};

static void each_failure_has_a_cause_and_something_to_look_at(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        struct transport_answer answer = {0};
        struct https_failure failure = {
            .code = failures[i].code, .said = failures[i].said, .named = "a name"};
        assert_int_equal(https_failure_describe(&failure, &answer), failures[i].outcome);
        assert_string_equal(answer.error, failures[i].said);
        if (!strstr(answer.advice, failures[i].advice))
            fail_msg("%s: %s", failures[i].said, answer.advice);
    }
}

static void a_failed_connection_has_the_systems_reason(void **state)
{
    (void)state;
    struct transport_answer answer = {0};
    struct https_failure failure = {.code = CURL_NO_CONNECTION,
                                    .system_error = ECONNREFUSED,
                                    .said = "Failed to connect",
                                    .named = ""};
    assert_int_equal(https_failure_describe(&failure, &answer), TRANSPORT_FAILED);
    assert_string_equal(answer.error, "connection refused");
}

static void where_libcurl_says_nothing_the_code_has_a_name(void **state)
{
    (void)state;
    struct transport_answer answer = {0};
    struct https_failure failure = {.code = CURL_SEND_FAILED, .said = "", .named = "a name"};
    assert_int_equal(https_failure_describe(&failure, &answer), TRANSPORT_FAILED);
    assert_string_equal(answer.error, "a name");
}

static void a_file_is_read_whole_or_not_at_all(void **state)
{
    (void)state;
    struct arena blob = {0};
    char path[] = "/tmp/otelagent-blob-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    assert_string_equal(blob_read(&blob, path), "empty");
    for (int i = 0; i < 100000; i++)
        fputs("0123456789", file);
    fflush(file);
    assert_null(blob_read(&blob, path));
    assert_int_equal(blob.used, 1000000);
    assert_memory_equal(blob.base + 999990, "0123456789", 10);
    arena_unmap(&blob);
    assert_int_equal(ftruncate(fd, (off_t)BLOB_BYTES_MOST), 0);
    assert_string_equal(blob_read(&blob, path), "longer than 4 MiB");
    assert_null(blob.base);
    fclose(file);
    unlink(path);
    assert_string_equal(blob_read(&blob, path), "no such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failure_has_a_cause_and_something_to_look_at),
        cmocka_unit_test(a_failed_connection_has_the_systems_reason),
        cmocka_unit_test(where_libcurl_says_nothing_the_code_has_a_name),
        cmocka_unit_test(a_file_is_read_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
