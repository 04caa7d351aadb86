// SPDX-License-Identifier: Apache-2.0
/* main.c - the shop's settings, its server and its end. */
#include "database.h"
#include "routes.h"
#include "storage.h"
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Each setting is an option, or an environment variable, or its default. */
enum setting {
    PORT,
    THREADS,
    CONNECTION_THREADS,
    CONNECTIONS,
    DB_SOCKET,
    DB_HOST,
    DB_PORT,
    DB_USER,
    DB_PASSWORD,
    DB_NAME,
    S3_ENDPOINT,
    S3_REGION,
    S3_BUCKET,
    S3_ACCESS_KEY,
    S3_SECRET_KEY,
    SETTINGS
};

static const struct {
    const char *option, *variable, *value, *sentence;
} table[SETTINGS] = {
    [PORT] = {"port", "SHOP_PORT", "8080", "port on 127.0.0.1; 0: any free one"},
    [THREADS] = {"threads", "SHOP_THREADS", "8", "worker threads"},
    [CONNECTION_THREADS] = {"thread-per-connection", "SHOP_THREAD_PER_CONNECTION", "0",
                            "1: a thread a connection instead of a pool"},
    [CONNECTIONS] = {"connections", "SHOP_CONNECTIONS", "8", "connections to the database"},
    [DB_SOCKET] = {"db-socket", "SHOP_DB_SOCKET", "", "unix socket of the database"},
    [DB_HOST] = {"db-host", "SHOP_DB_HOST", "127.0.0.1", "host of the database"},
    [DB_PORT] = {"db-port", "SHOP_DB_PORT", "3306", "port of the database"},
    [DB_USER] = {"db-user", "SHOP_DB_USER", "shop", "user of the database"},
    [DB_PASSWORD] = {"db-password", "SHOP_DB_PASSWORD", "", "password of the database"},
    [DB_NAME] = {"db-name", "SHOP_DB_NAME", "shop", "name of the database"},
    [S3_ENDPOINT] = {"s3-endpoint", "SHOP_S3_ENDPOINT", "http://127.0.0.1:9000", "S3 server"},
    [S3_REGION] = {"s3-region", "SHOP_S3_REGION", "us-east-1", "region to sign for"},
    [S3_BUCKET] = {"s3-bucket", "SHOP_S3_BUCKET", "images", "bucket for pictures"},
    [S3_ACCESS_KEY] = {"s3-access-key", "SHOP_S3_ACCESS_KEY", "", "access key"},
    [S3_SECRET_KEY] = {"s3-secret-key", "SHOP_S3_SECRET_KEY", "", "secret key"},
};

static void usage(FILE *out)
{
    fputs("usage: shop [--OPTION VALUE]...\n", out);
    for (int i = 0; i < SETTINGS; i++)
        fprintf(out, "  --%-22s %s (%s, default \"%s\")\n", table[i].option, table[i].sentence,
                table[i].variable, table[i].value);
}

/* 0 to `most`; anything else ends the program. */
static unsigned number(const char *const values[], enum setting setting, unsigned most)
{
    char *end;
    unsigned long value = strtoul(values[setting], &end, 10);

    if (!*values[setting] || *end || value > most) {
        fprintf(stderr, "shop: --%s: %s is not a number from 0 to %u\n", table[setting].option,
                values[setting], most);
        exit(2);
    }
    return (unsigned)value;
}

static struct shop_options read_options(int argc, char **argv)
{
    struct option options[SETTINGS + 2] = {0};
    const char *values[SETTINGS];
    int found;

    for (int i = 0; i < SETTINGS; i++) {
        const char *environment = getenv(table[i].variable);
        values[i] = environment && *environment ? environment : table[i].value;
        options[i] = (struct option){table[i].option, required_argument, NULL, i};
    }
    options[SETTINGS] = (struct option){"help", no_argument, NULL, SETTINGS};
    while ((found = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (found < 0 || found >= SETTINGS) {
            usage(found == SETTINGS ? stdout : stderr);
            exit(found == SETTINGS ? 0 : 2);
        }
        values[found] = optarg;
    }
    return (struct shop_options){
        .port = number(values, PORT, 65535),
        .threads = number(values, THREADS, 1024),
        .thread_per_connection = number(values, CONNECTION_THREADS, 1) == 1,
        .connections = number(values, CONNECTIONS, 64),
        .db_socket = values[DB_SOCKET],
        .db_host = values[DB_HOST],
        .db_port = number(values, DB_PORT, 65535),
        .db_user = values[DB_USER],
        .db_password = values[DB_PASSWORD],
        .db_name = values[DB_NAME],
        .s3_endpoint = values[S3_ENDPOINT],
        .s3_region = values[S3_REGION],
        .s3_bucket = values[S3_BUCKET],
        .s3_access_key = values[S3_ACCESS_KEY],
        .s3_secret_key = values[S3_SECRET_KEY],
    };
}

static struct MHD_Daemon *serve(const struct shop_options *options)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)options->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned flags = MHD_USE_ERROR_LOG | MHD_USE_INTERNAL_POLLING_THREAD;
    struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)options->threads, NULL},
                                    {MHD_OPTION_END, 0, NULL}};

    if (options->thread_per_connection) {
        flags |= MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL;
        pool[0] = pool[1];
    } else {
        flags |= MHD_USE_EPOLL;
    }
    return MHD_start_daemon(flags, 0, NULL, NULL, routes_answer, NULL, MHD_OPTION_SOCK_ADDR,
                            &address, MHD_OPTION_NOTIFY_COMPLETED, routes_completed, NULL,
                            MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
}

int main(int argc, char **argv)
{
    struct shop_options options = read_options(argc, argv);
    sigset_t ends;
    int which;

    /* The threads inherit the mask, so that the signals come to sigwait() below and nowhere else.
     */
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);

    if (!storage_open(&options) || !database_open(&options))
        return 1;
    struct MHD_Daemon *daemon = serve(&options);
    if (!daemon) {
        fprintf(stderr, "shop: can't listen on 127.0.0.1:%u\n", options.port);
        return 1;
    }
    printf("shop: http://127.0.0.1:%u\n",
           (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);

    sigwait(&ends, &which);
    MHD_stop_daemon(daemon);
    database_close();
    storage_close();
    return 0;
}
