// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/proxy.h"

#include <string.h>
#include <strings.h>

#define PORT       1080 /* libcurl's, where the URL names none */
#define PORT_HTTPS 443

static bool has_port(const char *url)
{
    const char *at = strrchr(url, '@');
    const char *bracket = strrchr(url, ']');
    const char *host = bracket ? bracket : at ? at : url;
    const char *colon = strchr(host, ':');
    return colon && colon[1] >= '0' && colon[1] <= '9';
}

bool proxy_place(const struct config *config, struct endpoint *place)
{
    const char *url = config->https_proxy;
    const char *scheme_end = strstr(url, "://");
    const char *rest = scheme_end ? scheme_end + 3 : url;
    if (!url[0] || !endpoint_parse(place, rest))
        return false;
    if (!has_port(rest))
        place->port = strncasecmp(url, "https:", 6) == 0 ? PORT_HTTPS : PORT;
    return true;
}

bool proxy_may_be_passed(const struct config *config)
{
    const char *url = config->https_proxy;
    return !url[0] || config->no_proxy[0] || strncasecmp(url, "socks4:", 7) == 0 ||
           strncasecmp(url, "socks5:", 7) == 0 || strncasecmp(url, "socks:", 6) == 0;
}
