// SPDX-License-Identifier: Apache-2.0
#include "agent/base/curl_abi.h"
#include "agent/libraries/curl/curl_handle.h"

#include "agent/base/counters.h"

/* Its objects are a multiple of 64 bytes long. */
union transfer {
    struct curl_transfer transfer;
    char bytes[(sizeof(struct curl_transfer) + 63) / 64 * 64];
};

/* As many transfers as there can be handles; what is not used is address space only. */
static struct slab transfers = SLAB_INIT(sizeof(union transfer), 16, HANDLE_TABLE_ENTRIES);

struct curl_transfer *curl_transfer_take(const struct curl_handle *handle)
{
    uint32_t index;
    struct curl_transfer *transfer = slab_take(&transfers, &index);
    if (!transfer)
        return NULL;
    transfer->index = index;
    transfer->is_s3 = false;
    transfer->is_multi = false;
    transfer->is_injected = false;
    transfer->lines_bytes = 0;
    memcpy(transfer->url, handle->url, sizeof transfer->url);
    struct slice method = curl_handle_method(handle);
    memcpy(transfer->method, method.at, method.length);
    transfer->method[method.length] = '\0';
    return transfer;
}

void curl_transfer_give(struct curl_transfer *transfer)
{
    slab_give(&transfers, transfer->index);
}

static void count_open(const void *object)
{
    const struct curl_handle *handle = object;
    if (handle->transfer)
        client_span_abandon_copy(&handle->transfer->span);
}

void curl_transfer_count_open(void)
{
    curl_handle_each(count_open);
}

/* Names end at a colon, or at a semicolon where the header is sent without a value. */
static struct slice name_of(const char *line)
{
    size_t length = strcspn(line, ":; \t");
    return line[length] ? (struct slice){line, length} : SLICE_NONE;
}

/* Appends the application's nodes; SIZE_MAX where the list may not be touched. */
static size_t copy_nodes(struct curl_transfer *transfer, const struct curl_list *list)
{
    size_t count = 0;
    for (; list; list = list->next) {
        if (count == CURL_NODES) {
            counters_add(&counters.injections_left_out, 1);
            return SIZE_MAX;
        }
        if (list->data && propagator_is_named(name_of(list->data)))
            return SIZE_MAX;
        transfer->nodes[count++].data = list->data;
    }
    return count;
}

struct adding {
    struct curl_transfer *transfer;
    size_t count;
};

static void add_line(void *context, struct slice name, struct slice value)
{
    struct adding *adding = context;
    struct curl_transfer *transfer = adding->transfer;
    size_t bytes = name.length + 2 + value.length + 1;
    if (adding->count == CURL_NODES + CARRIER_FIELDS ||
        bytes > sizeof transfer->lines - transfer->lines_bytes)
        return;
    char *line = transfer->lines + transfer->lines_bytes;
    memcpy(line, name.at, name.length);
    memcpy(line + name.length, ": ", 2);
    memcpy(line + name.length + 2, value.at, value.length);
    line[bytes - 1] = '\0';
    transfer->lines_bytes = (uint16_t)(transfer->lines_bytes + bytes);
    transfer->nodes[adding->count++].data = line;
}

void curl_transfer_inject(struct curl_transfer *transfer, struct curl_handle *handle)
{
    /* A proxy that only opens a tunnel is told nothing. */
    if (handle->is_unified || !span_context_present(&transfer->span.self))
        return;
    struct adding adding = {transfer, copy_nodes(transfer, handle->headers)};
    size_t theirs = adding.count;
    if (theirs == SIZE_MAX)
        return;
    propagate(&transfer->span.self, transfer->room, add_line, &adding);
    if (adding.count == theirs)
        return;
    for (size_t i = 0; i < adding.count; i++)
        transfer->nodes[i].next = i + 1 < adding.count ? &transfer->nodes[i + 1] : NULL;
    transfer->is_injected =
        handle->library->set((void *)handle->handle.address, CURL_OPTION_HTTPHEADER,
                             (uintptr_t)transfer->nodes) == 0;
}

void curl_transfer_restore(struct curl_transfer *transfer, struct curl_handle *handle)
{
    if (!transfer->is_injected)
        return;
    transfer->is_injected = false;
    handle->library->set((void *)handle->handle.address, CURL_OPTION_HTTPHEADER,
                         (uintptr_t)handle->headers);
}
