// SPDX-License-Identifier: Apache-2.0
/* life.h - between the files of the server that life.c is. */
#ifndef TESTS_LIFE_H
#define TESTS_LIFE_H

#define LIFE_SECONDS 300
#define LARGE_BYTES  (32u << 20) /* more than a client that does not read lets through */

/* What happens while a request of that path is in flight. A table ends with a row without. */
struct row {
    const char *path;
    void (*handler)(int client, const char *name);
};
extern const struct row jump_rows[], library_rows[], signal_rows[];

extern int listener;

void send_text(int client, const char *text);
void answer(int client);
/* Of a thread, so the client is a pointer; ends early where the client has gone. */
void *answer_large(void *client);

/* sigaction() with an empty mask. */
void handle(int number, void (*handler)(int), int flags);
/* SIGALRM now and then, every so many microseconds; 0: as at the beginning. */
void tick(long microseconds);

#endif
