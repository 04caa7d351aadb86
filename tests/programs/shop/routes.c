// SPDX-License-Identifier: Apache-2.0
#include "routes.h"
#include "database.h"
#include "storage.h"
#include <stdlib.h>
#include <string.h>

enum { BODY_BYTES_MAX = 8 << 20, REQUEST_ID_MAX = 32 };

struct request {
    struct bytes body;
    size_t room;
    bool too_large;
};

struct answer {
    unsigned status;
    const char *type;
    struct bytes body;
};

typedef void route_function(struct MHD_Connection *connection, const char *id, unsigned number,
                            struct bytes body, struct answer *answer);

/* --- helpers --- */

static bool is_id_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* X-Request-ID when it is 1 to 32 digits and letters, else "": it goes into SQL and keys. */
static const char *request_id(struct MHD_Connection *connection)
{
    const char *id = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Request-ID");
    size_t length = 0;

    if (!id)
        return "";
    while (is_id_character(id[length]))
        length++;
    return id[length] == '\0' && length <= REQUEST_ID_MAX ? id : "";
}

static FILE *open_body(struct answer *answer)
{
    answer->type = "application/json";
    return open_memstream(&answer->body.data, &answer->body.length);
}

static void finish(struct answer *answer, FILE *out, enum database_result result)
{
    static const unsigned statuses[] = {
        [DATABASE_FOUND] = 200, [DATABASE_ABSENT] = 404, [DATABASE_FAILED] = 500};

    if (result == DATABASE_ABSENT)
        fputs("{\"error\":\"not found\"}\n", out);
    fclose(out);
    answer->status = statuses[result];
}

static void storage_failed(struct answer *answer, FILE *out, long status, const char *error)
{
    fprintf(out, "{\"error\":\"storage\",\"status\":%ld,\"reason\":", status);
    json_text(out, error);
    fputs("}\n", out);
    fclose(out);
    answer->status = 502;
}

/* --- the routes --- */

static void health(struct MHD_Connection *connection, const char *id, unsigned number,
                   struct bytes body, struct answer *answer)
{
    FILE *out = open_body(answer);

    (void)connection, (void)id, (void)number, (void)body;
    fputs("{\"status\":\"ok\"}\n", out);
    finish(answer, out, DATABASE_FOUND);
}

static void products(struct MHD_Connection *connection, const char *id, unsigned number,
                     struct bytes body, struct answer *answer)
{
    FILE *out = open_body(answer);
    const char *category =
        MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "category");

    (void)number, (void)body;
    finish(answer, out, database_products(id, category, out));
}

static void product(struct MHD_Connection *connection, const char *id, unsigned number,
                    struct bytes body, struct answer *answer)
{
    FILE *out = open_body(answer);

    (void)connection, (void)body;
    finish(answer, out, database_product(id, number, out));
}

static void image_put(struct MHD_Connection *connection, const char *id, unsigned number,
                      struct bytes body, struct answer *answer)
{
    FILE *out = open_body(answer);
    char key[DATABASE_KEY_BYTES], error[STORAGE_ERROR_BYTES];
    enum database_result result = database_image_key(id, number, key, out);

    (void)connection;
    if (result != DATABASE_FOUND)
        return finish(answer, out, result);
    snprintf(key, sizeof key, "products/%u/%s", number, *id ? id : "image");
    long status = storage_put(key, body, error);
    if (status != 200)
        return storage_failed(answer, out, status, error);
    result = database_set_image_key(id, number, key, out);
    if (result == DATABASE_FOUND)
        fprintf(out, "{\"id\":%u,\"image_key\":\"%s\",\"bytes\":%zu}\n", number, key, body.length);
    finish(answer, out, result);
    if (answer->status == 200)
        answer->status = 201;
}

static void image_get(struct MHD_Connection *connection, const char *id, unsigned number,
                      struct bytes body, struct answer *answer)
{
    FILE *out = open_body(answer);
    char key[DATABASE_KEY_BYTES], error[STORAGE_ERROR_BYTES];
    struct bytes content = {0};
    enum database_result result = database_image_key(id, number, key, out);

    (void)connection, (void)body;
    if (result != DATABASE_FOUND || !*key)
        return finish(answer, out, result == DATABASE_FAILED ? result : DATABASE_ABSENT);
    long status = storage_get(key, &content, error);
    if (status != 200)
        return storage_failed(answer, out, status, error);
    finish(answer, out, DATABASE_FOUND);
    free(answer->body.data);
    answer->body = content;
    answer->type = "application/octet-stream";
}

static void categories(struct MHD_Connection *connection, const char *id, unsigned number,
                       struct bytes body, struct answer *answer)
{
    FILE *out = open_body(answer);

    (void)connection, (void)number, (void)body;
    finish(answer, out, database_categories(id, out));
}

static void category_products(struct MHD_Connection *connection, const char *id, unsigned number,
                              struct bytes body, struct answer *answer)
{
    FILE *out = open_body(answer);

    (void)connection, (void)body;
    finish(answer, out, database_category_products(id, number, out));
}

static void broken(struct MHD_Connection *connection, const char *id, unsigned number,
                   struct bytes body, struct answer *answer)
{
    FILE *out = open_body(answer);

    (void)connection, (void)number, (void)body;
    finish(answer, out, database_broken(id, out));
}

/* `#` stands for a number of 1 to 9 digits. */
static const struct {
    const char *method;
    const char *pattern;
    route_function *function;
} routes[] = {
    {"GET", "/health", health},
    {"GET", "/products", products},
    {"GET", "/products/#", product},
    {"POST", "/products/#/image", image_put},
    {"GET", "/products/#/image", image_get},
    {"GET", "/categories", categories},
    {"GET", "/categories/#/products", category_products},
    {"GET", "/broken", broken},
};

static bool matches(const char *pattern, const char *path, unsigned *number)
{
    for (; *pattern; pattern++) {
        if (*pattern != '#') {
            if (*path++ != *pattern)
                return false;
            continue;
        }
        size_t digits = strspn(path, "0123456789");
        if (digits == 0 || digits > 9)
            return false;
        *number = (unsigned)strtoul(path, NULL, 10);
        path += digits;
    }
    return *path == '\0';
}

static void answer_to(struct MHD_Connection *connection, const char *method, const char *path,
                      struct bytes body, struct answer *answer)
{
    bool head = strcmp(method, "HEAD") == 0;
    unsigned number = 0;

    answer->status = 404;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!matches(routes[i].pattern, path, &number))
            continue;
        if (strcmp(routes[i].method, head ? "GET" : method) == 0)
            return routes[i].function(connection, request_id(connection), number, body, answer);
        answer->status = 405;
    }
    FILE *out = open_body(answer);
    fprintf(out, "{\"error\":\"%s\"}\n", answer->status == 405 ? "wrong method" : "not found");
    fclose(out);
}

/* --- libmicrohttpd --- */

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer *answer)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->body.length, answer->body.data, MHD_RESPMEM_MUST_FREE);

    if (!response) {
        free(answer->body.data);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
    enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

static void add_piece(struct request *request, const char *piece, size_t length)
{
    size_t wanted = request->body.length + length;

    if (wanted > BODY_BYTES_MAX) {
        request->too_large = true;
        return;
    }
    if (wanted > request->room) {
        size_t room = wanted > 2 * request->room ? wanted : 2 * request->room;
        char *grown = realloc(request->body.data, room);
        if (!grown) {
            request->too_large = true;
            return;
        }
        request->body.data = grown;
        request->room = room;
    }
    memcpy(request->body.data + request->body.length, piece, length);
    request->body.length = wanted;
}

enum MHD_Result routes_answer(void *nothing, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *piece,
                              size_t *piece_length, void **kept)
{
    struct request *request = *kept;
    struct answer answer = {0};

    (void)nothing, (void)version;
    if (!request) {
        *kept = calloc(1, sizeof *request);
        return *kept ? MHD_YES : MHD_NO;
    }
    if (*piece_length > 0) {
        add_piece(request, piece, *piece_length);
        *piece_length = 0;
        return MHD_YES;
    }
    if (request->too_large) {
        FILE *out = open_body(&answer);
        fputs("{\"error\":\"too large\"}\n", out);
        fclose(out);
        answer.status = 413;
    } else {
        answer_to(connection, method, path, request->body, &answer);
    }
    return send_answer(connection, &answer);
}

void routes_completed(void *nothing, struct MHD_Connection *connection, void **kept,
                      enum MHD_RequestTerminationCode code)
{
    struct request *request = *kept;

    (void)nothing, (void)connection, (void)code;
    if (!request)
        return;
    free(request->body.data);
    free(request);
    *kept = NULL;
}
