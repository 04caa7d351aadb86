// SPDX-License-Identifier: Apache-2.0
/* `otelagent options`: prints the table of settings, for people and for config/OPTIONS.md.
 *
 *     otelagent-options              aligned, wrapped to the terminal (or to COLUMNS, or 80)
 *     otelagent-options --markdown   that page's table
 *     otelagent-options --version    the agent's version */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct row {
    const char *section;      /* a row with a section has nothing else */
    const char *variables[5]; /* by rank, ended by NULL */
    const char *value;
    const char *sentence;
};

#define ALSO(...)      __VA_ARGS__
#define SECTION(title) {title, {NULL}, NULL, NULL},
#define OPTION(type, field, variable, also, value, least, most, sentence)                          \
    {NULL, {variable, also}, value, sentence},
static const struct row rows[] = {
#include "config/options.def"
};
enum { ROWS = sizeof rows / sizeof *rows, INDENT = 6 };

static int terminal_columns(void)
{
    struct winsize size;
    const char *asked = getenv("COLUMNS");
    long columns = asked ? strtol(asked, NULL, 10) : 0;
    if (columns <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        columns = size.ws_col;
    if (columns <= 0)
        return 80;
    return columns < 40 ? 40 : columns > 120 ? 120 : (int)columns;
}

static int word_length(const char *text)
{
    return (int)strcspn(text, " ");
}

/* Words with single spaces between, indented, no line longer than `columns` unless a word is. */
static void print_wrapped(const char *text, int columns)
{
    int used = 0;
    while (*text) {
        int length = word_length(text);
        if (used && used + 1 + length > columns) {
            putchar('\n');
            used = 0;
        }
        int lead = used ? 1 : INDENT;
        printf("%*s%.*s", lead, "", length, text);
        used += lead + length;
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static int widest_variable(void)
{
    size_t widest = 0;
    for (size_t i = 0; i < ROWS; i++)
        if (!rows[i].section && strlen(rows[i].variables[0]) > widest)
            widest = strlen(rows[i].variables[0]);
    return (int)widest;
}

static void print_aligned(void)
{
    int columns = terminal_columns();
    int width = widest_variable();
    puts("An empty variable counts as unset. Variables after \"also\" are read when the first is "
         "not\n"
         "set. Times are milliseconds, or have a unit: 500ms, 1s, 2m.");
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        if (row->section) {
            printf("\n%s\n", row->section);
            continue;
        }
        if (*row->value && 2 + width + 2 + (int)strlen(row->value) <= columns)
            printf("  %-*s  %s\n", width, row->variables[0], row->value);
        else
            printf("  %s\n", row->variables[0]);
        print_wrapped(row->sentence, columns);
        if (*row->value && 2 + width + 2 + (int)strlen(row->value) > columns)
            printf("%*sdefault %s\n", INDENT, "", row->value);
        for (size_t n = 1; row->variables[n]; n++)
            printf("%*salso %s\n", INDENT, "", row->variables[n]);
    }
}

/* A cell's text: `|` would end the cell, and `<`, `*` outside code would be markup. */
static void print_cell(const char *text)
{
    int in_code = 0;
    for (; *text; text++) {
        in_code ^= *text == '`';
        if (*text == '|' || (!in_code && strchr("*_<", *text)))
            putchar('\\');
        putchar(*text);
    }
}

static void print_markdown(void)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        if (row->section) {
            printf("%s**%s**\n\n| variable | default | |\n|---|---|---|\n", i ? "\n" : "",
                   row->section);
            continue;
        }
        printf("| `%s`", row->variables[0]);
        for (size_t n = 1; row->variables[n]; n++)
            printf("%s`%s`", n == 1 ? "<br>else " : ", ", row->variables[n]);
        printf(*row->value ? " | `%s` | " : " |%s | ", row->value);
        print_cell(row->sentence);
        fputs(" |\n", stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--markdown") == 0) {
        print_markdown();
    } else if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts(OTELAGENT_VERSION);
    } else if (argc == 1) {
        print_aligned();
    } else {
        fputs("usage: otelagent options [--markdown]\n", stderr);
        return 2;
    }
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
