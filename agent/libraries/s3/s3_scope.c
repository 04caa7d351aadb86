// SPDX-License-Identifier: Apache-2.0
#include "agent/libraries/s3/s3_scope.h"

#include "agent/base/percent.h"

/* The part after the last separator; *text keeps what stands before. In presigned URLs the
 * separator is an escaped slash. */
static struct slice take_last(struct slice *text)
{
    size_t end = text->length;
    for (size_t at = end; at > 0; at--) {
        size_t from = at - 1;
        bool escaped = text->at[from] == '%' && percent_pair(*text, at) == '/';
        if (text->at[from] != '/' && !escaped)
            continue;
        struct slice part = slice_after(*text, from + (escaped ? 3 : 1));
        text->length = from;
        return part;
    }
    struct slice part = *text;
    text->length = 0;
    return part;
}

static bool is_region_text(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        if (c != '-' && c != '_' && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            return false;
    }
    return text.length > 0 && text.length <= 32;
}

static bool is_date(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    return text.length == 8;
}

/* ID/DATE/REGION/s3/aws4_request; of version 4a without the region. */
static enum s3_scope read_scope(struct slice credential, struct slice *region)
{
    if (!slice_equal(take_last(&credential), SLICE_LITERAL("aws4_request")))
        return S3_SCOPE_NONE;
    struct slice service = take_last(&credential);
    if (!slice_equal(service, SLICE_LITERAL("s3")) &&
        !slice_equal(service, SLICE_LITERAL("s3express")) &&
        !slice_equal(service, SLICE_LITERAL("s3-object-lambda")) &&
        !slice_equal(service, SLICE_LITERAL("s3-outposts")))
        return S3_SCOPE_OTHER;
    struct slice part = take_last(&credential);
    *region = is_region_text(part) && !is_date(part) ? part : SLICE_NONE;
    return S3_SCOPE_S3;
}

static struct slice credential_of(struct slice authorization)
{
    struct slice text = slice_trim(authorization);
    if (!slice_starts(text, SLICE_LITERAL("AWS4-")))
        return SLICE_NONE;
    const struct slice name = SLICE_LITERAL("Credential=");
    text = slice_after(text, slice_find(text, ' '));
    while (text.length) {
        size_t end = slice_find(text, ',');
        struct slice part = slice_trim((struct slice){text.at, end});
        if (slice_starts(part, name))
            return slice_after(part, name.length);
        text = slice_after(text, end < text.length ? end + 1 : end);
    }
    return SLICE_NONE;
}

enum s3_scope s3_scope_of(struct slice authorization, struct slice presigned, struct slice *region)
{
    struct slice credential = credential_of(authorization);
    *region = SLICE_NONE;
    return read_scope(credential.at ? credential : presigned, region);
}
