// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/https_failure.h"

#include <stdio.h>
#include <string.h>

#include "exporter/base/failure.h"
#include "exporter/transport/curl_library.h"

#define LISTENS    "check that a collector listens there (OTEL_EXPORTER_OTLP_ENDPOINT)"
#define PROXY      "check the proxy (https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY, no_proxy)"
#define SPEAKS_TLS "check OTEL_EXPORTER_OTLP_ENDPOINT: a receiver with TLS"
#define AUTHORITY                                                                                  \
    "check OTEL_EXPORTER_OTLP_CERTIFICATE: the authority that signed the collector's certificate"
#define OWN_FILES "check OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY"
#define OWN_MISSING                                                                                \
    "the collector asks for OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and "                            \
    "OTEL_EXPORTER_OTLP_CLIENT_KEY"
#define HUNG_UP                                                                                    \
    "check that an OTLP receiver listens there (OTEL_EXPORTER_OTLP_ENDPOINT), and whether it "     \
    "asks "                                                                                        \
    "for OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"
#define NAME  "check the host in OTEL_EXPORTER_OTLP_ENDPOINT: the certificate is another's"
#define DATES "check the dates of the collector's certificate, and this machine's clock"

/* Refused is what stays so until somebody changes a setting or a certificate. */
static const struct {
    int code;
    enum transport_outcome outcome;
    const char *advice;
} codes[] = {
    {CURL_UNSUPPORTED_PROTOCOL, TRANSPORT_REFUSED, "this libcurl lacks https"},
    {CURL_NOT_BUILT_IN, TRANSPORT_REFUSED, "this libcurl lacks something"},
    {CURL_NO_PROXY_NAME, TRANSPORT_FAILED, PROXY},
    {CURL_NO_HOST_NAME, TRANSPORT_FAILED, LISTENS},
    {CURL_NO_CONNECTION, TRANSPORT_FAILED, LISTENS},
    {CURL_WEIRD_ANSWER, TRANSPORT_REFUSED, SPEAKS_TLS},
    {CURL_WRITE_FAILED, TRANSPORT_REFUSED, SPEAKS_TLS},
    {CURL_TOO_LATE, TRANSPORT_FAILED, LISTENS},
    {CURL_TLS_FAILED, TRANSPORT_REFUSED, SPEAKS_TLS},
    {CURL_BAD_CERTIFICATE, TRANSPORT_REFUSED, OWN_FILES},
    {CURL_BAD_PEER, TRANSPORT_REFUSED, AUTHORITY},
    {CURL_BAD_AUTHORITIES, TRANSPORT_REFUSED, "check OTEL_EXPORTER_OTLP_CERTIFICATE"},
    {CURL_PROXY_FAILED, TRANSPORT_FAILED, PROXY},
};

/* Words of OpenSSL and GnuTLS, and what they stand for. The first that occurs counts. */
static const struct {
    const char *words;
    enum transport_outcome outcome;
    const char *advice;
} phrases[] = {
    {"CONNECT tunnel failed", TRANSPORT_REFUSED, PROXY},
    {"from proxy", TRANSPORT_REFUSED, PROXY},
    {"roxy CONNECT", TRANSPORT_FAILED, PROXY},
    {"certificate required", TRANSPORT_REFUSED, OWN_MISSING},
    {"does not match", TRANSPORT_REFUSED, NAME},
    {"subject name matches", TRANSPORT_REFUSED, NAME},
    {"error reading X.509", TRANSPORT_REFUSED, OWN_FILES},
    {"has expired", TRANSPORT_REFUSED, DATES},
    {"not yet valid", TRANSPORT_REFUSED, DATES},
    {"expiration date", TRANSPORT_REFUSED, DATES},
    {"activation date", TRANSPORT_REFUSED, DATES},
};

/* A collector that wants a certificate may say so by an alert, or only hang up. */
static bool may_want_ours(const struct https_failure *failure)
{
    return !failure->shows_certificate && failure->code == CURL_TLS_FAILED &&
           strstr(failure->said, "alert handshake failure");
}

/* With TLS 1.3 a client takes the handshake for done before its certificate is missed, and the
 * alert that says so may be lost with the connection. libcurl then stumbles over the socket. */
static bool was_hung_up_on(const struct https_failure *failure)
{
    return !failure->shows_certificate &&
           (failure->code == CURL_GOT_NOTHING || failure->code == CURL_SEND_FAILED ||
            failure->code == CURL_RECEIVE_FAILED || strstr(failure->said, "getpeername()"));
}

/* GnuTLS gives one text for all; its bits say more (GNUTLS_CERT_NOT_ACTIVATED, _EXPIRED). */
static bool is_out_of_date(const struct https_failure *failure)
{
    return strstr(failure->said, "certificate verification failed") &&
           failure->verified & (1 << 9 | 1 << 10);
}

static void judge(const struct https_failure *failure, enum transport_outcome *outcome,
                  const char **advice)
{
    *outcome = TRANSPORT_FAILED;
    *advice = LISTENS;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].code == failure->code) {
            *outcome = codes[i].outcome;
            *advice = codes[i].advice;
        }
    if (was_hung_up_on(failure))
        *advice = HUNG_UP;
    if (may_want_ours(failure))
        *advice = OWN_MISSING;
    if (is_out_of_date(failure))
        *advice = DATES;
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (strstr(failure->said, phrases[i].words)) {
            *outcome = phrases[i].outcome;
            *advice = phrases[i].advice;
            return;
        }
}

enum transport_outcome https_failure_describe(const struct https_failure *failure,
                                              struct transport_answer *answer)
{
    enum transport_outcome outcome;
    const char *text = failure->said[0] ? failure->said : failure->named;
    if (failure->code == CURL_NO_CONNECTION && failure->system_error)
        text = failure_text(failure->system_error);
    if (failure->code == CURL_NO_MEMORY) /* libcurl's bound for a line is called so, too */
        text = "no memory, or a line of the answer's head has no end";
    if (failure->code == CURL_WRITE_FAILED)
        text = failure->long_head ? "the answer's head is longer than 64 KiB"
                                  : "the answer is longer than 4 MiB";
    judge(failure, &outcome, &answer->advice);
    snprintf(answer->error, sizeof answer->error, "%s", text);
    return outcome;
}
