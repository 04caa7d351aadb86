// SPDX-License-Identifier: Apache-2.0
/* s3_host.h - what a host name says about S3.
 *
 * AWS has given its endpoints many forms in twenty years: s3.REGION, s3-REGION, dualstack, FIPS,
 * accelerate, access points (also multi-region), and each with a bucket in front. Source: Amazon S3
 * user guide, "Virtual hosting of general purpose buckets", and the endpoints table of the AWS
 * general reference. */
#ifndef AGENT_S3_HOST_H
#define AGENT_S3_HOST_H

#include "agent/base/slice.h"

enum s3_style {
    S3_STYLE_NONE,    /* not S3, or not its object API (websites, s3-control) */
    S3_STYLE_UNKNOWN, /* the host does not tell */
    S3_STYLE_PATH,    /* the bucket is the path's first segment */
    S3_STYLE_VIRTUAL  /* the bucket stands in the host */
};

struct s3_host {
    enum s3_style style;
    struct slice bucket; /* of the virtual style */
    struct slice region;
};

/* A host of AWS's; style NONE for any other. */
struct s3_host s3_host_aws(struct slice host);

/* A host that is known to speak S3 because a request to it is signed for it: UNKNOWN unless the
 * name tells, NONE for the hosts of AWS that s3_host_aws() does not take. An address, a name
 * without dots, a Kubernetes service, `s3.…` and `minio.…` take the bucket in the path; a label
 * `s3` or `minio` further in has it before; of providers with other names there is a table. */
struct s3_host s3_host_signed(struct slice host);

#endif
