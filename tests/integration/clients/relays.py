# SPDX-License-Identifier: Apache-2.0
"""Servers that ask an origin for each request that they get: proxies, and programs with a client
inside."""

import dataclasses
import os
import signal
import typing

import servers
from clients.client import PROGRAMS
from matrix.program import Launch
from matrix.static import APACHE_DIRECTORY

SECONDS = 1  # that a proxy waits for an answer
ONLY_GET = ("post", "chunked_request", "head")
FAILURES = ("reset_in_answer", "reset_before_answer", "timeout", "refused", "redirect")


@dataclasses.dataclass(frozen=True)
class Relay:
    name: str
    # Writes configuration into an empty folder, for a port, an origin's and one where nobody
    # listens.
    prepare: typing.Callable[..., Launch]
    lacks: dict = dataclasses.field(default_factory=dict)  # feature → why
    quick: bool = False
    processes: int = 1  # so many at least say their counters at the end
    stop: int = signal.SIGTERM


# --- nginx ---

NGINX = """
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 512; }}
http {{
    access_log off;
    keepalive_requests 100000;
    client_max_body_size 16m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream origin {{ server 127.0.0.1:{origin}; keepalive 8; }}
    upstream nobody {{ server 127.0.0.1:{refused}; }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $proxy_host;
    proxy_next_upstream off;
    proxy_read_timeout {seconds}s;
    server {{
        listen 127.0.0.1:{port} backlog=256;
        location / {{ proxy_pass http://origin; }}
        location /refused/ {{ proxy_pass http://nobody; }}
    }}
}}
"""


def nginx(folder, port, origin, refused):
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(
        user="user www-data;" if os.geteuid() == 0 else "", folder=folder, port=port,
        origin=origin, refused=refused, seconds=SECONDS))
    log = folder / "error.log"
    return Launch((servers.program("nginx"), "-e", log, "-p", folder, "-c", configuration),
                  logs=(log,))


# --- apache ---

APACHE = """
ServerRoot {folder}
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
ServerName relay.test
{user}
{modules}
StartServers 1
ServerLimit 1
ThreadsPerChild 50
MaxRequestWorkers 50
KeepAlive On
MaxKeepAliveRequests 0
ProxyPass /refused/ http://127.0.0.1:{refused}/refused/ retry=0
ProxyPass / http://127.0.0.1:{origin}/ timeout={seconds} retry=0
"""


def apache(folder, port, origin, refused):
    configuration = folder / "apache.conf"
    configuration.write_text(APACHE.format(
        folder=folder, port=port, origin=origin, refused=refused, seconds=SECONDS,
        user="User www-data\nGroup www-data" if os.geteuid() == 0 else "",
        modules="\n".join(f"LoadModule {name}_module {APACHE_DIRECTORY}/mod_{name}.so"
                          for name in ("mpm_event", "authz_core", "proxy", "proxy_http"))))
    return Launch((servers.program("apache2"), "-D", "FOREGROUND", "-f", configuration),
                  logs=(folder / "error.log",))


# --- haproxy ---

HAPROXY = """
global
    nbthread {threads}
    maxconn 500
defaults
    mode http
    retries 0
    timeout client 30s
    timeout connect 5s
    timeout server {seconds}s
    http-reuse {reuse}
frontend relay
    bind 127.0.0.1:{port}
    use_backend nobody if {{ path_beg /refused/ }}
    default_backend origin
backend origin
    server origin 127.0.0.1:{origin}
backend nobody
    server nobody 127.0.0.1:{refused}
"""


def haproxy(threads, reuse):
    def prepare(folder, port, origin, refused):
        configuration = folder / "haproxy.cfg"
        configuration.write_text(HAPROXY.format(threads=threads, reuse=reuse, port=port,
                                                origin=origin, refused=refused, seconds=SECONDS))
        return Launch((servers.program("haproxy"), "-db", "-f", configuration))
    return prepare


# --- Programs of tests/programs/clients ---


def program(interpreter, name, *more):
    def prepare(_folder, port, origin, _refused):
        return Launch((servers.program(interpreter), PROGRAMS / name, port, origin, *more),
                      {"PYTHONDONTWRITEBYTECODE": "1"})
    return prepare


LITTLE = {**dict.fromkeys(ONLY_GET, "takes GET only"),
          **dict.fromkeys(FAILURES, "what its client does then is in the table of clients")}

RELAYS = [
    Relay("nginx proxy_pass", nginx, quick=True, processes=2),
    Relay("apache mod_proxy", apache, quick=True, processes=2),
    Relay("haproxy", haproxy(1, "always"), quick=True, stop=signal.SIGUSR1),
    Relay("haproxy 2 threads", haproxy(2, "safe"), stop=signal.SIGUSR1),
    Relay("python threads, http.client", program("python3", "relay_threads.py"), LITTLE,
          quick=True),
    Relay("aiohttp, one thread", program("python3", "relay_aiohttp.py"), LITTLE, quick=True),
    Relay("uvicorn, httpx, one thread", program("python3", "relay_httpx.py"), LITTLE),
    Relay("node, http", program("node", "relay.js", "http"), LITTLE, quick=True),
    Relay("node, fetch", program("node", "relay.js", "fetch"), LITTLE, quick=True),
]
