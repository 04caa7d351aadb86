// SPDX-License-Identifier: Apache-2.0
#include "agent/libraries/s3/s3_host.h"

static const struct slice aws_suffixes[] = {
    {".amazonaws.com", sizeof ".amazonaws.com" - 1},
    {".amazonaws.com.cn", sizeof ".amazonaws.com.cn" - 1},
    {".amazonaws.eu", sizeof ".amazonaws.eu" - 1},
};

static bool ends_nocase(struct slice text, struct slice end)
{
    return text.length >= end.length &&
           slice_equal_nocase(slice_after(text, text.length - end.length), end);
}

/* The last label; *text keeps what stands before its dot. */
static struct slice take_label(struct slice *text)
{
    size_t at = text->length;
    while (at > 0 && text->at[at - 1] != '.')
        at--;
    struct slice label = slice_after(*text, at);
    text->length = at ? at - 1 : 0;
    return label;
}

static bool is(struct slice label, const char *word)
{
    return slice_equal_nocase(label, slice_of(word));
}

/* eu-west-1, us-gov-east-1, cn-north-1: two hyphens and a digit at the end. */
static bool is_region(struct slice label)
{
    size_t hyphens = 0;
    for (size_t i = 0; i < label.length; i++) {
        char c = slice_lower(label.at[i]);
        hyphens += c == '-';
        if (c != '-' && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            return false;
    }
    if (hyphens < 2 || label.length > 32)
        return false;
    char last = label.at[label.length - 1];
    return last >= '0' && last <= '9';
}

/* The label that names the service. Access points and outposts are only ever in front of a
 * bucket-like name, so they count as virtual style by what stands before. */
static bool is_service(struct slice label)
{
    return is(label, "s3") || is(label, "s3-fips") || is(label, "s3-accesspoint") ||
           is(label, "s3-accesspoint-fips") || is(label, "s3-object-lambda") ||
           is(label, "s3-outposts") || slice_starts(label, SLICE_LITERAL("s3express-"));
}

static struct s3_host found(struct slice before, struct slice region)
{
    return (struct s3_host){
        .style = before.length ? S3_STYLE_VIRTUAL : S3_STYLE_PATH,
        .bucket = before.length ? before : SLICE_NONE,
        .region = region,
    };
}

/* What stands before an AWS suffix; absent for other hosts. */
static struct slice before_suffix(struct slice host)
{
    if (!host.at)
        return SLICE_NONE;
    for (size_t i = 0; i < sizeof aws_suffixes / sizeof *aws_suffixes; i++)
        if (ends_nocase(host, aws_suffixes[i]))
            return (struct slice){host.at, host.length - aws_suffixes[i].length};
    return SLICE_NONE;
}

/* An interface endpoint: [BUCKET.]bucket.vpce-ID.s3.REGION (before `.vpce`); `control` in the place
 * of `bucket` is another API. */
static struct s3_host private_link(struct slice left)
{
    struct slice region = take_label(&left);
    struct slice service = take_label(&left);
    struct slice id = take_label(&left);
    struct slice kind = take_label(&left);
    bool known = is_region(region) && is(service, "s3") &&
                 slice_starts(id, SLICE_LITERAL("vpce-")) &&
                 (is(kind, "bucket") || is(kind, "accesspoint"));
    return known ? found(left, region) : (struct s3_host){.style = S3_STYLE_NONE};
}

/* ALIAS.mrap.accesspoint (before `.s3-global`): one name for buckets in several regions. */
static struct s3_host multi_region(struct slice left)
{
    bool known = is(take_label(&left), "accesspoint") && left.length;
    return known ? found(left, SLICE_NONE) : (struct s3_host){.style = S3_STYLE_NONE};
}

struct s3_host s3_host_aws(struct slice host)
{
    const struct s3_host none = {.style = S3_STYLE_NONE};
    struct slice left = before_suffix(host);
    if (!left.length)
        return none;

    /* From the right, because buckets hold dots and may be called anything. */
    struct slice label = take_label(&left);
    if (is(label, "s3") || is(label, "s3-accelerate") || is(label, "s3-external-1"))
        return found(left, SLICE_NONE);
    if (is(label, "s3-global"))
        return multi_region(left);
    if (is(label, "vpce"))
        return private_link(left);
    if (slice_starts(label, SLICE_LITERAL("s3-")) && is_region(slice_after(label, 3)))
        return slice_starts(label, SLICE_LITERAL("s3-website-")) ||
                       slice_starts(label, SLICE_LITERAL("s3-control-"))
                   ? none
                   : found(left, slice_after(label, 3));

    bool dualstack = is(label, "dualstack");
    struct slice region = is_region(label) ? label : SLICE_NONE;
    if (!dualstack && !region.at)
        return none;
    label = take_label(&left);
    if (region.at && is(label, "dualstack")) {
        dualstack = true;
        label = take_label(&left);
    }
    if (dualstack && !region.at)
        return is(label, "s3-accelerate") ? found(left, SLICE_NONE) : none;
    return is_service(label) ? found(left, region) : none;
}

static bool is_address(struct slice host)
{
    if (slice_find(host, ':') < host.length)
        return true;
    for (size_t i = 0; i < host.length; i++)
        if (host.at[i] != '.' && !(host.at[i] >= '0' && host.at[i] <= '9'))
            return false;
    return true;
}

/* Others who speak S3 under names that don't say so, and how many labels their endpoints have
 * before that name: an account, a region, the service. What stands before those is the bucket. */
static const struct {
    struct slice suffix;
    unsigned labels;
} providers[] = {
#define PROVIDER(suffix, labels)                                                                   \
    {                                                                                              \
        {suffix, sizeof(suffix) - 1}, labels                                                       \
    }
    PROVIDER(".eu.r2.cloudflarestorage.com", 1),
    PROVIDER(".fedramp.r2.cloudflarestorage.com", 1),
    PROVIDER(".r2.cloudflarestorage.com", 1),
    PROVIDER(".cdn.digitaloceanspaces.com", 1),
    PROVIDER(".digitaloceanspaces.com", 1),
    PROVIDER(".linodeobjects.com", 1),
    PROVIDER(".vultrobjects.com", 1),
    PROVIDER(".your-objectstorage.com", 1),
    PROVIDER(".contabostorage.com", 1),
    PROVIDER(".upcloudobjects.com", 1),
    PROVIDER(".exo.io", 1),
    PROVIDER(".dream.io", 1),
    PROVIDER(".aliyuncs.com", 1),
    PROVIDER(".object.ncloudstorage.com", 1),
    PROVIDER(".myqcloud.com", 2), /* cos.REGION */
    PROVIDER(".tencentcos.cn", 2),
    PROVIDER(".tencentcos.com", 2),
    PROVIDER(".myhuaweicloud.com", 2), /* obs.REGION */
    PROVIDER(".myhuaweicloud.eu", 2),
    PROVIDER(".oraclecloud.com", 4), /* NAMESPACE.compat.objectstorage.REGION */
    PROVIDER(".storage.googleapis.com", 0),
    PROVIDER(".storage.yandexcloud.net", 0),
    PROVIDER(".gateway.storjshare.io", 0),
    PROVIDER(".fly.storage.tigris.dev", 0),
    PROVIDER(".t3.storage.dev", 0),
#undef PROVIDER
};

/* UNKNOWN for who is not listed. */
static struct s3_host provided(struct slice host)
{
    for (size_t i = 0; i < sizeof providers / sizeof *providers; i++) {
        struct slice suffix = providers[i].suffix;
        if (slice_equal_nocase(host, slice_after(suffix, 1)))
            return found(SLICE_NONE, SLICE_NONE);
        if (!ends_nocase(host, suffix))
            continue;
        struct slice left = {host.at, host.length - suffix.length};
        for (unsigned n = providers[i].labels; n > 0; n--)
            take_label(&left);
        return found(left, SLICE_NONE);
    }
    return (struct s3_host){.style = S3_STYLE_UNKNOWN};
}

struct s3_host s3_host_signed(struct slice host)
{
    const struct s3_host path = {.style = S3_STYLE_PATH};
    if (before_suffix(host).at) /* s3-control is signed like S3 and is another API */
        return (struct s3_host){.style = S3_STYLE_NONE};
    if (is_address(host) || slice_find(host, '.') == host.length)
        return path;
    if (ends_nocase(host, SLICE_LITERAL(".svc")) ||
        ends_nocase(host, SLICE_LITERAL(".cluster.local")))
        return path;

    struct slice left = host;
    while (left.length) {
        struct slice label = take_label(&left);
        if (is(label, "s3") || is(label, "minio"))
            return found(left, SLICE_NONE);
    }
    return provided(host);
}
