# SPDX-License-Identifier: Apache-2.0
"""Real servers for tests and the demo: MariaDB, S3, the shop, nginx, gunicorn.

Each listens on a free port of 127.0.0.1, writes its log into the run's directory, is a session of
its own (so that a server that signals its whole process group reaches nobody else) and is stopped
by its process id. Which of them run under the agent is the caller's choice: they take a Tracing,
or None."""

import contextlib
import dataclasses
import errno
import http.client
import json
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("OTELAGENT_BUILD") or TREE / "build" / "release")
PROGRAMS = TREE / "tests" / "programs"
BUCKET = "images"
DB_PASSWORD = "correct horse"
PATIENCE_SECONDS = 60  # for what takes less than one where the machine has nothing else to do
READY_ID = "ready"  # X-Request-ID of the requests that wait for a server: not a test's


class ServerError(Exception):
    """A server did not start or stop as it should; the text has the end of its log."""


def cache_directory():
    """Where scripts/bootstrap keeps what comes from package registries."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(os.environ.get("OTELAGENT_CACHE") or os.path.join(base, "otelagent"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def silent_name_server():
    """A socket that takes queries and answers none, at an address of this machine that nobody else
    uses: those who run the same test beside this one would swallow each other's queries."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while True:
        try:
            server.bind((f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.53", 53))
            return server
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise


def program(name):
    """The path of a program that bootstrap installs: Debian's, whatever else the path offers."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", ""))
    if not found:
        raise ServerError(f"{name} is missing: run scripts/bootstrap --test")
    return found


@dataclasses.dataclass
class Tracing:
    """How to run a program under the agent: its spans go to SERVICE.jsonl in a directory."""

    library: pathlib.Path
    directory: pathlib.Path
    service: str
    variables: dict = dataclasses.field(default_factory=dict)

    @property
    def file(self):
        return pathlib.Path(self.directory) / f"{self.service}.jsonl"

    @property
    def state(self):
        """Where spans wait that have not left; like /dev/shm, everybody may write there."""
        return pathlib.Path(self.directory) / "state"

    @property
    def left(self):
        """The files of spans there, each in its user's directory."""
        return sorted(self.state.glob("otelagent-*/otelagent-*"))

    def __post_init__(self):
        # nginx's workers are another user than the master that loads the agent; so the file
        # exists beforehand, and all may write it.
        self.file.touch()
        self.file.chmod(0o666)
        self.state.mkdir(exist_ok=True)
        self.state.chmod(0o1777)

    def environment(self):
        return {
            "LD_PRELOAD": str(self.library),
            "OTEL_SERVICE_NAME": self.service,
            "OTEL_TRACES_EXPORTER": "file",
            "OTEL_AGENT_EXPORT_FILE": str(self.file),
            "OTEL_AGENT_STATE_DIR": str(self.state),
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_BSP_MAX_QUEUE_SIZE": "20000",
            # Most tests count calls, all of them.
            "OTEL_AGENT_ROOT_CLIENT_SPANS": "true", "OTEL_AGENT_DB_SPANS": "all",
            **self.variables,
        }


def waiting(state, notes=("said",)):
    """What there is in the state directory, but for notes, as of what has been said
    (agent/base/said.h), and directories in which nothing else lies."""
    found = []
    for place, folders, files in os.walk(state):  # passes over what goes meanwhile
        found += [pathlib.Path(place, name) for name in files if name not in notes]
        if pathlib.Path(place) != state and (folders or not files or set(files) - set(notes)):
            found.append(pathlib.Path(place))
    return found


@contextlib.contextmanager
def serving(server):
    """One of socketserver's answers meanwhile, on a thread."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Server:
    """A running program. Use as a context manager, or call stop()."""

    stop_signal = signal.SIGTERM
    exits = (0, -signal.SIGTERM)  # the ends that are in good order

    def __init__(self, name, arguments, directory, environment=None, tracing=None,
                 descriptors=(), cwd=None):
        """`descriptors` are inherited under their numbers."""
        self.name = name
        self.log = pathlib.Path(directory) / f"{name}.log"
        inherited = {key: value for key, value in os.environ.items()
                     if not key.startswith(("OTEL_", "OPENTELEMETRY_", "LD_PRELOAD"))}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(argument) for argument in arguments], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd=cwd or directory, start_new_session=True, pass_fds=descriptors,
                env={**inherited, **(environment or {}),
                     **(tracing.environment() if tracing else {})})

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.stop()

    def failure(self, what):
        log = self.log.read_text(errors="replace").splitlines()
        return ServerError("\n".join([f"{self.name}: {what}; the end of {self.log}:", *log[-25:]]))

    def wait_until(self, ready, what, seconds=PATIENCE_SECONDS):
        """Polls ready() until it is true; its OSErrors mean not yet. Stops the server when
        that fails."""
        try:
            return self.poll_until(ready, what, seconds)
        except BaseException:
            self.stop(check=False)
            raise

    def poll_until(self, ready, what, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise self.failure(f"ended with {self.process.returncode} before {what}")
            try:
                result = ready()
            except (OSError, http.client.HTTPException):
                result = None
            if result:
                return result
            time.sleep(0.02)
        raise self.failure(f"no {what} in {seconds} s")

    def stop(self, check=True, seconds=PATIENCE_SECONDS):
        """Its signal, then SIGKILL to its session. An end that is not in good order is an error."""
        if self.process.returncode is not None:
            return
        died = self.process.poll() is not None
        if not died:
            self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(seconds)
            hung = False
        except subprocess.TimeoutExpired:
            hung = True
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # workers left behind, if any
        except ProcessLookupError:
            pass
        self.process.wait()
        if check and (died or hung or self.process.returncode not in self.exits):
            raise self.failure(f"hung after signal {self.stop_signal}" if hung else
                               f"ended with {self.process.returncode}")


def answers(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS / 3)
    connection.request("GET", path, headers={"X-Request-ID": READY_ID, "Connection": "close"})
    connection.getresponse().read()
    connection.close()
    return True


def children(pid):
    """Process ids of its children."""
    return [int(child) for child in
            pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident_bytes(pid):
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def private_bytes(pid):
    """Memory that is the process's own, in use. The file of finished spans is none of it: it has
    the size that the settings say, and fills with whatever is traced."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * int(re.search(r"^Anonymous:\s+(\d+) kB", text, re.M).group(1))


# --- MariaDB ---


class MariaDB(Server):
    """A database server of its own with the shop's tables; as root it runs as user mysql."""

    def __init__(self, directory):
        directory = pathlib.Path(directory)
        data = directory / "mariadb"
        data.mkdir()
        user = []
        if os.geteuid() == 0:
            owner = pwd.getpwnam("mysql")
            os.chown(data, owner.pw_uid, owner.pw_gid)
            user = ["--user=mysql"]
        installed = subprocess.run(
            [program("mariadb-install-db"), "--no-defaults", *user, f"--datadir={data}",
             "--auth-root-authentication-method=normal", "--skip-test-db",
             "--force"],  # a fresh root may not know its own host name
            capture_output=True, text=True, check=False)
        if installed.returncode != 0:
            raise ServerError("mariadb-install-db failed:\n" + installed.stdout + installed.stderr)
        self.socket = data / "m.sock"  # a socket's path has at most 107 bytes
        self.port = free_port()
        super().__init__(
            "mariadbd",
            [program("mariadbd"), "--no-defaults", *user, f"--datadir={data}",
             f"--socket={self.socket}", f"--pid-file={data}/m.pid", "--bind-address=127.0.0.1",
             f"--port={self.port}", "--innodb-flush-log-at-trx-commit=0", "--max-connections=300",
             "--innodb-buffer-pool-size=32M", "--skip-name-resolve=0"],
            directory)
        self.wait_until(lambda: self.sql("CREATE DATABASE shop;" + "".join(
            f"CREATE USER shop@{host} IDENTIFIED BY '{DB_PASSWORD}';"
            f"GRANT ALL ON shop.* TO shop@{host};" for host in ("localhost", "'127.0.0.1'"))),
            "answer")
        self.wait_until(self.reset, "tables")

    def reset(self):
        """The shop's tables as they were at the start."""
        if not self.sql((PROGRAMS / "shop" / "schema.sql").read_text(), "shop"):
            raise self.failure("schema.sql was refused")
        return True

    def sql(self, text, database=""):
        client = subprocess.run(
            [program("mariadb"), "--no-defaults", "-uroot", f"--socket={self.socket}", database],
            input=text, capture_output=True, text=True, check=False)
        return client.returncode == 0


# --- S3 ---


class S3(Server):
    """The S3 server of s3_server.py; `requests()` is what arrived there."""

    def __init__(self, directory):
        python = cache_directory() / "s3" / "bin" / "python"
        if not python.exists():
            raise ServerError(f"{python} is missing: run scripts/bootstrap")
        self.port = free_port()
        self.endpoint = f"127.0.0.1:{self.port}"
        self.access_log = pathlib.Path(directory) / "s3-requests.jsonl"
        super().__init__("s3", [python, TREE / "tests" / "integration" / "s3_server.py", self.port,
                                BUCKET, self.access_log], directory)
        keys = self.wait_until(lambda: self.log.read_text().startswith("{") and
                               json.loads(self.log.read_text().splitlines()[0]), "keys")
        self.access_key, self.secret_key = keys["access_key"], keys["secret_key"]
        self.wait_until(lambda: answers(self.port, "/"), "answer")

    def requests(self):
        """Method, path, status, traceparent and signed headers of each request so far."""
        return [json.loads(line) for line in self.access_log.read_text().splitlines()]


# --- HTTP servers ---


class Shop(Server):
    def __init__(self, directory, mariadb, s3, binary, tracing=None, threads=8,
                 thread_per_connection=False, name="shop"):
        self.port = free_port()
        super().__init__(name, [binary, "--port", self.port, "--threads", threads,
                                "--thread-per-connection", int(thread_per_connection)],
                         directory, {
                             "SHOP_DB_SOCKET": str(mariadb.socket),
                             "SHOP_DB_PASSWORD": DB_PASSWORD,
                             "SHOP_S3_ENDPOINT": f"http://{s3.endpoint}",
                             "SHOP_S3_BUCKET": BUCKET,
                             "SHOP_S3_ACCESS_KEY": s3.access_key,
                             "SHOP_S3_SECRET_KEY": s3.secret_key,
                         }, tracing)
        self.wait_until(lambda: answers(self.port, "/health"), "answer")


class Gunicorn(Server):
    def __init__(self, directory, mariadb, s3, tracing=None, workers=2, threads=4,
                 name="gunicorn"):
        """`threads`: of a worker; with one it answers a request on a connection and closes it."""
        self.port = free_port()
        super().__init__(name, [
            program("gunicorn"), "--worker-class", "gthread" if threads > 1 else "sync",
            "--workers", workers, "--threads", threads, "--keep-alive", 30,
            "--bind", f"127.0.0.1:{self.port}", "--chdir", PROGRAMS,
            "gunicorn_app:application"], directory, {
                "APP_DB_SOCKET": str(mariadb.socket), "APP_DB_USER": "shop",
                "APP_DB_PASSWORD": DB_PASSWORD, "APP_DB_NAME": "shop",
                "APP_S3_ENDPOINT": f"http://{s3.endpoint}", "APP_S3_BUCKET": BUCKET,
                "APP_S3_ACCESS_KEY": s3.access_key, "APP_S3_SECRET_KEY": s3.secret_key,
                "PYTHONDONTWRITEBYTECODE": "1",
            }, tracing)
        self.wait_until(lambda: answers(self.port, "/health"), "answer")


class Answering(Server):
    """gunicorn with tests/programs/answer_app.py: 200 for any path, with these header fields."""

    def __init__(self, directory, tracing=None, workers=2, fields=(), name="answering"):
        self.port = free_port()
        super().__init__(name, [
            program("gunicorn"), "--worker-class", "gthread", "--workers", workers, "--threads", 2,
            "--keep-alive", 30, "--bind", f"127.0.0.1:{self.port}", "--chdir", PROGRAMS,
            "answer_app:application"], directory, {
                "ANSWER_FIELDS": json.dumps(list(fields)), "PYTHONDONTWRITEBYTECODE": "1",
            }, tracing)
        self.wait_until(lambda: answers(self.port, "/ready"), "answer")


class Relay(Server):
    """gunicorn with tests/programs/relay_app.py: asks that port of 127.0.0.1 for each path."""

    def __init__(self, directory, upstream, tracing=None, name="relay"):
        self.port = free_port()
        super().__init__(name, [
            program("gunicorn"), "--worker-class", "sync", "--workers", 1,
            "--bind", f"127.0.0.1:{self.port}", "--chdir", PROGRAMS, "relay_app:application"],
            directory, {"RELAY_TO": f"http://127.0.0.1:{upstream}", "PYTHONDONTWRITEBYTECODE": "1"},
            tracing)
        self.wait_until(lambda: answers(self.port, "/small.txt"), "answer")


NGINX_CONF = """
{user}
worker_processes {workers};
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/nginx-error.log info;
events {{ worker_connections 512; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 100000;
    keepalive_timeout 60s;
    client_max_body_size 16m;
    types {{ text/plain txt; text/html html; application/octet-stream bin; }}
    client_body_temp_path {directory}/nginx-body;
    proxy_temp_path {directory}/nginx-proxy;
    fastcgi_temp_path {directory}/nginx-fastcgi;
    uwsgi_temp_path {directory}/nginx-uwsgi;
    scgi_temp_path {directory}/nginx-scgi;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    {upstreams}
    server {{
        listen 127.0.0.1:{port} reuseport;
        root {directory}/static;
        {locations}
    }}
}}
"""


class Nginx(Server):
    """Static files below /, and each of `upstreams` (name → port) below /NAME/. `more` goes into
    the server's block."""

    def __init__(self, directory, upstreams=None, tracing=None, workers=4, name="nginx", more=""):
        directory = pathlib.Path(directory) / name
        static = directory / "static"
        static.mkdir(parents=True)
        (static / "small.txt").write_text("a small file\n" * 20)
        (static / "page.html").write_text("<p>a page</p>\n" * 500)
        (static / "large.bin").write_bytes(bytes(range(256)) * 4096)
        for file in static.iterdir():
            os.utime(file, (1e9, 1e9))  # Last-Modified and ETag are the same in each run
        self.port = free_port()
        upstreams = upstreams or {}
        configuration = directory / "nginx.conf"
        configuration.write_text(NGINX_CONF.format(
            user="user www-data;" if os.geteuid() == 0 else "",
            workers=workers, directory=directory, port=self.port,
            upstreams="\n    ".join(
                f"upstream {to} {{ server 127.0.0.1:{port}; keepalive 16; }}"
                for to, port in upstreams.items()),
            locations="\n        ".join([more, *(f"location /{to}/ {{ proxy_pass http://{to}/; }}"
                                                 for to in upstreams)])))
        super().__init__(name, [program("nginx"), "-e", directory / "nginx-error.log", "-p",
                                directory, "-c", configuration], directory, None, tracing)
        self.wait_until(lambda: answers(self.port, "/small.txt"), "answer")
