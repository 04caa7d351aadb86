// SPDX-License-Identifier: Apache-2.0
/* s3.h - what an HTTP request asks of S3.
 *
 * S3 is plain HTTP, so the operation has to be read off the method, host, path and query
 * (s3_operations.def). A request is taken for S3 where the host is AWS's, where it is a configured
 * endpoint, or where the signature's credential scope names the service; of the Authorization
 * header nothing but that scope is looked at. What is not certain is left out: no operation is
 * better than a wrong one, and a host that only the signature vouches for may have the bucket
 * in its name or not. */
#ifndef AGENT_S3_H
#define AGENT_S3_H

#include <stdint.h>

#include "agent/base/slice.h"
#include "config/config.h"

#define S3_ENDPOINTS 32

/* Filled once, immutable afterwards; points into config->s3_endpoints. */
struct s3_endpoints {
    struct {
        struct slice host;
        uint16_t port; /* 0: any */
    } list[S3_ENDPOINTS];
    size_t count;
};

/* From config->s3_endpoints, which must outlive it; a scheme and a path in an entry are skipped.
 * Returns how many entries were left out: malformed, or too many. Worth a warning. */
size_t s3_endpoints_init(struct s3_endpoints *endpoints, const struct config *config);

/* This process's. Written by s3_prepare(), before the first call; only read otherwise. Warns of
 * what is not used. */
extern struct s3_endpoints s3_endpoints_of_process;
void s3_prepare(const struct config *config);

struct s3_request {
    struct slice method;
    struct slice host; /* without port and brackets */
    uint16_t port;
    struct slice path;          /* as sent, still encoded */
    struct slice query;         /* without `?`; absent or empty where there is none */
    struct slice authorization; /* the header's value, or absent */
    struct slice copy_source;   /* x-amz-copy-source, or absent */
};

/* What could be told; the rest is absent. */
struct s3_call {
    struct slice operation; /* `PutObject`: text that lives as long as the program */
    struct slice bucket;    /* a slice of host or path; an access point's name where one is used */
    struct slice key;       /* decoded into the caller's memory, cut where that is too small */
    struct slice upload_id; /* likewise */
    struct slice copy_source; /* likewise, without a `?versionId=` */
    struct slice region;      /* a slice of the host, else of the credential scope */
    int part_number;          /* 1..10000, 0 for none */
};

/* The query in its parts: working memory, because the caller's stack may be small. */
#define S3_PAIRS 24

struct s3_pair {
    struct slice key;
    struct slice value;
};

/* The pairs that can matter; `list` is without those of signatures and response overrides. */
struct s3_query {
    struct s3_pair list[S3_PAIRS];
    size_t count;
    bool too_many;
    struct slice credential; /* X-Amz-Credential of a presigned URL, still encoded */
};

/* False where it is not S3. A call without an operation is S3, but of an unknown kind: name and
 * attributes are those of plain HTTP then. Slices point into the request or `memory`; decoded text
 * may hold any byte. */
bool s3_recognise(const struct s3_endpoints *endpoints, const struct s3_request *request,
                  struct s3_query *query, struct s3_call *call, char *memory, size_t capacity);

#endif
