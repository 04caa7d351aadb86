// SPDX-License-Identifier: Apache-2.0
/* proxy.h - which hosts have to be known where a proxy may stand before the collector.
 *
 * libcurl itself decides whether a proxy is used (https_proxy, all_proxy, no_proxy); this only says
 * whose addresses are worth looking up early. */
#ifndef EXPORTER_PROXY_H
#define EXPORTER_PROXY_H

#include <stdbool.h>

#include "config/config.h"
#include "exporter/transport/endpoint.h"

/* Where the configured proxy is; false: there is none, or its address can't be read. */
bool proxy_place(const struct config *config, struct endpoint *place);

/* Whether the collector may be connected to directly: there is no proxy, not for all hosts, or
 * one that wants to be given addresses (socks4, socks5). */
bool proxy_may_be_passed(const struct config *config);

#endif
