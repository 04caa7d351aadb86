# SPDX-License-Identifier: Apache-2.0
"""Programs of C and Rust: what serves files, forwards, or is written here."""

import functools
import os
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


def build_directory():
    from conftest import BUILD  # the tests' choice

    return BUILD


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


# --- libmicrohttpd, Rust ---


def own(build, folder, port):
    """A program written here."""
    return Launch((build(folder), port, write_file(folder), WEBSOCKET_ACCEPT))


def microhttpd(_folder):
    path = build_directory() / "tests" / "programs" / "matrix_microhttpd"
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
    Program("libmicrohttpd", "recv + sendmsg + sendfile64", functools.partial(own, microhttpd),
            quick=True),
    Program("Rust std", "recv + send + sendfile", functools.partial(own, rust), quick=True,
            exits=(0,)),
]
