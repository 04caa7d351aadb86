// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "exporter/otlp/service.h"

#define WORDS_MOST 16
#define FOLDER     "/srv/orders/current"
#define ID         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
    const char *command;
    const char *name; /* "": none */
} commands[] = {
    {"/usr/bin/python3 /usr/bin/gunicorn shop:app", "shop"},
    {"python3.11 /srv/venv/bin/gunicorn -w 4 -b 0.0.0.0:80 -k gevent shop.wsgi:application",
     "shop"},
    {"python3 /usr/bin/gunicorn --bind=unix:/run/x --daemon shop.wsgi", "shop"},
    {"python3 /usr/bin/gunicorn -c python:conf.x -k uvicorn.workers.UvicornWorker shop:make('a')",
     "shop"},
    {"python3 /usr/bin/gunicorn -k gevent", ""},
    {"python3 /usr/bin/gunicorn app:app", "app"},
    {"python3 /usr/bin/gunicorn config.wsgi", "orders"},
    {"python3 -m gunicorn shop.orders:app", "shop.orders"},
    {"python3 /usr/bin/uvicorn shop.main:app --host 0.0.0.0", "shop"},
    {"python3 -um uvicorn --host localhost shop.main:app", "shop"},
    {"python3 -mshop.main /x/secret", "shop"},
    {"python3 -m shop", "shop"},
    {"python3 -m shop.__main__", "shop"},
    {"python3 -X dev -m http.server 80", "http.server"},
    {"python3 app.py", "app"},
    {"python3 -u ./app.py --password hunter2", "app"},
    {"python3 /srv/shop/app.py", "app"},
    {"python3 /srv/shop/src/main.py", "shop"},
    {"python3 main.py", "orders"},
    {"python3 manage.py runserver", "orders"},
    {"python3 /tmp/pytest-7/x/main.py", "main"},
    {"python3 /tmp/tmpk3j2h1.py", ""},
    {"python3 /dev/fd/63", ""},
    {"python3 -c pass shop.py", ""},
    {"python3 -uc pass shop.py", ""},
    {"python3 -cpass shop.py", ""},
    {"python3 - shop.py", ""},
    {"python3", ""},
    {"python3 /usr/bin/flask --app shop run", "shop"},
    {"python3 /usr/bin/flask --app=shop/web.py run", "web"},
    {"python3 /usr/bin/celery -A shop worker -l info", "shop"},
    {"python3 /usr/bin/celery -A shop.tasks worker", "shop.tasks"},
    {"/usr/bin/uwsgi --http :80 --module shop:app", "shop"},
    {"uwsgi --ini /etc/uwsgi/apps-enabled/shop.ini", "shop"},
    {"uwsgi_python3 --wsgi-file=/srv/shop/wsgi.py", "shop"},
    {"java -Xmx1g -jar shop.jar --spring.password=x", "shop"},
    {"/usr/lib/jvm/bin/java -cp a:b -jar /opt/shop-1.2.3-SNAPSHOT.jar", "shop"},
    {"java -jar shop-api-v2.jar", "shop-api"},
    {"java -jar shop-all.jar", "shop"},
    {"java -jar target/quarkus-app/quarkus-run.jar", "orders"},
    {"java -cp x.jar com.example.shop.Main", "shop"},
    {"java -cp x.jar com.example.ShopServer", "ShopServer"},
    {"java -cp x org.springframework.boot.loader.JarLauncher", ""},
    {"java -m shop/com.example.Main", "shop"},
    {"java --module=shop/com.example.Main", "shop"},
    {"java -jar -Xmx1g shop.jar -m x", "shop"},
    {"java --enable-native-access ALL-UNNAMED --upgrade-module-path mods -jar shop.jar", "shop"},
    {"java --patch-module a=b --limit-modules java.base com.example.shop.Main", "shop"},
    {"java --source 17 shop/Orders.java -jar x.jar", "Orders"},
    {"java -version", ""},
    {"java -jar", ""},
    {"java -m", ""},
    {"node server.js", "server"},
    {"node --require ./trace.js --max-old-space-size=99 shop.mjs", "shop"},
    {"node /srv/shop/index.js", "shop"},
    {"node index.js", "orders"},
    {"node -e code shop.js", ""},
    {"node --eval=code shop.js", ""},
    {"node /usr/lib/node_modules/npm/bin/npm-cli.js start", ""},
    {"node /srv/shop/node_modules/.bin/next start", "orders"},
    {"node /usr/bin/nodemon shop.js", "shop"},
    {"node bin/www", "orders"},
    {"ruby bin/rails server", "orders"},
    {"ruby3.1 /usr/bin/puma -C config/puma.rb", "orders"},
    {"ruby -Ilib shop.rb", "shop"},
    {"ruby -ne code shop.rb", ""},
    {"php script.php", "script"},
    {"php -d x=y -f /srv/shop/index.php", "shop"},
    {"php -S 127.0.0.1:80 -t public", "orders"},
    {"php -S 127.0.0.1:80 -t /srv/shop/public", "shop"},
    {"php -S 127.0.0.1:80", "orders"},
    {"php -S 127.0.0.1:80 -t public router.php", "router"},
    {"php", ""},
    {"php -r code shop.php", ""},
    {"perl -T shop.pl", "shop"},
    {"perl -Mstrict -we code shop.pl", ""},
    {"perl /usr/bin/plackup -s Starman shop.psgi", "shop"},
    {"dotnet Shop.dll", "Shop"},
    {"nginx -g x", ""},
    {"python3 -m cProfile x.py", "x"},
    {"python3 -m cProfile -o out.prof -s time shop.py", "shop"},
    {"python3 -m cProfile -m shop.main", "shop"},
    {"python3 -m pdb -c continue shop.py", "shop"},
    {"python3 -m debugpy --listen 0.0.0.0:5678 --wait-for-client shop.py", "shop"},
    {"python3 -m debugpy --listen 5678 -m gunicorn shop:app", "shop"},
    {"python3 -m cProfile", ""},
    {"python3 /usr/bin/coverage run x.py", "x"},
    {"python3 /usr/bin/coverage run --omit tests/a.py -m shop", "shop"},
    {"python3 /usr/bin/coverage report", ""},
    {"python3 /usr/bin/opentelemetry-instrument --traces_exporter console gunicorn shop:app",
     "shop"},
    {"python3 /usr/bin/ddtrace-run python3 -u shop.py", "shop"},
    {"python3 /usr/bin/newrelic-admin run-program gunicorn shop:app", "shop"},
    {"python3 -m cProfile main.py", "orders"},
    {"python3 /usr/bin/flask run", "orders"},
    {"python3 -m flask run --port 80", "orders"},
    {"python3 /usr/bin/celery -A shop.celery worker", "shop"},
    {"python3 /usr/bin/celery -A shop.celery_app worker", "shop"},
    {"python3 /usr/bin/celery -A shop.celery:app worker", "shop"},
    {"uwsgi --ini=uwsgi.ini", "orders"},
    {"uwsgi uwsgi.ini", "orders"},
    {"java -cp . Main", "orders"},
    {"java -cp . Application", "orders"},
    {"java -cp . Shop", "Shop"},
    {"node --title shop x.js", "x"},
    {"node --watch-path ./lib app.js", "app"},
    {"node --watch --watch-path ./lib --env-file .env app.js", "app"},
    {"node --env-file .env --trace-event-categories node x.js", "x"},
    {"node .", "orders"},
    {"node ./", "orders"},
    {"node inspect shop.js", "shop"},
    {"python3 /srv/" ID ".py", ""},
    {"python3 /srv/job-20261130.py", ""},
    {"python3 shop;rm.py", ""},
};

static int split(const char *command, char *text, const char **words)
{
    int count = 0;
    snprintf(text, 1024, "%s", command);
    for (char *word = strtok(text, " "); word && count < WORDS_MOST; word = strtok(NULL, " "))
        words[count++] = word;
    return count;
}

static void commands_name_services(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char text[1024];
        const char *words[WORDS_MOST];
        struct service service = {.source = NULL};
        service_from_command(&service, words, split(commands[i].command, text, words), FOLDER,
                             NULL);
        if (strcmp(service.name, commands[i].name) != 0 || !service.name[0] != !service.source)
            fail_msg("%s: \"%s\", not \"%s\"", commands[i].command, service.name, commands[i].name);
    }
}

static void flask_is_told_by_a_variable_too(void **state)
{
    const char *const words[] = {"python3", "/usr/bin/flask", "run"};
    struct service service = {.source = NULL};
    (void)state;
    service_from_command(&service, words, 3, NULL, "shop:create()");
    assert_string_equal(service.name, "shop");
}

static void folders_of_people_and_of_chance_name_nothing(void **state)
{
    static const char *const folders[] = {
        "/",     "/app", "/srv/www", "/home/alice",      "/tmp/shop",
        "/root", "",     "relative", "/srv/20260101/src"};
    const char *const words[] = {"node", "index.js"};
    (void)state;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        struct service service = {.source = NULL};
        service_from_command(&service, words, 2, folders[i], NULL);
        if (strcmp(service.name, "index") != 0)
            fail_msg("%s: %s", folders[i], service.name);
    }
}

static const struct {
    const char *text;
    const char *name;
} cgroups[] = {
    {"0::/system.slice/shop.service\n", "shop"},
    {"12:cpu:/\n1:name=systemd:/system.slice/shop.service\n0::/\n", "shop"},
    {"0::/system.slice/shop.service/worker", "shop"},
    {"0::/system.slice/system-shop.slice/shop@2.service", "shop"},
    {"0::/system.slice/system-uwsgi.slice/uwsgi@shop.service", "shop"},
    {"0::/system.slice/system-php.slice/php@8.service", ""},
    {"0::/system.slice/shop\\x2dapi.service", "shop-api"},
    {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/shop.service", "shop"},
    {"0::/user.slice/user-1000.slice/user@1000.service/init.scope", ""},
    {"0::/user.slice/user-1000.slice/session-3.scope", ""},
    {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/vte-spawn-1.scope", ""},
    {"0::/system.slice/ssh.service", ""},
    {"0::/system.slice/cron.service", ""},
    {"0::/system.slice/docker.service", ""},
    {"0::/system.slice/containerd.service/kubepods-x/cri-containerd-1", ""},
    {"0::/system.slice/docker-" ID ".scope", ""},
    {"0::/system.slice/gunicorn.service", ""},
    {"0::/system.slice/run-r0123456789abcdef.service", ""},
    {"0::/system.slice/supervisor.service", ""},
    {"3:memory:/system.slice/shop.service", ""},
    {"0::/system.slice/.service", ""},
    {"0::/system.slice/a\\x2.service", ""},
    {"0::/system.slice/xrdp-sesman\\x00.service", ""},
    {"0::/\n", ""},
    {"0::", ""},
    {"", ""},
};

static void units_name_services(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cgroups / sizeof *cgroups; i++) {
        struct service service = {.source = NULL};
        service_from_cgroup(&service, slice_of(cgroups[i].text));
        if (strcmp(service.name, cgroups[i].name) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", cgroups[i].text, service.name, cgroups[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_name_services),
        cmocka_unit_test(flask_is_told_by_a_variable_too),
        cmocka_unit_test(folders_of_people_and_of_chance_name_nothing),
        cmocka_unit_test(units_name_services),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
