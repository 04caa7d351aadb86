# SPDX-License-Identifier: Apache-2.0
"""scripts/suites: other people's test suites, with the agent and without it.

Each part of a suite runs in both ways. Where a test's outcome differs its part is repeated in both
ways: tests that fail now and then do so with and without us. What stays different is ours, unless
tests/suites/reasons.tsv says why it has to be so; then the exit status is 1."""

import argparse
import collections
import contextlib
import fnmatch
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import servers  # noqa: E402
import sink  # noqa: E402

import catalogue  # noqa: E402
import debian  # noqa: E402

REPEATS = 4  # of a part that differs, in each way
MISSING = "missing"


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/suites", epilog=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [suite.name for suite in catalogue.SUITES]
    parser.add_argument("suites", nargs="*", metavar="SUITE",
                        help=f"{', '.join(names)}; all without a name")
    parser.add_argument("--part", metavar="PATTERN", default="*",
                        help="only parts (modules, files) that match")
    arguments = parser.parse_args()
    for name in arguments.suites:
        if name not in names:
            parser.error(f"there is no suite {name}")
    return arguments


class Ways:
    """The two ways of running: without the agent, and with it, which then exports to a collector
    that counts."""

    def __init__(self, stack, directory):
        library = pathlib.Path(os.environ.get("OTELAGENT_LIBRARY") or
                               servers.TREE / "build/release/libotelagent.so")
        self.library = pathlib.Path(shutil.copy(library, directory / "libotelagent.so"))
        self.library.chmod(0o755)  # some tests run as somebody else
        self.state = directory / "state"  # many are killed, and nobody of their service follows
        self.state.mkdir()
        self.state.chmod(0o1777)
        self.spans = 0
        self.sink = stack.enter_context(sink.Collector(self.count))

    def count(self, connection, post):
        self.spans += len(post.ids)
        self.sink.posts.clear()
        return sink.accept(connection, post)

    def environment(self, traced):
        inherited = {name: value for name, value in os.environ.items()
                     if not name.startswith(("OTEL", "LD_PRELOAD"))}
        return {**inherited, "LC_ALL": "C.UTF-8", **({
            "LD_PRELOAD": str(self.library), "OTEL_SERVICE_NAME": "suite",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.sink.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "200",
            "OTEL_AGENT_STATE_DIR": str(self.state),
            # Suites compare standard error, and what a server of TLS is told is no fault of either.
            "OTEL_LOG_LEVEL": "error",
            "OTEL_AGENT_ROOT_CLIENT_SPANS": "true", "OTEL_AGENT_DB_SPANS": "all",
        } if traced else {})}


class Run:
    """One suite, laid out in a folder of its own."""

    def __init__(self, suite, ways, directory):
        self.suite, self.ways = suite, ways
        self.place = directory / suite.name
        self.place.mkdir()
        cache = servers.cache_directory() / "suites"
        suite.place(debian.prepared(cache, suite.name, suite.fill), self.place)
        self.logs = directory / f"{suite.name}.logs"
        self.logs.mkdir()
        self.counts = collections.Counter()

    def once(self, part, traced):
        """(part, test) → outcome."""
        command, directory = self.suite.command(self.place, part)
        way = "traced" if traced else "untraced"
        self.counts[part, way] += 1
        log = self.logs / f"{part.replace('/', '_')}.{way}.{self.counts[part, way]}"
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [str(word) for word in command], cwd=directory, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                env={**self.ways.environment(traced), **self.suite.environment})
            try:
                status = process.wait(self.suite.seconds)
            except subprocess.TimeoutExpired:
                status = "too long"
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        results = self.suite.read(self.place, log.read_text(errors="replace"))
        return {(part, name): outcome for name, outcome in
                {**results, "(exit)": str(status)}.items()}

    def compare(self, part):
        """Number of tests, and those whose outcomes differ: (part, test) → outcomes of each way."""
        seen = {False: collections.defaultdict(list), True: collections.defaultdict(list)}
        names = set()

        def run_both():
            both = {traced: self.once(part, traced) for traced in (False, True)}
            names.update(*both.values())
            for traced, results in both.items():
                for name in names:
                    seen[traced][name].append(results.get(name, MISSING))

        run_both()
        different = {name for name in names if seen[False][name] != seen[True][name]}
        for _ in range(REPEATS if different else 0):
            run_both()
        return len(names) - 1, {name: (seen[False][name], seen[True][name]) for name in different}


def is_ours(untraced, traced):
    """Whether outcomes that came only with the agent came more than once: a test that fails once in
    five runs on a busy machine need not have our help."""
    return sum(outcome not in untraced for outcome in traced) > 1


def reasons():
    """[(suite, pattern of "part test", reason)]"""
    lines = (HERE / "reasons.tsv").read_text().splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def reason_for(suite, name, known):
    for of, pattern, reason in known:
        if of == suite and fnmatch.fnmatchcase(" ".join(name), pattern):
            return reason
    return None


def judge(suite, different, known):
    """Prints each difference; how many are flaky, explained and ours."""
    kinds = collections.Counter()
    for name, (untraced, traced) in sorted(different.items()):
        reason = reason_for(suite, name, known)
        kind = ("flaky" if not is_ours(untraced, traced) else "explained" if reason else "ours")
        kinds[kind] += 1
        print(f"  {kind}: {' '.join(name)}: {summary(untraced)} without, {summary(traced)} with" +
              (f" ({reason})" if kind == "explained" else ""), flush=True)
    return kinds


def summary(outcomes):
    return ", ".join(f"{count} {outcome}" for outcome, count in
                     collections.Counter(outcomes).items())


def run_suite(suite, ways, directory, pattern):
    """A row of the table."""
    run, known = Run(suite, ways, directory), reasons()
    tests, kinds, before = 0, collections.Counter(), ways.spans
    for part in run.suite.parts(run.place):
        if fnmatch.fnmatchcase(part, pattern):
            count, different = run.compare(part)
            print(f"{suite.name} {part}: {count} tests, {len(different)} different", flush=True)
            tests += count
            kinds += judge(suite.name, different, known)
    shutil.rmtree(run.place, ignore_errors=True)
    return suite.name, tests, tests - kinds.total(), kinds, ways.spans - before


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="otelagent-suites-"))
    directory.chmod(0o755)
    print(f"logs: {directory}", flush=True)
    with contextlib.ExitStack() as stack:
        ways = Ways(stack, directory)
        rows = [run_suite(suite, ways, directory, arguments.part) for suite in catalogue.SUITES
                if not arguments.suites or suite.name in arguments.suites]
    print(f"\n{'suite':<8} {'tests':>6} {'same':>6} {'flaky':>6} {'explained':>9} {'ours':>5} "
          f"{'spans':>7}")
    for name, tests, same, kinds, spans in rows:
        print(f"{name:<8} {tests:>6} {same:>6} {kinds['flaky']:>6} {kinds['explained']:>9} "
              f"{kinds['ours']:>5} {spans:>7}")
    return 1 if any(kinds["ours"] or not tests for _, tests, _, kinds, _ in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
