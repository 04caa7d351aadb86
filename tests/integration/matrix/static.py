# SPDX-License-Identifier: Apache-2.0
"""Programs of C and Rust: what serves files, forwards, or is written here."""

import functools
import os
import signal
import subprocess

import servers
from matrix.client import WEBSOCKET_ACCEPT
from matrix.program import SIZES, STATUSES, Launch, Program, content, write_file

OLD = 1e9  # Last-Modified and ETag of what was made a moment ago are not always sent


def write_files(folder, *directories):
    """content() of each size in each directory, and the large file."""
    files = [write_file(folder)]
    for directory in directories:
        (folder / directory).mkdir()
        for size in SIZES:
            files.append(folder / directory / str(size))
            files[-1].write_bytes(content(size))
    for file in files:
        os.utime(file, (OLD, OLD))


# --- nginx ---

NGINX = """
{user}
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 512; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 100000;
    keepalive_timeout 60s;
    client_max_body_size 16m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type application/octet-stream;
    server {{
        listen 127.0.0.1:{port} reuseport;
        root {folder};
        location /chunked/ {{ ssi on; ssi_types *; }}
        location = /echo {{ dav_methods PUT; }}
        {statuses}
    }}
}}
"""


def nginx(folder, port):
    write_files(folder, "bytes", "chunked")
    (folder / "echo").touch()  # each upload replaces it: the first answer is no other
    texts = {status: f' "status {status}\\n"' for status in STATUSES}
    texts.update({204: "", 304: "", 301: " /status/200"})
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(
        user="user www-data;" if os.geteuid() == 0 else "", folder=folder, port=port,
        statuses="\n        ".join(f"location = /status/{status} {{ return {status}{text}; }}"
                                   for status, text in texts.items())))
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
ServerName matrix.test
{user}
{modules}
{mpm}
MaxConnectionsPerChild 0
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
Timeout 60
EnableSendfile On
DocumentRoot {folder}
<Directory {folder}>
    Require all granted
</Directory>
<Directory {folder}/status>
    SetHandler send-as-is
</Directory>
<Directory {folder}/chunked>
    Options +Includes
    SetOutputFilter INCLUDES
</Directory>
ScriptAlias /echo {folder}/echo
"""

# Threads or processes enough for idle connections, and no reason to end any: event closes those as
# soon as all its threads are busy, and what a client sends at that moment gets no answer.
APACHE_MPM = {
    "event": "StartServers 2\nThreadsPerChild 64\nMinSpareThreads 5\nMaxSpareThreads 128\n"
             "MaxRequestWorkers 128",
    "prefork": "StartServers 20\nMinSpareServers 1\nMaxSpareServers 30\nMaxRequestWorkers 30",
}
# One of event's processes in a hundred crashes in mod_mpm_event when SIGTERM has come, untraced too:
# it closes a worker's socket that the worker has freed. It does no such thing after SIGWINCH.
APACHE_STOP = {"event": signal.SIGWINCH, "prefork": signal.SIGTERM}
APACHE_MODULES = ("authz_core", "alias", "asis", "include", "cgi")
APACHE_DIRECTORY = "/usr/lib/apache2/modules"

# Counts what comes on stdin; a length of its own, because otherwise it is a matter of time whether
# the server knows it.
COUNT = """#!/bin/sh
size=$(wc -c)
printf 'Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s\n' $((${#size} + 1)) "$size"
"""


def write_script(path, text):
    path.write_text(text)
    path.chmod(0o755)


def apache(mpm, folder, port):
    write_files(folder, "bytes", "chunked")
    (folder / "status").mkdir()
    for status in STATUSES:
        (folder / "status" / str(status)).write_text(
            f"Status: {status} Said\nContent-Type: text/plain\n\nstatus {status}\n")
    write_script(folder / "echo", COUNT)
    modules = (f"mpm_{mpm}", *APACHE_MODULES)
    configuration = folder / "apache.conf"
    configuration.write_text(APACHE.format(
        folder=folder, port=port, mpm=APACHE_MPM[mpm],
        user="User www-data\nGroup www-data" if os.geteuid() == 0 else "",
        modules="\n".join(f"LoadModule {name}_module {APACHE_DIRECTORY}/mod_{name}.so"
                          for name in modules)))
    return Launch((servers.program("apache2"), "-D", "FOREGROUND", "-f", configuration),
                  logs=(folder / "error.log",))


# --- lighttpd ---

LIGHTTPD = """
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.range-requests = "disable"  # else the head says Accept-Ranges when the CGI was quick
server.modules = ("mod_magnet", "mod_cgi")
server.max-keep-alive-requests = 100000
server.max-keep-alive-idle = 60
server.upload-dirs = ("{folder}")
{user}
mimetype.assign = ("" => "application/octet-stream")
$HTTP["url"] =~ "^/status/" {{ magnet.attract-raw-url-to = ("{folder}/status.lua") }}
$HTTP["url"] =~ "^/(echo|upgrade|chunked/[0-9]+)$" {{ cgi.assign = ("" => "") }}
$HTTP["url"] =~ "^/chunked/" {{ server.stream-response-body = 1 }}
$HTTP["url"] == "/upgrade" {{ cgi.upgrade = "enable" }}
"""

STATUS = """
local status = string.match(lighty.r.req_attr["uri.path"], "%d+$")
if status ~= "204" and status ~= "304" then
    lighty.r.resp_header["Content-Type"] = "text/plain"
    lighty.r.resp_body.set({"status " .. status .. "\\n"})
end
return tonumber(status)
"""

# The head first, so that the server can't know the length.
SLOWLY = """#!/bin/sh
printf 'Content-Type: application/octet-stream\\r\\n\\r\\n'
sleep 0.05
exec cat "{folder}/bytes/${{REQUEST_URI##*/}}"
"""

# Echoes bytes after the upgrade.
UPGRADE = """#!/bin/sh
printf 'Status: 101\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n'
printf 'Sec-WebSocket-Accept: {accept}\\r\\n\\r\\n'
exec cat
"""


def lighttpd(folder, port):
    write_files(folder, "bytes")
    (folder / "status.lua").write_text(STATUS)
    (folder / "chunked").mkdir()
    for size in SIZES:
        write_script(folder / "chunked" / str(size), SLOWLY.format(folder=folder).replace(
            "${REQUEST_URI##*/}", str(size)))
    write_script(folder / "echo", COUNT)
    write_script(folder / "upgrade", UPGRADE.format(accept=WEBSOCKET_ACCEPT))
    configuration = folder / "lighttpd.conf"
    configuration.write_text(LIGHTTPD.format(
        folder=folder, port=port,
        user='server.username = "www-data"\nserver.groupname = "www-data"'
        if os.geteuid() == 0 else ""))
    return Launch((servers.program("lighttpd"), "-D", "-f", configuration))


# --- haproxy ---

HAPROXY = """
global
    maxconn 500
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    timeout http-keep-alive 60s
    {options}
frontend matrix
    bind 127.0.0.1:{port}
    {statuses}
    default_backend own
backend own
    server own 127.0.0.1:{behind}
"""


def haproxy(options, folder, port):
    behind = servers.free_port()
    texts = {status: f' content-type text/plain string "status {status}\\n"' for status in STATUSES}
    texts.update({204: "", 304: ""})
    configuration = folder / "haproxy.conf"
    configuration.write_text(HAPROXY.format(
        port=port, behind=behind, options=options,
        statuses="\n    ".join(
            f"http-request return status {status}{text} if {{ path /status/{status} }}"
            for status, text in texts.items())))
    return Launch((servers.program("haproxy"), "-db", "-f", configuration),
                  beside=(own(microhttpd, folder, behind),))


# --- libmicrohttpd, Rust ---


def own(build, folder, port):
    """A program written here."""
    return Launch((build(folder), port, write_file(folder), WEBSOCKET_ACCEPT))


def microhttpd(_folder):
    path = servers.BUILD / "tests" / "programs" / "matrix_microhttpd"
    if not path.exists():
        raise servers.ServerError(f"{path} is missing: scripts/bootstrap --test, then build")
    return path


def rust(folder):
    output = folder / "server"
    subprocess.run([servers.program("rustc"), "--edition", "2018", "-O", "-o", output,
                    servers.PROGRAMS / "matrix" / "server.rs"], check=True)
    return output


PROGRAMS = [
    Program("nginx", "recv + writev + sendfile64", nginx, quick=True, processes=2, lacks={
        "upgrade": "only as a proxy",
        **dict.fromkeys(("POST", "PATCH", "DELETE"), "dav stores by PUT only")}),
    *(Program(f"apache2 {mpm}", "read + writev + sendfile64", functools.partial(apache, mpm),
              varies=("content-length", "transfer-encoding", "allow"),
              quick=mpm == "event", stop=APACHE_STOP[mpm], lacks={
                  "upgrade": "only as a proxy",
                  "BREW": "no handler takes it"}) for mpm in APACHE_MPM),
    Program("lighttpd", "read + writev + sendfile64", lighttpd, quick=True,
            varies=("content-length", "transfer-encoding"),
            exits=(0, 1),  # 1 now and then, untraced too
            lacks={"BREW": "knows no such method"}),
    # SIGTERM would kill it at once, and what it had not exported by then.
    Program("haproxy", "recv + send", functools.partial(haproxy, ""), quick=True,
            stop=signal.SIGUSR1),
    Program("haproxy splice", "recv + send + splice", functools.partial(haproxy, "option splice-request\n    option splice-response"),
            quick=True, stop=signal.SIGUSR1),
    Program("libmicrohttpd", "recv + sendmsg, send + sendfile64", functools.partial(own, microhttpd),
            quick=True),
    Program("Rust std", "recv + send + sendfile", functools.partial(own, rust), quick=True,
            exits=(0,)),
]
