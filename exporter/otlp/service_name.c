// SPDX-License-Identifier: Apache-2.0
/* From paths and modules to names. */
#include "exporter/otlp/service.h"

#include <string.h>

/* Files that are called so whatever they serve, without their ending. */
#define ENTRIES                                                                                    \
    " index main __main__ manage wsgi asgi run start cli www console artisan config quarkus-run "  \
    "celery celery_app uwsgi . "

/* Folders of which the same is true, and those that users' folders lie in. */
#define FOLDERS                                                                                    \
    " app apps application src lib lib64 libexec bin sbin dist build out output public www html "  \
    "htdocs web site server backend api current release releases shared code project projects "    \
    "workspace work repo git opt srv usr local share var etc data mnt media scripts script "       \
    "config conf cgi-bin venv .venv env node_modules .bin target quarkus-app deployments "         \
    "packages site-packages dist-packages vendor uwsgi apps-enabled apps-available "

#define ENDINGS                                                                                    \
    " py pyc pyz pyw js mjs cjs ts mts cts tsx jsx rb ru php phar pl psgi sh jar war java dll "    \
    "ini "                                                                                         \
    "yaml yml toml "

/* A word may hold anything, NUL too: units' names are unescaped. */
bool service_is_one_of(struct slice word, const char *list)
{
    size_t length = strlen(list);
    for (size_t i = 0; word.length && i + word.length + 2 <= length; i++)
        if (list[i] == ' ' && memcmp(list + i + 1, word.at, word.length) == 0 &&
            list[i + 1 + word.length] == ' ')
            return true;
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return slice_lower(c) >= 'a' && slice_lower(c) <= 'z';
}

/* A number of five digits, or a long word of hexadecimal ones: no person's. */
static bool looks_made_up(struct slice name)
{
    size_t digits = 0, run = 0, hex = 0, hex_digits = 0;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.at[i];
        bool in_hex = is_digit(c) || (slice_lower(c) >= 'a' && slice_lower(c) <= 'f');
        digits = is_digit(c) ? digits + 1 : 0;
        hex = in_hex ? hex + 1 : 0;
        hex_digits = in_hex ? hex_digits + is_digit(c) : 0;
        run = digits > run ? digits : run;
        if (run >= 5 || (hex >= 12 && hex_digits >= 2))
            return true;
    }
    return slice_starts(name, SLICE_LITERAL("tmp"));
}

bool service_take(struct service *service, struct slice name, const char *source)
{
    bool letters = false;
    if (!name.length || name.length >= sizeof service->name || name.at[0] == '-' ||
        name.at[0] == '.' || looks_made_up(name))
        return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.at[i];
        letters = letters || is_letter(c);
        if (!is_letter(c) && !is_digit(c) && c != '-' && c != '_' && c != '.')
            return false;
    }
    if (!letters)
        return false;
    memcpy(service->name, name.at, name.length);
    service->name[name.length] = '\0';
    service->source = source;
    return true;
}

struct slice service_last_part(struct slice *path)
{
    while (path->length && path->at[path->length - 1] == '/')
        path->length--;
    size_t start = path->length;
    while (start && path->at[start - 1] != '/')
        start--;
    struct slice part = {path->at + start, path->length - start};
    path->length = start;
    return part;
}

/* The ending of a known kind goes; a dot may be part of a name. */
static struct slice without_ending(struct slice name)
{
    size_t dot = name.length;
    while (dot && name.at[dot - 1] != '.')
        dot--;
    if (dot > 1 && service_is_one_of(slice_after(name, dot), ENDINGS))
        name.length = dot - 1;
    return name;
}

/* Where folders are called by chance, or after a person. */
static bool is_foreign(struct slice path)
{
    static const struct slice roots[] = {SLICE_LITERAL("/tmp"),  SLICE_LITERAL("/var/tmp"),
                                         SLICE_LITERAL("/dev"),  SLICE_LITERAL("/run"),
                                         SLICE_LITERAL("/proc"), SLICE_LITERAL("/var/run"),
                                         SLICE_LITERAL("/root"), SLICE_LITERAL("/nix")};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
        if (slice_starts(path, roots[i]) &&
            (path.length == roots[i].length || path.at[roots[i].length] == '/'))
            return !slice_equal(roots[i], SLICE_LITERAL("/root")) || path.length <= 6;
    return false;
}

/* The innermost folder of an absolute path whose name says something. */
static bool take_innermost(struct service *service, struct slice path)
{
    if (!path.length || path.at[0] != '/' || is_foreign(path))
        return false;
    while (path.length > 1) {
        struct slice part = service_last_part(&path);
        struct slice outer = path;
        struct slice around = service_last_part(&outer);
        if (slice_equal(around, SLICE_LITERAL("home")) ||
            slice_equal(part, SLICE_LITERAL("home")) || slice_equal(part, SLICE_LITERAL("root")))
            return false;
        if (!service_is_one_of(part, FOLDERS) && service_take(service, part, "the folder"))
            return true;
    }
    return false;
}

bool service_take_folder(struct service *service, const char *folder)
{
    return take_innermost(service, slice_of(folder));
}

bool service_take_folder_of(struct service *service, struct slice path, const char *folder)
{
    if (path.length && path.at[0] == '/')
        return take_innermost(service, path);
    while (path.length) {
        struct slice part = service_last_part(&path);
        if (!service_is_one_of(part, FOLDERS " . .. ") && service_take(service, part, "the folder"))
            return true;
    }
    return service_take_folder(service, folder);
}

bool service_take_path(struct service *service, struct slice path, const char *folder,
                       const char *source)
{
    struct slice name = without_ending(service_last_part(&path));
    if (service_is_one_of(name, ENTRIES) && service_take_folder_of(service, path, folder))
        return true;
    return !slice_equal(name, SLICE_LITERAL("__main__")) && service_take(service, name, source);
}

/* shop.main is "shop", shop.orders its own name, and config.wsgi says nothing. */
bool service_take_module(struct service *service, struct slice module, const char *folder)
{
    module.length = slice_find(module, ':');
    if (slice_starts(module, SLICE_LITERAL("src.")))
        module = slice_after(module, 4);
    struct slice whole = module;
    while (module.length) {
        size_t dot = module.length;
        while (dot && module.at[dot - 1] != '.')
            dot--;
        struct slice last = slice_after(module, dot);
        if (!service_is_one_of(last, ENTRIES " app application "))
            return service_take(service, module, "the module");
        module.length = dot ? dot - 1 : 0;
    }
    whole.length = slice_find(whole, '.');
    if (service_is_one_of(whole, ENTRIES) && service_take_folder(service, folder))
        return true;
    return !slice_equal(whole, SLICE_LITERAL("__main__")) &&
           service_take(service, whole, "the module");
}

bool service_take_jar(struct service *service, struct slice path, const char *folder)
{
    static const struct slice kinds[] = {
        SLICE_LITERAL("-SNAPSHOT"), SLICE_LITERAL("-all"),
        SLICE_LITERAL("-exec"),     SLICE_LITERAL("-fat"),
        SLICE_LITERAL("-shaded"),   SLICE_LITERAL("-boot"),
        SLICE_LITERAL("-runner"),   SLICE_LITERAL("-jar-with-dependencies")};
    struct slice folders = path;
    struct slice name = without_ending(service_last_part(&folders));
    for (size_t i = 1; i + 1 < name.length; i++) {
        size_t number = i + 1 + (name.at[i + 1] == 'v');
        if ((name.at[i] == '-' || name.at[i] == '_') && number < name.length &&
            is_digit(name.at[number]))
            name.length = i;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (slice_ends(name, kinds[i]) && name.length > kinds[i].length)
            name.length -= kinds[i].length;
    if (service_is_one_of(name, ENTRIES) && service_take_folder_of(service, folders, folder))
        return true;
    return service_take(service, name, "the jar");
}
