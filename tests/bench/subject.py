# SPDX-License-Identifier: Apache-2.0
"""What is measured: servers with one small answer and clients that ask the same again and again, in
the variants that are compared; and the load, which is also their collector."""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request

from measure import processes

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = TREE / "build/release"
LIBRARY = pathlib.Path(os.environ.get("OTELAGENT_LIBRARY") or BUILD / "libotelagent.so")
LOAD = BUILD / "tests/bench/bench_load"
CALLS = BUILD / "tests/bench/bench_calls"
PAGE = "/small.txt"
DEBIAN_PYTHON = "/usr/bin/python3"  # its packages are installed for that one

SAMPLED = {"OTEL_TRACES_SAMPLER": "always_on"}
# What is set in each variant; None is no agent.
VARIANTS = {
    "untraced": None,
    "again": None,
    "disabled": {"OTEL_SDK_DISABLED": "true"},
    "1%": {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"},
    "100%": SAMPLED,
    "stable": {**SAMPLED, "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database"},
    "unsampled": {"OTEL_TRACES_SAMPLER": "always_off"},
}
STATE = {}  # own_state() fills it
EXPORTING = ("1%", "100%", "stable")

CONFIGURATION = """
daemon off;
{processes}
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile {sendfile};
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

NODE_SERVER = """
require('http').createServer((request, response) => {
    response.setHeader('Content-Type', 'text/plain');
    response.end('a small answer\\n'.repeat(7));
}).listen(Number(process.argv[1]), '127.0.0.1');
"""


def program(name):
    return shutil.which(name, path=f"/usr/sbin:/usr/bin:/sbin:/bin:{os.environ.get('PATH', '')}")


def needed(name):
    found = program(name)
    if not found:
        raise processes.ProcessError(f"{name} is missing: run scripts/bootstrap --test")
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def own_state():
    """Where the agents keep what has not left, memory as by default: a killed server's spans stay
    with this run. In the environment of all that is measured while it lasts."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="bench-", dir=memory) as directory:
        os.chmod(directory, 0o1777)  # servers' workers are other users
        STATE["OTEL_AGENT_STATE_DIR"] = directory
        try:
            yield
        finally:
            STATE.clear()


def environment(variant, collector_url, more=None):
    clean = {key: value for key, value in os.environ.items()
             if not key.startswith(("OTEL", "LD_PRELOAD", "ENVIRONMENT"))}
    if VARIANTS[variant] is None:
        return clean
    return {**clean, **VARIANTS[variant], "LD_PRELOAD": str(LIBRARY), "OTEL_LOG_LEVEL": "info",
            "OTEL_SERVICE_NAME": "bench", "OTEL_EXPORTER_OTLP_ENDPOINT": collector_url, **STATE,
            **(more or {})}


class HttpServer(processes.Server):
    """Answers at self.port. `agent_log`: where the agent's lines go, besides the output."""

    agent_log = None

    def __init__(self, command, directory, variables):
        super().__init__(command, directory / "output", variables)
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
        said = self.output() + (self.agent_log.read_text() if self.agent_log else "")
        for line in re.findall(r"otelagent\[.*spans (ended .*)", said):
            before, _, after = line.partition("dropped:")
            ended += int(re.search(r"ended (\d+)", before).group(1))
            dropped += sum(int(count) for count in re.findall(r"\d+", after))
        return ended, dropped


def make_directory(directory):
    directory = pathlib.Path(directory)
    directory.mkdir()
    directory.parent.chmod(0o755)  # the workers' user passes through
    return directory


class Nginx(HttpServer):
    title = "nginx, one worker, a small file"
    requests, rates = 40000, (8000, 50000)

    def __init__(self, directory, variables, workers=1, wrapper=(), sendfile="on"):
        """`workers` 0: one process that does all. `wrapper`: words before the command. Without
        sendfile, head and file leave by one call."""
        directory = make_directory(directory)
        (directory / PAGE[1:]).write_text("a small file\n" * 8)  # 104 bytes
        self.port = free_port()
        self.agent_log = directory / "error.log"
        (directory / "nginx.conf").write_text(CONFIGURATION.format(
            directory=directory, port=self.port, sendfile=sendfile,
            processes=f"worker_processes {workers};" if workers else "master_process off;"))
        super().__init__([*wrapper, needed("nginx"), "-e", str(self.agent_log), "-p",
                          str(directory), "-c", str(directory / "nginx.conf")],
                         directory, variables)


class Flask(HttpServer):
    title = "gunicorn (gthread, one worker) and Flask"
    requests, rates = 800, (100, 300)

    def __init__(self, directory, variables):
        directory = make_directory(directory)
        self.port = free_port()
        found = subprocess.run([DEBIAN_PYTHON, "-c", "import flask, gunicorn"], check=False,
                               capture_output=True)
        if found.returncode != 0:
            raise processes.ProcessError("python3-flask or gunicorn is missing: run "
                                         "scripts/bootstrap --test")
        super().__init__(
            [DEBIAN_PYTHON, "-m", "gunicorn", "--worker-class", "gthread", "--workers", "1",
             "--threads", "4", "--keep-alive", "600", "--bind", f"127.0.0.1:{self.port}",
             "--chdir", str(pathlib.Path(__file__).parent), "flask_app:application"],
            directory, {**variables, "PYTHONDONTWRITEBYTECODE": "1"})


class Node(HttpServer):
    title = "node, its http server"
    requests, rates = 8000, (1000, 4000)

    def __init__(self, directory, variables):
        directory = make_directory(directory)
        self.port = free_port()
        super().__init__([needed("node"), "-e", NODE_SERVER, str(self.port)], directory, variables)


SERVERS = {"http": Nginx, "flask": Flask, "node": Node}


class Talker:
    """A program that answers a line by a line of names and numbers."""

    def __init__(self, command, variables=None, cpu=None):
        words = ["taskset", "-c", str(cpu)] if cpu is not None else []
        self.command = command
        self.process = subprocess.Popen([*words, *map(str, command)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env=variables, start_new_session=True)
        processes.Server.started.add(self.process.pid)  # so that no server takes it for its own

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            said = self.process.stderr.read().strip()
            raise processes.ProcessError(said or f"{self.command[0]} ended")
        words = line.split()
        return {name: float(value) for name, value in zip(words[::2], words[1::2])}

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # what it said is read below
        return self.read()


class Load(Talker):
    """bench_load. `url`: of the collector that it is, too."""

    def __init__(self, cpu=None):
        super().__init__([LOAD], cpu=cpu)
        self.url = f"http://127.0.0.1:{self.read()['collector']:.0f}"

    def run(self, port, requests, connections, rate=0, head="hello"):
        """What bench_load says: requests, seconds, p50_us, p99_us, p999_us, most_us, head_bytes."""
        return self.ask(f"load {port} {PAGE} {requests} {connections} {rate} {head}")

    def take(self):
        """spans, posts and bytes that arrived since the last call."""
        return self.ask("spans")


class Client(Talker):
    """bench_calls. `words`: what it is, and to whom it talks."""

    def __init__(self, words, variables, wrapper=(), cpu=None):
        super().__init__([*wrapper, CALLS, *words], variables, cpu)
        self.pid = self.process.pid

    def calls(self, what, count):
        return self.ask(f"{what} {count}")

    def processes(self):
        return [self.pid]

    def workers(self):
        return [self.pid]


def share_test_servers():
    """The tests of integration have servers that the clients here can ask."""
    path = str(TREE / "tests/integration")
    if path not in sys.path:
        sys.path.append(path)


@contextlib.contextmanager
def asked_server(name, directory):
    """Starts, untraced, whom the client `name` asks; gives bench_calls' words."""
    share_test_servers()
    import redis_server  # pylint: disable=import-outside-toplevel
    import servers  # pylint: disable=import-outside-toplevel
    directory = make_directory(directory)
    try:
        if name == "mysql":
            with servers.MariaDB(directory) as server:
                yield [name, server.port, "shop", servers.DB_PASSWORD, "shop"]
        elif name == "redis":
            with redis_server.Redis(directory, password=None) as server:
                server.ask("SET", "user:42", "value")
                yield [name, server.port]
        else:
            with Nginx(directory / "nginx", environment("untraced", ""), sendfile="off") as server:
                yield [name, server.port]
    except servers.ServerError as error:
        raise processes.ProcessError(str(error)) from None


# What each client can be asked to do, with whom its figure is compared (the variant without the
# agent, doing this), and the name of the figure.
CALLS_OF = {
    "mysql": (("repeated", "repeated", "repeated statement"), ("new", "new", "new statement")),
    "curl": (("plain", "header", "transfer"),),
    "sockets": (("plain", "plain", "request"),),
    "redis": (("plain", "plain", "command"),),
}
