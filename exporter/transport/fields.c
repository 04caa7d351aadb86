// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/fields.h"

#include <string.h>
#include <strings.h>

#include "agent/base/log.h"
#include "agent/base/percent.h"
#include "config/pairs.h"

enum { FIELD_BYTES = 4096, USER_BYTES = 1024 };

/* RFC 9110, 5.6.2; the values' control characters were refused when the pair was read. */
static bool is_field_name(const char *name)
{
    for (; *name; name++)
        if (*name <= ' ' || *name >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", *name))
            return false;
    return true;
}

/* RFC 4648, 4. Returns the end. */
static char *write_base64(char *at, const unsigned char *bytes, size_t length)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        unsigned three = (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? bytes[i + 2] : 0);
        *at++ = letters[three >> 18];
        *at++ = letters[three >> 12 & 63];
        *at++ = '=';
        *at++ = '=';
        if (left > 1)
            at[-2] = letters[three >> 6 & 63];
        if (left > 2)
            at[-1] = letters[three & 63];
    }
    return at;
}

/* USER:PASSWORD as a Basic credential; false where it can't be one (RFC 7617, 2: no control
 * characters). A user alone has an empty password. It is decoded at the buffer's end. */
static bool write_basic(char out[FIELD_BYTES], struct slice user)
{
    static const char scheme[] = "Basic ";
    char *decoded = out + FIELD_BYTES - USER_BYTES;
    size_t room = USER_BYTES - 1;
    size_t length = percent_decode(user, decoded, room);
    if (length == room)
        return false;
    if (slice_find(user, ':') == user.length)
        decoded[length++] = ':';
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)decoded[i] < ' ' || decoded[i] == 0x7f)
            return false;
    memcpy(out, scheme, sizeof scheme);
    *write_base64(out + sizeof scheme - 1, (const unsigned char *)decoded, length) = '\0';
    return true;
}

void fields_configured(const struct config *config, struct slice user,
                       bool (*add)(void *context, const char *name, const char *value),
                       void *context)
{
    char buffer[FIELD_BYTES];
    struct pairs_pair pair;
    enum pairs_result result;
    struct pairs pairs = pairs_of(config->otlp_headers);
    bool authorized = !user.length;
    while ((result = pairs_next(&pairs, buffer, sizeof buffer, &pair)) != PAIRS_END) {
        if (result != PAIRS_PAIR || !is_field_name(pair.key) || !add(context, pair.key, pair.value))
            log_once(LOG_WARN, NULL,
                     "OTEL_EXPORTER_OTLP_HEADERS: pair %u can't be sent as a header", pairs.index);
        else if (strcasecmp(pair.key, "authorization") == 0)
            authorized = true;
    }
    if (!authorized && (!write_basic(buffer, user) || !add(context, "Authorization", buffer)))
        log_write(LOG_WARN, "OTEL_EXPORTER_OTLP_ENDPOINT: its user information can't be sent");
}
