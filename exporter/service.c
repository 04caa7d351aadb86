// SPDX-License-Identifier: Apache-2.0
#include "exporter/service.h"

#include <string.h>

/* ---- the systemd unit ---- */

/* Units, without their ending, whose processes are somebody else's: of sessions, of jobs, of
 * containers, of services that have a name of their own. */
#define RUNNING_OTHERS                                                                             \
    " docker containerd podman crio cri-o snapd lxc lxd incus libvirtd machined kubelet k3s "      \
    "nomad ssh sshd dropbear getty serial-getty console-getty user cron crond cronie anacron atd " \
    "fcron rc-local rescue emergency init dbus gdm gdm3 sddm lightdm xrdp xrdp-sesman cloud-init " \
    "cloud-final cloud-config supervisor supervisord monit runit circus circusd pm2 god jenkins "  \
    "gitlab-runner buildkite-agent actions-runner teamcity-agent webmin cockpit code-server "      \
    "gnome-terminal-server dbus-broker "

/* Units that are called after the program that runs the service: its own name is better, if there
 * is one. */
#define RUNNERS_UNITS                                                                              \
    " gunicorn uvicorn hypercorn daphne uwsgi emperor celery celerybeat flask django node nodejs " \
    "python python3 java php ruby perl puma unicorn rails sidekiq "

/* \xNN, as systemd writes what a unit's name can't hold. */
static struct slice unescape(struct slice text, char *into, size_t capacity)
{
    size_t length = 0;
    for (size_t i = 0; i < text.length && length < capacity; i++) {
        unsigned value = 0;
        int digits = 0;
        if (text.at[i] == '\\' && i + 3 < text.length && text.at[i + 1] == 'x')
            for (char c; digits < 2; digits++) {
                c = slice_lower(text.at[i + 2 + (size_t)digits]);
                value = value * 16 + (unsigned)(c >= 'a' ? c - 'a' + 10 : c - '0');
            }
        into[length++] = digits ? (char)value : text.at[i];
        i += digits ? 3 : 0;
    }
    return (struct slice){into, length};
}

/* The innermost part of the path that is a unit with processes; SLICE_NONE where that is a scope,
 * because those are made for what somebody else has started. */
static struct slice unit_of(struct slice path)
{
    struct slice service = SLICE_LITERAL(".service");
    while (path.length > 1) {
        struct slice part = service_last_part(&path);
        if (slice_ends(part, SLICE_LITERAL(".scope")))
            return SLICE_NONE;
        if (slice_ends(part, service)) {
            part.length -= service.length;
            return part.length && part.at[0] == '_' ? slice_after(part, 1) : part;
        }
    }
    return SLICE_NONE;
}

static bool runs_others(struct slice unit)
{
    return service_is_one_of(unit, RUNNING_OTHERS) ||
           slice_starts(unit, SLICE_LITERAL("systemd-")) ||
           slice_starts(unit, SLICE_LITERAL("run-")) || slice_starts(unit, SLICE_LITERAL("app-")) ||
           slice_starts(unit, SLICE_LITERAL("pm2-")) ||
           slice_starts(unit, SLICE_LITERAL("dbus-")) ||
           slice_starts(unit, SLICE_LITERAL("actions.runner.")) ||
           slice_starts(unit, SLICE_LITERAL("docker-")) ||
           slice_starts(unit, SLICE_LITERAL("snap.docker."));
}

/* Of a template's instances shop@1 and shop@2 the service is shop; of uwsgi@shop it is, too. */
static void take_unit(struct service *service, struct slice unit)
{
    char text[2 * SERVICE_NAME_BYTES];
    unit = unescape(unit, text, sizeof text);
    size_t at = slice_find(unit, '@');
    struct slice name = {unit.at, at};
    struct slice instance = at < unit.length ? slice_after(unit, at + 1) : SLICE_NONE;
    if (runs_others(name))
        return;
    if (service_is_one_of(name, RUNNERS_UNITS))
        name = instance;
    (void)service_take(service, name, "the systemd unit");
}

void service_from_cgroup(struct service *service, struct slice text)
{
    while (text.length) {
        struct slice line = {text.at, slice_find(text, '\n')};
        text = slice_after(text, line.length < text.length ? line.length + 1 : line.length);
        size_t first = slice_find(line, ':');
        struct slice path = slice_after(line, first < line.length ? first + 1 : first);
        size_t second = slice_find(path, ':');
        struct slice controllers = {path.at, second};
        if (controllers.length && !slice_equal(controllers, SLICE_LITERAL("name=systemd")))
            continue;
        path = slice_after(path, second < path.length ? second + 1 : second);
        struct slice unit = unit_of(path);
        if (unit.length && !service->name[0])
            take_unit(service, unit);
    }
}

/* ---- the command ---- */

struct command {
    const char *const *words;
    int count;
    int at; /* the next one to be looked at */
    const char *folder;
    const char *application;
};

static struct slice next_word(struct command *command)
{
    return slice_of(command->at < command->count ? command->words[command->at++] : "");
}

static bool is_option(struct slice word)
{
    return word.length > 1 && word.at[0] == '-';
}

/* The value of one of these options, in whatever way it is given. */
static struct slice option_value(const struct command *command, const char *names)
{
    for (int i = command->at; i < command->count; i++) {
        struct slice word = slice_of(command->words[i]);
        struct slice name = {word.at, slice_find(word, '=')};
        if (!is_option(word) || !service_is_one_of(name, names))
            continue;
        if (name.length < word.length)
            return slice_after(word, name.length + 1);
        return i + 1 < command->count ? slice_of(command->words[i + 1]) : SLICE_NONE;
    }
    return SLICE_NONE;
}

static bool is_identifier(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char lower = slice_lower(text.at[i]);
        bool digit = text.at[i] >= '0' && text.at[i] <= '9';
        if (!(lower >= 'a' && lower <= 'z') && lower != '_' && (i == 0 || (!digit && lower != '.')))
            return false;
    }
    return text.length > 0;
}

/* MODULE:OBJECT, where the object may be called. */
static bool is_object(struct slice word)
{
    size_t colon = slice_find(word, ':');
    struct slice object = slice_after(word, colon < word.length ? colon + 1 : colon);
    object.length = slice_find(object, '(');
    return is_identifier((struct slice){word.at, colon}) && is_identifier(object);
}

/* Options of these runners that take no value. */
#define FLAGS                                                                                      \
    " -D --daemon --reload --preload --check-config --no-sendfile --capture-output "               \
    "--proxy-protocol --reuse-port --enable-stdio-inheritance --log-syslog --factory "             \
    "--proxy-headers --no-access-log --use-colors --no-use-colors --debug "

/* gunicorn, uvicorn and their kind: MODULE:OBJECT somewhere, else the only word that is neither an
 * option nor the value of one. */
static void take_application(struct service *service, const struct command *command)
{
    bool value = false;
    struct slice bare = SLICE_NONE;
    for (int i = command->at; i < command->count; i++) {
        struct slice word = slice_of(command->words[i]);
        bool named = service_is_one_of(slice_of(command->words[i - 1]),
                                       " -c --config -k --worker-class --logger-class ");
        if (!named && !is_option(word) && is_object(word)) {
            (void)service_take_module(service, word, command->folder);
            return;
        }
        if (is_option(word))
            value = slice_find(word, '=') == word.length && !service_is_one_of(word, FLAGS);
        else if (value)
            value = false;
        else if (!bare.at && is_identifier(word))
            bare = word;
    }
    if (bare.at)
        (void)service_take_module(service, bare, command->folder);
}

/* A module, with or without an object, or a file. */
static void take_module_or_file(struct service *service, struct slice text,
                                const struct command *command)
{
    struct slice file = {text.at, slice_find(text, ':')};
    if (slice_find(file, '/') < file.length || slice_ends(file, SLICE_LITERAL(".py")))
        (void)service_take_path(service, file, command->folder, "the script");
    else if (text.length)
        (void)service_take_module(service, text, command->folder);
}

static void take_uwsgi(struct service *service, const struct command *command)
{
    struct slice module = option_value(command, " --module -w --wsgi ");
    struct slice file =
        option_value(command, " --wsgi-file --file --psgi --ini --yaml --ini-paste ");
    if (!module.at && file.at)
        (void)service_take_path(service, file, command->folder, "the script");
    else
        take_module_or_file(service, module, command);
    for (int i = command->at; i < command->count && !service->name[0]; i++) {
        struct slice word = slice_of(command->words[i]);
        if (slice_ends(word, SLICE_LITERAL(".ini")) && !is_option(word))
            (void)service_take_path(service, word, command->folder, "the script");
    }
}

/* Programs that run a script which one of their arguments is. */
static void take_script_among(struct service *service, const struct command *command)
{
    for (int i = command->at; i < command->count && !service->name[0]; i++) {
        struct slice word = slice_of(command->words[i]);
        bool script =
            slice_ends(word, SLICE_LITERAL(".py")) || slice_ends(word, SLICE_LITERAL(".js")) ||
            slice_ends(word, SLICE_LITERAL(".ts")) || slice_ends(word, SLICE_LITERAL(".psgi")) ||
            slice_ends(word, SLICE_LITERAL(".rb")) || slice_ends(word, SLICE_LITERAL(".pl"));
        if (script && !is_option(word))
            (void)service_take_path(service, word, command->folder, "the script");
    }
}

/* Is it a program that runs other people's services? Then takes the name from what it runs. */
static bool take_runner(struct service *service, struct slice runner, const struct command *command)
{
    if (service_is_one_of(runner, " gunicorn uvicorn hypercorn daphne granian waitress-serve "
                                  "waitress gunicorn3 "))
        take_application(service, command);
    else if (service_is_one_of(runner, " flask quart "))
        take_module_or_file(service,
                            option_value(command, " --app -A ").at
                                ? option_value(command, " --app -A ")
                                : slice_of(command->application),
                            command);
    else if (service_is_one_of(runner, " celery "))
        take_module_or_file(service, option_value(command, " --app -A "), command);
    else if (slice_starts(runner, SLICE_LITERAL("uwsgi")))
        take_uwsgi(service, command);
    else if (service_is_one_of(runner, " fastapi streamlit ts-node ts-node-dev tsx nodemon starman "
                                       "plackup hypnotoad morbo twiggy "))
        take_script_among(service, command);
    else if (service_is_one_of(runner, " rails puma rackup unicorn thin passenger sidekiq bundle "
                                       "falcon rake next nuxt vite artisan "))
        (void)service_take_folder(service, command->folder);
    else
        return service_is_one_of(runner, " npm npx yarn pnpm npm-cli npx-cli pip pip3 pytest "
                                         "ansible ansible-playbook django mod_wsgi-express pm2 ");
    return true;
}

static void take_script(struct service *service, struct slice path, struct command *command)
{
    struct slice folders = path;
    struct slice name = service_last_part(&folders);
    size_t dot = slice_find(name, '.');
    if (take_runner(service, (struct slice){name.at, dot}, command))
        return;
    (void)service_take_path(service, path, command->folder, "the script");
}

/* Options of interpreters. */
struct interpreter {
    const char *names;   /* its executables, without what follows of a version */
    const char *valued;  /* take the next word, where nothing follows them in their own */
    const char *code;    /* run what is given, not a script */
    const char *letters; /* the same among several letters behind one hyphen; NULL: there is none */
    const char *lone;    /* letters with which the rest of the word is a value, if they are first */
    const char *scripts; /* are followed by the script */
};

static const struct interpreter interpreters[] = {
    {" python pypy ", " -W -X --check-hash-based-pycs ", " ", "c", "WX", " "},
    {" node nodejs ", " -r --require --import --loader --experimental-loader -C --conditions ",
     " -e --eval -p --print -pe ", NULL, "", " "},
    {" ruby ", " -I -r -C -W -E -K ", " ", "e", "IrCWEKFTx0", " "},
    {" php php-cgi ", " -d -c -z -S -t ", " -r -B -R -E ", NULL, "", " -f -F "},
    {" perl ", " -I ", " ", "eE", "IMmCdDFilx0", " "},
    {" dotnet ", " --depsfile --runtimeconfig --fx-version ", " ", NULL, "", " exec "},
};

static bool is_java(struct slice name)
{
    return slice_equal(name, SLICE_LITERAL("java"));
}

/* A class: the package says more than Main does; those of launchers say nothing. */
static void take_class(struct service *service, struct slice class)
{
    static const struct slice launchers[] = {
        SLICE_LITERAL("org.apache."),  SLICE_LITERAL("org.springframework."),
        SLICE_LITERAL("org.gradle."),  SLICE_LITERAL("org.codehaus."),
        SLICE_LITERAL("org.eclipse."), SLICE_LITERAL("com.sun."),
        SLICE_LITERAL("sun."),         SLICE_LITERAL("jdk."),
        SLICE_LITERAL("org.jboss."),   SLICE_LITERAL("worker.")};
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++)
        if (slice_starts(class, launchers[i]))
            return;
    for (;;) {
        size_t dot = class.length;
        while (dot && class.at[dot - 1] != '.')
            dot--;
        struct slice last = slice_after(class, dot);
        if (!dot || !service_is_one_of(last, " Main Application App Server Launcher Bootstrap "
                                             "main app server bootstrap ")) {
            (void)service_take(service, last, "the class");
            return;
        }
        class.length = dot - 1;
    }
}

/* Options that take the next word. */
#define JAVAS_VALUED                                                                               \
    " -cp -classpath --class-path -p --module-path --upgrade-module-path --add-modules "           \
    "--limit-modules --add-opens --add-exports --add-reads --patch-module "                        \
    "--enable-native-access --source "

/* What java runs, after its options: a jar, a file of source, or a class. */
static void take_javas(struct service *service, const struct command *command, struct slice word,
                       bool jar)
{
    if (jar)
        (void)service_take_jar(service, word, command->folder);
    else if (slice_ends(word, SLICE_LITERAL(".java")))
        (void)service_take_path(service, word, command->folder, "the script");
    else if (word.length && word.at[0] != '@')
        take_class(service, word);
}

static void from_java(struct service *service, struct command *command)
{
    struct slice module = option_value(command, " -m --module ");
    bool jar = false;
    while (command->at < command->count) {
        struct slice word = next_word(command);
        struct slice name = {word.at, slice_find(word, '=')};
        if (service_is_one_of(name, " -m --module ")) {
            module.length = slice_find(module, '/');
            (void)service_take_module(service, module, command->folder);
            return;
        }
        if (slice_equal(word, SLICE_LITERAL("-jar"))) {
            jar = true;
        } else if (service_is_one_of(word, JAVAS_VALUED)) {
            (void)next_word(command);
        } else if (!is_option(word)) {
            take_javas(service, command, word, jar);
            return;
        }
    }
}

/* What follows then is code, or its arguments. */
static bool gives_code(struct slice word, const struct interpreter *interpreter)
{
    struct slice name = {word.at, slice_find(word, '=')};
    if (service_is_one_of(name, interpreter->code) || slice_equal(word, SLICE_LITERAL("-")))
        return true;
    if (!interpreter->letters || !is_option(word) || word.at[1] == '-' ||
        strchr(interpreter->lone, word.at[1]))
        return false;
    for (size_t i = 1; i < word.length; i++)
        if (strchr(interpreter->letters, word.at[i]))
            return true;
    return false;
}

/* python -m MODULE, also behind other letters and in one word. */
static bool take_pythons_module(struct service *service, struct slice word, struct command *command)
{
    size_t m = slice_find(word, 'm');
    if (!is_option(word) || word.at[1] == '-' || m == word.length ||
        strchr(interpreters[0].lone, word.at[1]))
        return false;
    struct slice module = m + 1 < word.length ? slice_after(word, m + 1) : next_word(command);
    if (!take_runner(service, (struct slice){module.at, slice_find(module, '.')}, command))
        (void)service_take_module(service, module, command->folder);
    return true;
}

static void from_interpreter(struct service *service, struct command *command,
                             const struct interpreter *interpreter)
{
    bool python = interpreter == &interpreters[0];
    while (command->at < command->count) {
        struct slice word = next_word(command);
        if (python && take_pythons_module(service, word, command))
            return;
        if (gives_code(word, interpreter))
            return;
        if (service_is_one_of(word, interpreter->valued)) {
            (void)next_word(command);
            continue;
        }
        bool script = service_is_one_of(word, interpreter->scripts);
        if (!script && is_option(word))
            continue;
        take_script(service, script ? next_word(command) : word, command);
        return;
    }
}

/* python3.11 is python, php8.2 php. */
static struct slice without_version(struct slice name)
{
    while (name.length && ((name.at[name.length - 1] >= '0' && name.at[name.length - 1] <= '9') ||
                           name.at[name.length - 1] == '.'))
        name.length--;
    return name;
}

void service_from_command(struct service *service, const char *const *words, int count,
                          const char *folder, const char *application)
{
    struct command command = {words, count, 0, folder, application};
    struct slice path = next_word(&command);
    if (!path.length)
        return;
    struct slice name = service_last_part(&path);
    if (is_java(name)) {
        from_java(service, &command);
        return;
    }
    for (size_t i = 0; i < sizeof interpreters / sizeof *interpreters; i++)
        if (service_is_one_of(without_version(name), interpreters[i].names)) {
            from_interpreter(service, &command, &interpreters[i]);
            return;
        }
    if (slice_starts(name, SLICE_LITERAL("uwsgi")))
        take_uwsgi(service, &command);
}

bool service_is_pythons_child(const char *const *words, int count)
{
    for (int i = 1; i < count; i++)
        if (words[i] && strcmp(words[i], "--multiprocessing-fork") == 0)
            return true;
    return false;
}
