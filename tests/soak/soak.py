# SPDX-License-Identifier: Apache-2.0
"""scripts/soak: nginx in front of gunicorn in front of MariaDB under load for a long time, traced,
while the collector is killed every half minute.

Fails when an answer is not what the same servers answer without the agent, when a traced process
grows by more than 1 KiB a minute once it has warmed up, or when spans are not accounted for: those
that ended are exported, dropped or left, and the collector stored each one said to be exported."""

import argparse
import collections
import contextlib
import os
import pathlib
import signal
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import accounts  # noqa: E402
import load  # noqa: E402
import servers  # noqa: E402

import collector  # noqa: E402
import memory  # noqa: E402

CONNECTIONS = 32
GUNICORN_WORKERS = 2
BATCH = 4000  # requests between two looks at the clock
SAMPLE_SECONDS = 5
KILL_SECONDS, DOWN_SECONDS = 30, 3
SETTLED_MINUTES = 5
JUDGED_MINUTES = 10  # of growth at least: below that, a few pages are a slope
GROWTH_KIB = 1.0  # a minute
MAPPINGS_SHOWN = 6
PATHS = [  # method, path, how often
    ("GET", "/small.txt", 8), ("GET", "/page.html", 6), ("HEAD", "/page.html", 1),
    ("GET", "/absent.txt", 1), ("GET", "/app/health", 4), ("GET", "/app/items", 2),
    ("GET", "/app/items/9000", 1), ("GET", "/app/broken", 1), ("GET", "/app/nowhere", 1),
    *(("GET", f"/app/items/{number}", 1) for number in range(1, 30)),
]


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/soak", epilog=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, metavar="N", help="default 30")
    parser.add_argument("--untraced", action="store_true",
                        help="the same without the agent: how the programs grow by themselves")
    return parser.parse_args()


# --- Servers ---


class Servers:
    """nginx and gunicorn; their logs and what else they write in a directory of their own.

    So that they do not grow by themselves: one nginx worker has all connections at once from the
    first minute on, while of two each would meet its busiest moment at some time; and gunicorn's
    workers have one thread each, because a heap for every thread frays for hours (2 to 5 KiB a
    minute, untraced)."""

    def __init__(self, stack, directory, mariadb, s3, traced=None):
        directory.mkdir()
        directory.chmod(0o755)
        self.directory = directory
        self.gunicorn = stack.enter_context(
            servers.Gunicorn(directory, mariadb, s3, traced and traced("gunicorn"),
                             workers=GUNICORN_WORKERS, threads=1))
        self.nginx = stack.enter_context(
            servers.Nginx(directory, {"app": self.gunicorn.port}, traced and traced("nginx"),
                          workers=1))
        for server, workers in ((self.nginx, 1), (self.gunicorn, GUNICORN_WORKERS)):
            server.wait_until(lambda: len(servers.children(server.process.pid)) == workers,
                              "have its workers")

    @property
    def port(self):
        return self.nginx.port

    def processes(self):
        """pid → name."""
        found = {}
        for server in (self.nginx, self.gunicorn):
            found[server.process.pid] = f"{server.name} master"
            found.update((pid, f"{server.name} worker")
                         for pid in servers.children(server.process.pid))
        return found

    def stop(self):
        """nginx first: gunicorn's keep-alive connections end with it."""
        self.nginx.stop()
        self.gunicorn.stop()

    def said(self):
        return "\n".join(path.read_text(errors="replace")
                         for path in sorted(self.directory.rglob("*.log")))


class MortalCollector:
    """The collector in a process of its own that is killed again and again; always at the same
    port, always the same file."""

    def __init__(self, directory):
        self.directory = directory
        self.port = servers.free_port()
        self.ids = directory / "spans.ids"
        self.kills = 0
        self.over = threading.Event()
        self.running = self.start()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def start(self):
        script = pathlib.Path(__file__).with_name("collector.py")
        return servers.Server("collector", [sys.executable, script, self.port, self.ids],
                              self.directory)

    def run(self):
        while not self.over.wait(KILL_SECONDS - DOWN_SECONDS):
            os.kill(self.running.process.pid, signal.SIGKILL)
            self.running.process.wait()
            self.kills += 1
            self.over.wait(DOWN_SECONDS)
            self.running = self.start()

    def spare(self):
        """No more kills."""
        self.over.set()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.spare()
        self.running.stop(check=False)


# --- Answers ---


def batch(number):
    """A list of requests, mixed otherwise each time."""
    plan = load.Plan(f"b{number}n", seed=number)
    weights = [weight for _, _, weight in PATHS]
    for method, path, _ in plan.random.choices(PATHS, weights, k=BATCH):
        plan.add(method, path)
    return plan.requests


def references(port):
    """What is answered without the agent: (method, path, closing) → Answer."""
    requests = [load.Request(method, path, f"r{number}", close=close)
                for number, (method, path, close) in enumerate(
                    (method, path, close) for method, path, _ in PATHS for close in (False, True))]
    answers = load.run(port, requests, connections=1)
    return {(request.method, request.path, request.close): answers[request.id]
            for request in requests}


def wrong_answers(requests, answers, wanted):
    return [f"{request.method} {request.path}: {answers[request.id]}" for request in requests
            if not answers[request.id].same(wanted[request.method, request.path, request.close])]


def put_under_load(port, wanted, watch, minutes):
    """Number of requests and the wrong answers."""
    over = threading.Event()

    def sample():
        while not over.wait(SAMPLE_SECONDS):
            watch.sample()

    sampler = threading.Thread(target=sample)
    sampler.start()
    asked, wrong = collections.Counter(), []
    try:
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            requests = batch(asked["batches"])
            answers = load.run(port, requests, CONNECTIONS)
            asked["batches"] += 1
            asked["requests"] += len(requests)
            wrong += wrong_answers(requests, answers, wanted)
    finally:
        over.set()
        sampler.join()
    return asked["requests"], wrong


# --- Judgement ---


def growing(watch, minutes):
    """Prints how each process grew; faults where that is too much."""
    judged = minutes >= SETTLED_MINUTES + JUDGED_MINUTES
    print(f"\nresident memory after the first {watch.settled:g} minutes" +
          ("" if judged else " (too short to be judged)"))
    print(f"{'process':<16} {'pid':>7} {'first KiB':>9} {'last KiB':>9}   KiB a minute: "
          f"{'all':>7} {'anon':>7} {'file':>7} {'shmem':>7}")
    faults = []
    for name, pid, first, last, growth in watch.slopes():
        print(f"{name:<16} {pid:>7} {first:>9} {last:>9}                 " +
              " ".join(f"{kind:>7.2f}" for kind in growth))
        for kib, mapping, start in watch.grown(pid)[:MAPPINGS_SHOWN]:
            print(f"{kib:>+34} KiB  {mapping} at {start}")
        if judged and growth[0] > GROWTH_KIB:
            faults.append(f"{name} {pid} grows by {growth[0]:.2f} KiB a minute")
    return faults


def account_faults(name, pid, said, stored, left_by_others):
    """Of one process: where its spans went by its own words, and what the collector has. What it
    sent for another one is stored as that one's."""
    gone = sum(said[1:])
    if said.ended != gone:
        yield f"{name} {pid}: {said.ended} spans ended, {gone} are accounted for"
    # More than exported, where the collector was killed between storing and answering.
    if not said.exported - left_by_others <= stored <= said.ended:
        yield f"{name} {pid}: {said.exported} exported of {said.ended}, {stored} stored"


def unaccounted(processes, text, ids, asked):
    """Prints the accounts of each process; faults where they do not balance."""
    said = accounts.by_process(text)
    stored = collections.Counter({pid: len(spans) for pid, spans in collector.read(ids)})
    print(f"\n{'process':<16} {'pid':>7} {'ended':>9} {'exported':>9} {'dropped':>9} {'left':>7} "
          f"{'stored':>9}")
    faults, by_nginx = [], 0
    for pid, name in processes.items():
        if pid not in said:
            faults.append(f"{name} {pid} shows no accounts")
            continue
        own = said[pid]
        print(f"{name:<16} {pid:>7} {own.ended:>9} {own.exported:>9} {sum(own[2:-1]):>9} "
              f"{own.left:>7} {stored[pid]:>9}")
        left_by_others = sum(each.left for each in said.values()) - own.left
        faults += account_faults(name, pid, own, stored[pid], left_by_others)
        by_nginx += own.ended if name.startswith("nginx") else 0
    faults += [f"process {pid} is not known, but has {count} spans stored"
               for pid, count in stored.items() if pid not in processes]
    exported = sum(each.exported for each in said.values())
    if exported > sum(stored.values()):
        faults.append(f"{exported} spans are said to be exported, {sum(stored.values())} are stored")
    if by_nginx != asked:
        faults.append(f"nginx answered {asked} requests and ended {by_nginx} spans")
    return faults


# --- The run ---


def tracing_to(sink, directory):
    library = os.environ.get("OTELAGENT_LIBRARY") or servers.TREE / "build/release/libotelagent.so"
    # nginx's spans are counted against the requests: its calls upstream, which are roots, are left out.
    return lambda service: servers.Tracing(pathlib.Path(library), directory, service, {
        "OTEL_TRACES_EXPORTER": "otlp", "OTEL_LOG_LEVEL": "info",
        "OTEL_AGENT_ROOT_CLIENT_SPANS": "false" if service == "nginx" else "true", "OTEL_AGENT_DB_SPANS": "all",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{sink.port}",
        "OTEL_BSP_SCHEDULE_DELAY": "1000", "OTEL_BSP_MAX_QUEUE_SIZE": "2048"})  # as by default


def soak(stack, directory, minutes, untraced):
    mariadb = stack.enter_context(servers.MariaDB(directory))
    s3 = stack.enter_context(servers.S3(directory))
    with contextlib.ExitStack() as first:
        wanted = references(Servers(first, directory / "reference", mariadb, s3).port)
    sink = stack.enter_context(MortalCollector(directory))
    subject = Servers(stack, directory / "subject", mariadb, s3,
                      None if untraced else tracing_to(sink, directory))
    processes = subject.processes()
    watch = memory.Watch(processes, directory / "memory.tsv", min(SETTLED_MINUTES, minutes / 2))
    asked, wrong = put_under_load(subject.port, wanted, watch, minutes)
    sink.spare()
    print(f"{asked} requests over {CONNECTIONS} connections in {minutes:g} minutes, "
          f"{len(wrong)} wrong answers; the collector was killed {sink.kills} times")
    faults = wrong + growing(watch, minutes)
    subject.stop()
    if not untraced:
        faults += unaccounted(processes, subject.said(), sink.ids, asked + 1)  # and one until ready
    return faults


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are stopped
    directory = pathlib.Path(tempfile.mkdtemp(prefix="otelagent-soak-"))
    directory.chmod(0o755)  # mysql's and nginx's users pass through it
    print(f"logs: {directory}", flush=True)
    with contextlib.ExitStack() as stack:
        faults = soak(stack, directory, arguments.minutes, arguments.untraced)
    print(f"\n{len(faults)} faults", *faults[:20], sep="\n  ")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
