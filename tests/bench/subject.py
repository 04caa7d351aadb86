# SPDX-License-Identifier: Apache-2.0
"""The server that is measured: nginx with one small static file, in the ways it is measured."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import urllib.request

from measure import processes

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = TREE / "build/release"
LIBRARY = pathlib.Path(os.environ.get("OTELAGENT_LIBRARY") or BUILD / "libotelagent.so")
LOAD = BUILD / "tests/bench/bench_load"
PAGE = "/small.txt"

# What is set in each arm; None is no agent.
ARMS = {
    "untraced": None,
    "traced": {"OTEL_TRACES_SAMPLER": "always_on"},
    "1%": {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"},
    "unsampled": {"OTEL_TRACES_SAMPLER": "always_off"},
}

CONFIGURATION = """
daemon off;
{processes}
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    open_file_cache max=10;
    keepalive_requests 100000000;
    types {{ text/plain txt; }}
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {directory};
    }}
}}
"""


def program(name):
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(arm, collector_url):
    clean = {key: value for key, value in os.environ.items()
             if not key.startswith(("OTEL", "LD_PRELOAD", "ENVIRONMENT"))}
    if ARMS[arm] is None:
        return clean
    return {**clean, **ARMS[arm], "LD_PRELOAD": str(LIBRARY), "OTEL_LOG_LEVEL": "info",
            "OTEL_SERVICE_NAME": "bench", "OTEL_EXPORTER_OTLP_ENDPOINT": collector_url}


class Nginx(processes.Server):
    def __init__(self, directory, arm, collector_url, workers, wrapper=()):
        """`workers` 0: one process that does all. `wrapper`: words before the command."""
        directory = pathlib.Path(directory)
        directory.mkdir()
        directory.parent.chmod(0o755)  # the workers' user passes through
        (directory / PAGE[1:]).write_text("a small file\n" * 20)
        self.port = free_port()
        self.error_log = directory / "error.log"
        (directory / "nginx.conf").write_text(CONFIGURATION.format(
            directory=directory, port=self.port,
            processes=f"worker_processes {workers};" if workers else "master_process off;"))
        super().__init__([*wrapper, program("nginx"), "-e", str(self.error_log), "-p",
                          str(directory), "-c", str(directory / "nginx.conf")],
                         directory / "output", environment(arm, collector_url))
        self.wait_until(self.answers, 60, f"port {self.port}")

    def answers(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{PAGE}", timeout=30):
                return True
        except OSError:
            return False

    def workers(self):
        return [pid for pid in self.processes() if pid != self.process.pid] or [self.process.pid]

    def accounts(self):
        """(spans ended, spans dropped) by the agent's own lines, after the stop."""
        ended = dropped = 0
        said = self.output() + self.error_log.read_text()
        for line in re.findall(r"otelagent\[.*spans (ended .*)", said):
            before, _, after = line.partition("dropped:")
            ended += int(re.search(r"ended (\d+)", before).group(1))
            dropped += sum(int(count) for count in re.findall(r"\d+", after))
        return ended, dropped


def load(port, requests, connections):
    """What bench_load prints: requests, seconds, p50_us, p99_us."""
    done = subprocess.run([str(LOAD), str(port), PAGE, str(requests), str(connections)],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise processes.ProcessError(done.stderr.strip() or "bench_load failed")
    words = done.stdout.split()
    return {name: float(value) for name, value in zip(words[::2], words[1::2])}
