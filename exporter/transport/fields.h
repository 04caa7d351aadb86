// SPDX-License-Identifier: Apache-2.0
/* fields.h - the header fields that the user wants sent with each post.
 *
 * From OTEL_EXPORTER_OTLP_HEADERS, checked here, so that no transport can be made to send a line
 * that is not a field; and `Authorization: Basic` (RFC 7617) from the user information in the
 * endpoint, percent-decoded, unless the headers have an Authorization of their own. */
#ifndef EXPORTER_FIELDS_H
#define EXPORTER_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/slice.h"
#include "config/config.h"

/* Hands each field to `add`, which returns false where it has no room. Those that can't be sent
 * are warned about by number, because a name that can't be read may be a piece of a secret. */
void fields_configured(const struct config *config, struct slice user,
                       bool (*add)(void *context, const char *name, const char *value),
                       void *context);

#endif
