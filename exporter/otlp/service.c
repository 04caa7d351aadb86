// SPDX-License-Identifier: Apache-2.0
/* From the command. */
#include "exporter/otlp/service.h"

#include <string.h>

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

/* Where neither an option nor a variable says it, flask looks for app.py and wsgi.py. */
static void take_flask(struct service *service, const struct command *command)
{
    struct slice given = option_value(command, " --app -A ");
    if (!given.length)
        given = slice_of(command->application);
    if (given.length)
        take_module_or_file(service, given, command);
    else
        (void)service_take_folder(service, command->folder);
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

/* Debuggers and profilers, with options of theirs that take the next word. */
#define WRAPPERS                                                                                   \
    " cProfile profile trace pdb ipdb pudb debugpy coverage kernprof line_profiler scalene "       \
    "memray "                                                                                      \
    "pyinstrument viztracer austin ddtrace-run ddtrace opentelemetry-instrument newrelic-admin "   \
    "sentry-run watchmedo watchfiles hupper reloader "
#define WRAPPERS_VALUED                                                                            \
    " -o --outfile --output --output_file -s --sort -c --command --listen --connect --log-to "     \
    "--configure-log --pid --source --omit --include --rcfile --data-file --context -p "           \
    "--parallel --concurrency --debug -d -r --renderer "

static void take_wrapped(struct service *service, struct command *command);

/* Is it a program that runs other people's services? Then takes the name from what it runs. */
static bool take_runner(struct service *service, struct slice runner, struct command *command)
{
    if (service_is_one_of(runner, " gunicorn uvicorn hypercorn daphne granian waitress-serve "
                                  "waitress gunicorn3 "))
        take_application(service, command);
    else if (service_is_one_of(runner, " flask quart "))
        take_flask(service, command);
    else if (service_is_one_of(runner, " celery "))
        take_module_or_file(service, option_value(command, " --app -A "), command);
    else if (slice_starts(runner, SLICE_LITERAL("uwsgi")))
        take_uwsgi(service, command);
    else if (service_is_one_of(runner, WRAPPERS))
        take_wrapped(service, command);
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
    {" node nodejs ",
     " -r --require --import --loader --experimental-loader -C --conditions --allow-fs-read "
     "--allow-fs-write --build-snapshot-config --cpu-prof-dir --cpu-prof-interval --cpu-prof-name "
     "--diagnostic-dir --disable-proto --disable-warning --dns-result-order --env-file "
     "--env-file-if-exists --experimental-default-type --experimental-policy "
     "--experimental-sea-config --heap-prof-dir --heap-prof-interval --heap-prof-name "
     "--heapsnapshot-near-heap-limit --heapsnapshot-signal --icu-data-dir --input-type "
     "--inspect-port --debug-port --inspect-publish-uid --localstorage-file "
     "--max-http-header-size --network-family-autoselection-attempt-timeout --openssl-config "
     "--policy-integrity --redirect-warnings --report-dir --report-directory --report-filename "
     "--report-signal --secure-heap --secure-heap-min --snapshot-blob --test-concurrency "
     "--test-name-pattern --test-reporter --test-shard --test-timeout --title --tls-cipher-list "
     "--tls-keylog --trace-event-categories --trace-event-file-pattern --trace-require-module "
     "--unhandled-rejections --use-largepages --v8-pool-size --watch-path ",
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
static void take_class(struct service *service, struct slice class, const char *folder)
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
        bool says = !service_is_one_of(last, " Main Application App Server Launcher Bootstrap "
                                             "main app server bootstrap ");
        if (!says && !dot && service_take_folder(service, folder))
            return;
        if (says || !dot) {
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
        take_class(service, word, command->folder);
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

static void take_module(struct service *service, struct slice module, struct command *command)
{
    if (!take_runner(service, (struct slice){module.at, slice_find(module, '.')}, command))
        (void)service_take_module(service, module, command->folder);
}

/* python -m MODULE, also behind other letters and in one word. */
static bool take_pythons_module(struct service *service, struct slice word, struct command *command)
{
    size_t m = slice_find(word, 'm');
    if (!is_option(word) || word.at[1] == '-' || m == word.length ||
        strchr(interpreters[0].lone, word.at[1]))
        return false;
    take_module(service, m + 1 < word.length ? slice_after(word, m + 1) : next_word(command),
                command);
    return true;
}

/* php -S without a script: what is in the folder of -t. */
static void take_phps_folder(struct service *service, struct command *command)
{
    command->at = 1;
    if (option_value(command, " -S ").length)
        (void)service_take_folder_of(service, option_value(command, " -t "), command->folder);
}

static void from_interpreter(struct service *service, struct command *command,
                             const struct interpreter *interpreter)
{
    bool node = interpreter == &interpreters[1];
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
        if (!script && (is_option(word) || (node && slice_equal(word, SLICE_LITERAL("inspect")))))
            continue;
        take_script(service, script ? next_word(command) : word, command);
        return;
    }
    if (interpreter == &interpreters[3])
        take_phps_folder(service, command);
}

/* python3.11 is python, php8.2 php. */
static struct slice without_version(struct slice name)
{
    while (name.length && ((name.at[name.length - 1] >= '0' && name.at[name.length - 1] <= '9') ||
                           name.at[name.length - 1] == '.'))
        name.length--;
    return name;
}

/* The first word that is a script, a runner or an interpreter, or behind -m a module. */
static void take_wrapped(struct service *service, struct command *command)
{
    while (command->at < command->count && !service->name[0]) {
        struct slice word = next_word(command);
        if (service_is_one_of(word, " -m --module "))
            return take_module(service, next_word(command), command);
        if (service_is_one_of(word, WRAPPERS_VALUED))
            (void)next_word(command);
        if (is_option(word))
            continue;
        struct slice folders = word;
        struct slice name = service_last_part(&folders);
        if (service_is_one_of(without_version(name), interpreters[0].names))
            return from_interpreter(service, command, &interpreters[0]);
        if (take_runner(service, (struct slice){name.at, slice_find(name, '.')}, command))
            return;
        if (slice_ends(word, SLICE_LITERAL(".py")))
            return take_script(service, word, command);
    }
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
