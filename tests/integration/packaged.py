# SPDX-License-Identifier: Apache-2.0
"""Applications as Debian packages them, each with what a visitor asks of it. What they need beside
their package (tables, an account, a site's settings) is made in a directory of the test's own, and
without the agent. Each has one worker: routes are learnt by each process."""

import dataclasses
import http.client
import http.cookies
import os
import pathlib
import re
import shutil
import subprocess
import urllib.parse

import servers

PASSWORD = "q7TrefoilSwan"  # in no log, no page and no path otherwise
API_KEY = "c41b2f6d9e7a5038c41b2f6d9e7a5038"
TOKEN = ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3Iiwicm9sZSI6ImFkbWluIn0."
         "m5c2T3Bb9n1qXr0dVZyQ8sLkUeWfJhGtAa4iOoPpYyE")


@dataclasses.dataclass
class Page:
    """A page that is asked for. `named`: its span's route; None: it has none, because `why`."""

    path: str
    named: str = ""
    method: str = "GET"
    body: str = ""
    headers: dict = dataclasses.field(default_factory=dict)
    why: str = ""


def prepare(arguments, directory, environment=None, text=None):
    """Runs something to its end without the agent."""
    inherited = {key: value for key, value in os.environ.items()
                 if not key.startswith(("OTEL_", "LD_PRELOAD"))}
    done = subprocess.run([str(argument) for argument in arguments], cwd=directory, text=True,
                          input=text, capture_output=True, check=False,
                          env={**inherited, **(environment or {})})
    if done.returncode != 0:
        raise servers.ServerError(f"{arguments} failed:\n{done.stdout}\n{done.stderr}")


def packaged(path):
    """A file or directory of a package."""
    if not os.path.exists(path):
        raise servers.ServerError(f"{path} is missing: run scripts/bootstrap --matrix")
    return pathlib.Path(path)


class Visitor:
    """One who asks for one page after the other, keeps cookies and fills hidden fields in."""

    HIDDEN = re.compile(r'name="(csrfmiddlewaretoken|authenticity_token|_wpnonce)"[^>]*'
                        r'value="([^"]+)"')

    def __init__(self, port):
        self.port = port
        self.cookies = http.cookies.SimpleCookie()
        self.fields = {}

    def ask(self, page):
        """Its status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Connection": "close", **page.headers}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={morsel.coded_value}"
                                          for name, morsel in self.cookies.items())
        body = page.body
        if page.method == "POST" and "Content-Type" not in headers:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = body + "&" + urllib.parse.urlencode(self.fields)
        try:
            connection.request(page.method, page.path, body or None, headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        for cookie in answer.headers.get_all("Set-Cookie", []):
            self.cookies.load(cookie)
        self.fields.update(self.HIDDEN.findall(text))
        return answer.status


class Application(servers.Server):
    """A server with `pages`, `secrets` that its spans must not show, and `ready`: a path."""

    pages = ()
    secrets = (PASSWORD, TOKEN)
    ready = "/"

    def started(self, port):
        self.port = port
        self.wait_until(lambda: servers.answers(port, self.ready), "answer", seconds=120)

    def visit(self):
        """The statuses of all pages, in order."""
        visitor = Visitor(self.port)
        return [visitor.ask(page) for page in self.pages]


# --- WordPress ---

APACHE = """
ServerName localhost
ServerRoot {folder}
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog /dev/stderr
LogLevel warn
{user}
LoadModule mpm_prefork_module {modules}/mod_mpm_prefork.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule dir_module {modules}/mod_dir.so
LoadModule mime_module {modules}/mod_mime.so
LoadModule php_module {modules}/libphp8.2.so
StartServers 1
MinSpareServers 1
MaxSpareServers 1
MaxRequestWorkers 1
TypesConfig /etc/mime.types
DocumentRoot {root}
<Directory {root}>
    Require all granted
    DirectoryIndex index.php
    FallbackResource /index.php
</Directory>
<FilesMatch "\\.php$">
    SetHandler application/x-httpd-php
</FilesMatch>
"""
WORDPRESS = """<?php
define('DB_NAME', 'wordpress');
define('DB_USER', 'shop');
define('DB_PASSWORD', '{password}');
define('DB_HOST', '127.0.0.1:{database}');
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
define('WP_HOME', 'http://127.0.0.1:{port}');
define('WP_SITEURL', 'http://127.0.0.1:{port}');
define('DISABLE_WP_CRON', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
"""
INSTALL = """
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = '127.0.0.1';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
require 'wp-load.php';
require 'wp-admin/includes/upgrade.php';
function wp_new_blog_notification() {}
wp_install('A blog', 'editor', 'editor@example.org', true, '', '%s');
$GLOBALS['wp_rewrite']->set_permalink_structure('/%%year%%/%%monthnum%%/%%postname%%/');
for ($i = 0; $i < 12; $i++)
    wp_insert_post(['post_title' => "Story $i", 'post_status' => 'publish', 'post_date' =>
                    '2026-01-02 03:04:05', 'post_content' => 'words']);
flush_rewrite_rules();
"""


class WordPress(Application):
    secrets = (PASSWORD, TOKEN, "8f3a9c21d7")
    pages = (
        Page("/", "/"),
        Page("/2026/01/story-1/", "/{id}/{id}/story-1/"),
        Page("/2026/01/story-2/", "/{id}/{id}/story-2/"),
        Page("/?s=words&token=8f3a9c21d7", "/"),
        Page("/feed/", "/feed/"),
        Page("/wp-json/wp/v2/posts/5", "/wp-json/wp/v2/posts/{id}"),
        Page("/wp-json/wp/v2/posts", "/wp-json/wp/v2/posts"),
        Page("/wp-login.php", "/wp-login.php"),
        Page("/wp-login.php", "/wp-login.php", "POST",
             f"log=editor&pwd={PASSWORD}&wp-submit=Log+In&testcookie=1",
             {"Cookie": "wordpress_test_cookie=WP%20Cookie%20check",
              "Content-Type": "application/x-www-form-urlencoded"}),
        Page("/wp-admin/", "/wp-admin/"),
        Page("/wp-admin/edit.php", "/wp-admin/edit.php"),
        Page("/wp-login.php?action=rp&key=8f3a9c21d7&login=editor", "/wp-login.php"),
        Page(f"/wp-json/wp/v2/users/me?jwt={TOKEN}", why="its status is 401"),
        Page(f"/preview/{TOKEN}/", why="its status is 404"),
        Page("/nothing-here/", why="its status is 404"),
    )

    def __init__(self, directory, database, tracing=None):
        folder = pathlib.Path(directory) / "wordpress"
        root = folder / "root"
        folder.mkdir()
        if not database.sql("DROP DATABASE IF EXISTS wordpress; CREATE DATABASE wordpress;"):
            raise servers.ServerError("no database for WordPress")
        shutil.copytree(packaged("/usr/share/wordpress"), root, symlinks=True)
        (root / "wp-config.php").unlink()
        port = servers.free_port()
        (root / "wp-config.php").write_text(WORDPRESS.format(
            password=servers.DB_PASSWORD, database=database.port, port=port))
        prepare([servers.program("php"), "-r", INSTALL % PASSWORD], root)
        configuration = folder / "apache.conf"
        configuration.write_text(APACHE.format(
            folder=folder, port=port, root=root, modules=packaged("/usr/lib/apache2/modules"),
            user="User www-data\nGroup www-data" if os.geteuid() == 0 else ""))
        super().__init__("wordpress", [servers.program("apache2"), "-D", "FOREGROUND", "-f",
                                       configuration], directory, None, tracing, cwd=folder)
        self.started(port)


# --- Django ---

DJANGO_URLS = """
from django.contrib import admin
from django.urls import include, path
urlpatterns = [path('admin/', admin.site.urls),
               path('accounts/', include('django.contrib.auth.urls'))]
"""


class Django(Application):
    ready = "/admin/login/"
    secrets = (PASSWORD, TOKEN, "d2f7b1-7c9e12")
    pages = (
        Page("/admin/", why="its status is 302"),
        Page("/admin/login/?next=/admin/", "/admin/login/"),
        Page("/admin/login/?next=/admin/", "/admin/login/", method="POST",
             body=f"username=editor&password={PASSWORD}"),
        Page("/admin/", "/admin/"),
        Page("/admin/auth/user/", "/admin/auth/user/"),
        Page("/admin/auth/user/1/change/", "/admin/auth/user/{id}/change/"),
        Page("/admin/auth/user/?q=x&token=d2f7b1-7c9e12", "/admin/auth/user/"),
        Page("/admin/password_change/", "/admin/password_change/"),
        Page("/accounts/login/", "/accounts/login/"),
        Page(f"/accounts/reset/MQ/{TOKEN}/", "/accounts/reset/MQ/REDACTED/"),
        Page("/nothing-here/", why="its status is 404"),
    )

    def __init__(self, directory, _database, tracing=None):
        packaged("/usr/lib/python3/dist-packages/django")
        folder = pathlib.Path(directory) / "django"
        folder.mkdir()
        python = "/usr/bin/python3"
        prepare([python, "-m", "django", "startproject", "site1", folder], directory)
        (folder / "site1" / "urls.py").write_text(DJANGO_URLS)
        prepare([python, "manage.py", "migrate"], folder)
        prepare([python, "manage.py", "createsuperuser", "--noinput", "--username", "editor",
                 "--email", "editor@example.org"], folder,
                {"DJANGO_SUPERUSER_PASSWORD": PASSWORD})
        port = servers.free_port()
        super().__init__("django", [servers.program("gunicorn"), "--workers", "1", "--bind",
                                    f"127.0.0.1:{port}", "site1.wsgi"], directory, None, tracing,
                         cwd=folder)
        self.started(port)


# --- Redmine ---


class Redmine(Application):
    exits = (0, 1, -15)
    ready = "/login"
    pages = (
        Page("/", "/"),
        Page("/projects", "/projects"),
        Page("/projects/parents", "/projects/parents"),
        Page("/projects/parents/issues", "/projects/parents/issues"),
        Page("/issues/3", "/issues/{id}"),
        Page("/issues/4", "/issues/{id}"),
        Page(f"/issues.json?key={API_KEY}", "/issues.json"),
        Page("/issues.json", "/issues.json", headers={"X-Redmine-API-Key": API_KEY}),
        Page("/login", "/login"),
        Page("/login", "/login", "POST", "username=admin&password=admin"),
        Page("/my/page", "/my/page"),
        Page(f"/account/lost_password?token={TOKEN}", why="its status is 302"),
        Page("/nothing-here", why="its status is 404"),
    )
    secrets = (PASSWORD, TOKEN, API_KEY)

    def __init__(self, directory, database, tracing=None):
        start = servers.TREE / "tests" / "parents" / "apps" / "redmine" / "start"
        packaged("/usr/share/redmine")
        folder = pathlib.Path(directory) / "redmine-site"
        folder.mkdir()
        port = servers.free_port()
        super().__init__("redmine", [start], directory, {
            "FOLDER": str(folder), "PLAIN": "1", "PORT": str(port), "DB_HOST": "127.0.0.1",
            "DB_PORT": str(database.port), "DB_NAME": "redmine", "DB_USER": "shop",
            "DB_PASSWORD": servers.DB_PASSWORD}, tracing)
        self.started(port)


# --- PowerDNS ---


class PowerDNS(Application):
    ready = "/metrics"
    secrets = (API_KEY, TOKEN)
    KEY = {"X-API-Key": API_KEY}
    pages = (
        Page("/", "/"),
        Page("/metrics", "/metrics"),
        Page("/api/v1/servers", "/api/v1/servers", headers=KEY),
        Page("/api/v1/servers/localhost", "/api/v1/servers/localhost", headers=KEY),
        Page("/api/v1/servers/localhost/statistics", "/api/v1/servers/localhost/statistics",
             headers=KEY),
        Page("/api/v1/servers/localhost/zones", "/api/v1/servers/localhost/zones", headers=KEY),
        Page("/api/v1/servers/localhost/zones", "/api/v1/servers/localhost/zones", "POST",
             '{"name": "example.org.", "kind": "Native", "nameservers": ["ns.example.org."]}',
             {**KEY, "Content-Type": "application/json"}),
        Page("/api/v1/servers/localhost/zones/example.org.",
             "/api/v1/servers/localhost/zones/example.org.", headers=KEY),
        Page(f"/api/v1/servers?api-key={API_KEY}", "/api/v1/servers"),
        Page("/nothing-here", why="its status is 404"),
    )

    def __init__(self, directory, _database, tracing=None):
        folder = pathlib.Path(directory) / "powerdns"
        folder.mkdir()
        file = folder / "zones.sqlite3"
        schema = packaged("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql").read_text()
        prepare(["/usr/bin/python3", "-c", "import sqlite3, sys\n"
                 f"sqlite3.connect({str(file)!r}).executescript(sys.stdin.read())"], folder,
                text=schema)
        port = servers.free_port()
        super().__init__("powerdns", [
            servers.program("pdns_server"), "--no-config", f"--socket-dir={folder}", "--daemon=no",
            "--guardian=no", "--launch=gsqlite3", f"--gsqlite3-database={file}",
            "--local-address=127.0.0.1", f"--local-port={servers.free_port()}", "--api=yes",
            f"--api-key={API_KEY}", "--webserver=yes", "--webserver-address=127.0.0.1",
            f"--webserver-port={port}", "--webserver-allow-from=127.0.0.1", "--loglevel=4",
            "--security-poll-suffix=", "--log-timestamp=no"], directory, None, tracing, cwd=folder)
        self.started(port)
        # It answers before it has said all that it says at its start.
        self.wait_until(lambda: "Done launching threads" in self.log.read_text(), "last word")


# --- Express ---

EXPRESS = """
const express = require('express');
const app = express();
app.use(express.urlencoded({extended: false}));
app.use('/assets', express.static(__dirname + '/assets'));
app.get('/', (request, answer) => answer.send('a page'));
app.get('/users/:id', (request, answer) => answer.json({id: request.params.id}));
app.get('/reset/:token', (request, answer) => answer.send('choose a password'));
app.post('/login', (request, answer) => answer.redirect(302, '/users/7?session=' + Date.now()));
app.get('/broken', () => { throw new Error('broken'); });
app.listen(Number(process.argv[2]), '127.0.0.1');
"""


class Express(Application):
    exits = (-15,)
    secrets = (PASSWORD, TOKEN, "s3cr3tsid")
    pages = (
        Page("/", "/"),
        Page("/users/7", "/users/{id}"),
        Page("/users/8?session=s3cr3tsid", "/users/{id}"),
        Page(f"/reset/{TOKEN}", "/reset/REDACTED"),
        Page("/assets/site.css", "/assets/site.css"),
        Page("/assets/site.js", "/assets/site.js"),
        Page("/login", why="its status is 302", method="POST",
             body=f"user=editor&password={PASSWORD}"),
        Page("/broken", "/broken"),
        Page("/nothing-here", why="its status is 404"),
    )

    def __init__(self, directory, _database, tracing=None):
        packaged("/usr/share/nodejs/express")
        folder = pathlib.Path(directory) / "express"
        (folder / "assets").mkdir(parents=True)
        (folder / "assets" / "site.css").write_text("p { color: red }")
        (folder / "assets" / "site.js").write_text("let a = 1;")
        (folder / "app.js").write_text(EXPRESS)
        port = servers.free_port()
        super().__init__("express", [servers.program("node"), "app.js", port], directory,
                         {"NODE_PATH": "/usr/share/nodejs"}, tracing, cwd=folder)
        self.started(port)


APPLICATIONS = (WordPress, Django, Redmine, PowerDNS, Express)
