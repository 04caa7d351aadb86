// SPDX-License-Identifier: Apache-2.0
/* https_failure.h - what a failed post by libcurl means, for people. */
#ifndef EXPORTER_HTTPS_FAILURE_H
#define EXPORTER_HTTPS_FAILURE_H

#include "exporter/transport/transport.h"

struct https_failure {
    int code;               /* libcurl's result */
    long verified;          /* what the TLS library said of the collector's certificate */
    int system_error;       /* errno of the connection; 0: none */
    const char *said;       /* libcurl's own words; may be empty */
    const char *named;      /* its words for the code */
    bool long_head;         /* the answer's has no end */
    bool shows_certificate; /* a client certificate is configured */
};

/* Fills in error and advice, and says whether another try may help. */
enum transport_outcome https_failure_describe(const struct https_failure *failure,
                                              struct transport_answer *answer);

#endif
