// SPDX-License-Identifier: Apache-2.0
/* s3_scope.h - which service a request is signed for.
 *
 * Source: AWS Signature Version 4, "Credential scope": KEY-ID/DATE/REGION/SERVICE/aws4_request.
 * Read from the right, and no further than the region: the key id and the signature are not
 * looked at. */
#ifndef AGENT_S3_SCOPE_H
#define AGENT_S3_SCOPE_H

#include "agent/base/slice.h"

enum s3_scope {
    S3_SCOPE_NONE, /* not signed this way */
    S3_SCOPE_S3,
    S3_SCOPE_OTHER /* another service */
};

/* From an Authorization value, else from a presigned URL's X-Amz-Credential (still encoded); either
 * may be absent. *region is absent where none is named. */
enum s3_scope s3_scope_of(struct slice authorization, struct slice presigned, struct slice *region);

#endif
