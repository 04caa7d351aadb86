# SPDX-License-Identifier: Apache-2.0
"""Programs that end while the agent posts by TLS to a slow collector.

A thread inside OpenSSL while its host's exit handlers take OpenSSL down crashes the host now and
then, so these programs end at random moments, many times: `--exits 500` for the whole evening.
None may die otherwise than it does without the agent, nor much later than the promised second."""

import concurrent.futures
import random
import signal
import subprocess
import threading
import time

import pytest

import certificates
import servers
import sink

AT_ONCE = 2
LATE_SECONDS = 5  # the promise is 1 s; a shared machine gets some more
HUNG_SECONDS = 60

PYTHON = """
import http.server, os, signal, sys, threading, time, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *arguments):
        pass
how, delay = sys.argv[1], float(sys.argv[2])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
answered = threading.Event()
def ask():
    while True:
        urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/").read()
        answered.set()
        time.sleep(0.01)
def leave(*_):
    print(time.monotonic(), flush=True)
    sys.exit(3)
threading.Thread(target=ask, daemon=True).start()
answered.wait()
if how == "signal":
    signal.signal(signal.SIGALRM, leave)
    signal.setitimer(signal.ITIMER_REAL, delay + 0.001)
    while True:
        time.sleep(0.05)  # again and again: a signal just before a sleep does not cut it short
if how == "tls":
    import ssl
    ssl.create_default_context()
time.sleep(delay)
if how == "at-once":
    print(time.monotonic(), flush=True)
    os._exit(3)
leave()
"""

# libc's exit() in one thread while others go on, from a handler too: what python does not do.
C = r"""
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static int listener;
static void leave(int number) {
    struct timespec now;
    char text[64];
    (void)number;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int length = snprintf(text, sizeof text, "%ld.%09ld\n", (long)now.tv_sec, now.tv_nsec);
    if (write(1, text, (size_t)length) < 0) abort();
    exit(3);
}
static void *serve(void *unused) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    char bytes[512];
    for (;;) {
        int client = accept(listener, NULL, NULL);
        while (recv(client, bytes, sizeof bytes, 0) > 0) send(client, answer, sizeof answer - 1, 0);
        close(client);
    }
    return unused;
}
static char **arguments;
static void *sleep_and_leave(void *seconds) {
    usleep((unsigned)(atof(seconds) * 1e6));
    leave(0);
    return NULL;
}
static void begin_to_end(void) {
    pthread_t thread;
    if (!strcmp(arguments[1], "signal")) { /* any thread may be the one that is interrupted */
        struct itimerval timer = {.it_value = {0, 1 + (long)(atof(arguments[2]) * 1e6)}};
        signal(SIGALRM, leave);
        setitimer(ITIMER_REAL, &timer, NULL);
    } else {
        pthread_create(&thread, NULL, sleep_and_leave, arguments[2]);
    }
}
static void *ask(void *where) {
    char bytes[512];
    int begun = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    connect(fd, where, sizeof(struct sockaddr_in));
    for (;;) {
        send(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, 0);
        if (recv(fd, bytes, sizeof bytes, 0) <= 0) abort();
        if (!begun++) begin_to_end();
        usleep(5000);
    }
    return NULL;
}
int main(int count, char **given) {
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof where;
    pthread_t thread;
    if (count < 3) return 1;
    arguments = given;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&where, length);
    getsockname(listener, (struct sockaddr *)&where, &length);
    listen(listener, 8);
    pthread_create(&thread, NULL, serve, NULL);
    ask(&where);
}
"""

# A machine so busy that a moment inside OpenSSL lasts longer than an exit waits for the collector;
# and an end of the process that leaves time to see what comes of it.
SLOW_OPENSSL = r"""
#include <dlfcn.h>
#include <unistd.h>
int SSL_connect(void *ssl) {
    void *library = dlopen("libssl.so.3", RTLD_LAZY | RTLD_NOLOAD);
    int (*real)(void *) = (int (*)(void *))dlsym(library, "SSL_connect");
    usleep(1000000);
    return real(ssl);
}
__attribute__((destructor)) static void end(void) { usleep(1500000); }
"""

NODE = """
const http = require('http'), tls = require('tls');
const server = http.createServer((request, response) => response.end('x'));
let begun = false;
function leave() {
    console.log(Number(process.hrtime.bigint()) / 1e9);
    process.exit(3);
}
function take(answer) {
    answer.resume();
    if (!begun) setTimeout(leave, 1000 * process.argv[3]);
    begun = true;
}
server.listen(0, '127.0.0.1', () => setInterval(() => http.get(
    {port: server.address().port, host: '127.0.0.1'}, take), 5));
if (process.argv[2] === 'tls') tls.createSecureContext();
"""


@pytest.fixture
def exits(request):
    return request.config.getoption("--exits")


def unsteady(random_source):
    """Mostly closes the connection at once, so that the agent is busy with handshakes; else answers
    at a random moment of the next half second."""
    def step(connection, post):
        if random_source.random() < 0.8:
            return False
        time.sleep(random_source.random() / 2)
        return sink.accept(connection, post)
    return step


@pytest.fixture(scope="module")
def authority(run_directory):
    return certificates.Authority(run_directory / "exit-authority")


@pytest.fixture
def collector(authority):
    with sink.Collector(unsteady(random.Random(6)), tls=authority.serve()) as running:
        yield running


@pytest.fixture
def environment(directory, library, authority, collector):
    tracing = servers.Tracing(library, directory, "exit", {
        "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.among_many()), "OTEL_LOG_LEVEL": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "10", "OTEL_AGENT_EXPORT_RETRY": "false"})
    return tracing.environment()


def run(command, environment, directory):
    """(status, seconds after it said that it leaves)"""
    process = subprocess.Popen([str(part) for part in command], env={"PATH": "/usr/bin:/bin",
                                                                     **environment},
                               cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        output, error = process.communicate(timeout=HUNG_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "hung", HUNG_SECONDS
    ended = time.monotonic()
    said = output.split()
    late = ended - float(said[-1]) if said else 0.0
    return (process.returncode, error.decode(errors="replace")), late


def judge(what, results, expected, collector):
    """Prints how it went, and fails where a program ended otherwise than expected."""
    latest = max(late for _, late in results)
    print(f"\n{what}: {len(results)} exits, the latest after {latest:.2f} s, "
          f"{len(collector.posts)} posts")
    assert [status for status, _ in results if status != expected] == []
    assert latest < LATE_SECONDS
    assert collector.posts or collector.refused


def many(count, one):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(count)))


def moment(seed):
    """Seconds after the first answer: a handshake takes some tens of milliseconds."""
    return random.Random(seed).random() * 0.4


@pytest.mark.parametrize("how", ["return", "signal", "at-once", "tls"])
def test_python_ends_as_without(directory, environment, collector, exits, how):
    (directory / "program.py").write_text(PYTHON)
    results = many(exits // 20, lambda seed: run(
        ["/usr/bin/python3", "program.py", how, moment(seed)], environment, directory))
    judge(f"python, {how}", results, (3, ""), collector)


def test_who_is_slow_inside_openssl_is_waited_for(directory, environment, collector):
    (directory / "program.py").write_text(PYTHON)
    (directory / "slow.c").write_text(SLOW_OPENSSL)
    subprocess.run([servers.program("cc"), "-shared", "-fPIC", "-o", "slow.so", "slow.c"],
                   cwd=directory, check=True)
    environment["LD_PRELOAD"] += f":{directory}/slow.so"
    results = many(4, lambda seed: run(
        ["/usr/bin/python3", "program.py", "tls", 0.1 + seed / 5], environment, directory))
    judge("python, tls, slow", results, (3, ""), collector)


@pytest.mark.parametrize("how", ["thread", "signal"])
def test_a_program_in_c_ends_as_without(directory, environment, collector, exits, how):
    (directory / "program.c").write_text(C)
    subprocess.run([servers.program("cc"), "-O2", "-pthread", "-o", "program", "program.c"],
                   cwd=directory, check=True)
    results = many(exits // 10, lambda seed: run(
        ["./program", how, moment(seed)], environment, directory))
    judge(f"C, {how}", results, (3, ""), collector)


@pytest.mark.parametrize("how", ["plain", "tls"])
def test_node_ends_as_without(directory, environment, collector, exits, how):
    (directory / "program.js").write_text(NODE)
    results = many(exits // 10, lambda seed: run(
        [servers.program("node"), "program.js", how, moment(seed)], environment, directory))
    judge(f"node, {how}", results, (3, ""), collector)


@pytest.fixture
def repository(directory):
    """The URL of a repository that is served as plain files."""
    git = [servers.program("git"), "-c", "user.name=n", "-c", "user.email=e"]
    for command in (["init", "-q", "--bare", "served"], ["init", "-q", "work"],
                    ["-C", "work", "commit", "-q", "--allow-empty", "-m", "one"],
                    ["-C", "work", "push", "-q", "../served", "HEAD:refs/heads/main"],
                    ["-C", "served", "update-server-info"]):
        subprocess.run([*git, *command], cwd=directory, check=True, capture_output=True)
    port = servers.free_port()
    with servers.Server("files", ["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1",
                                  port], directory) as files:
        files.wait_until(lambda: servers.answers(port, "/served/HEAD"), "answer")
        yield f"http://127.0.0.1:{port}/served"


def test_git_ends_as_without(directory, environment, collector, repository, exits):
    """Its own libcurl is the other flavour; it ends right after its last request."""
    command = [servers.program("git"), "ls-remote", repository]
    plain = subprocess.run(command, capture_output=True, check=True).stdout
    assert plain

    def one(_seed):
        started = time.monotonic()
        done = subprocess.run(command, env={"PATH": "/usr/bin:/bin", **environment},
                              capture_output=True, timeout=HUNG_SECONDS, check=False)
        return (done.returncode, done.stdout, done.stderr), time.monotonic() - started

    judge("git", many(exits // 5, one), (0, plain, b""), collector)


def test_the_shop_ends_as_without(directory, library, environment, collector, mariadb, s3,
                                  shop_program, exits):
    mariadb.reset()

    def one(seed):
        shop = servers.Shop(directory, mariadb, s3, shop_program, servers.Tracing(
            library, directory, f"shop-{seed}", environment), name=f"shop-{seed}")
        stop = threading.Event()

        def ask():
            while not stop.wait(0.01):
                try:
                    servers.answers(shop.port, "/products")
                except OSError:
                    return

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(moment(seed))
        started = time.monotonic()
        shop.process.send_signal(signal.SIGTERM)
        try:
            status = shop.process.wait(HUNG_SECONDS)
        except subprocess.TimeoutExpired:
            status = "hung"
        late = time.monotonic() - started
        stop.set()
        asking.join()
        shop.stop(check=False)
        return status, late

    judge("the shop", many(exits // 5, one), 0, collector)
