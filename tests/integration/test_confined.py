# SPDX-License-Identifier: Apache-2.0
"""Programs that may not do everything: under filters of system calls, with little memory, few
descriptors, other users and namespaces, and in worlds where something is missing. Which case is
where is said in test_life.py."""

import re
import shlex

import pytest

import accounts
import life
import load
import profiles
import servers
import sink

STEPS = ["one", "fork", "posix_spawn", "small-stack", "two", "end"]

# What nginx, a master and its worker, calls on Debian 12 without the agent, as strace lists it.
NGINX_CALLS = """accept4 access arch_prctl bind brk chown clone close connect dup2 epoll_create
    epoll_ctl epoll_wait eventfd2 execve exit_group fcntl futex geteuid getpid getppid getrandom
    gettid ioctl listen lseek mkdir mmap mprotect munmap newfstatat openat prctl pread64 prlimit64
    pwrite64 read readlinkat recvfrom recvmsg rseq rt_sigaction rt_sigprocmask rt_sigreturn
    rt_sigsuspend sendfile sendmsg set_robust_list set_tid_address setgid setgroups setitimer
    setsockopt setuid socket socketpair sysinfo uname unlink wait4 write writev""".split()

# A service's unit that systemd itself would call well confined.
HARDENED = ("@system-service", "@privileged", "@resources")

PROFILES = {"docker": lambda: profiles.container("docker"),
            "containers": lambda: profiles.container("containers"),
            "systemd": lambda: profiles.systemd(*HARDENED)}


@pytest.fixture(scope="module")
def program(run_directory):
    return life.compile_program(run_directory / "confined-life")


@pytest.fixture(scope="module")
def confined(run_directory):
    return life.compile_program(run_directory / "confined", "-lseccomp", sources=["confined.c"])


# --- Filters of system calls ---


def published():
    """The system calls that the agent's documentation names."""
    text = (servers.TREE / "exporter" / "exporter.h").read_text()
    return re.findall(r"\w+", text.split("uses these system calls only")[1].split("*/")[0])


def test_where_all_but_nginxs_calls_and_the_published_ones_kill(directory, library, confined,
                                                                collector, monkeypatch):
    tracing = life.tracing(library, directory, collector)
    rules = profiles.save(profiles.only([*NGINX_CALLS, *published()]), directory / "rules")
    nginx = servers.program("nginx")
    monkeypatch.setattr(servers, "program", lambda name: nginx)
    start = servers.Server.__init__

    def start_confined(self, name, arguments, *more):
        start(self, name, [confined, rules, *arguments], *more)

    monkeypatch.setattr(servers.Server, "__init__", start_confined)
    plan = load.Plan("c", seed=9)
    for _ in range(100):
        plan.add("GET", "/small.txt")
        plan.add("GET", "/large.bin")
    with servers.Nginx(directory, tracing=tracing, workers=2) as running:
        answers = load.run(running.port, plan.requests, connections=8)
        collector.wait_for_spans(201)
        [*log] = (directory / "nginx" / "nginx-error.log").read_text().splitlines()
    assert {answer.status for answer in answers.values()} == {200}
    assert not [line for line in log if "exited on signal" in line]
    assert len(collector.stored()) == 201
    assert set(collector.stored().values()) == {1}
    assert not servers.waiting(tracing.state)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("harm", [list, profiles.killing], ids=["as-published", "killing"])
def test_under_the_usual_profiles(directory, library, program, confined, collector, profile, harm):
    rules = profiles.save(harm(PROFILES[profile]()), directory / "rules")
    life.check(program, library, directory, collector, STEPS, wrap=[confined, rules])


# --- Users, limits and worlds ---

WRAPS = {
    "another-user": ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"],
    "no-capability": ["setpriv", "--bounding-set=-all", "--inh-caps=-all"],
    "no-new-privileges": ["setpriv", "--no-new-privs"],
    "user-namespace": ["unshare", "--user", "--map-root-user"],
    "pid-namespace": ["unshare", "--pid", "--fork", "--kill-child"],
    "all-namespaces-but-the-network": ["unshare", "--mount", "--ipc", "--uts", "--cgroup", "--pid",
                                       "--fork", "--mount-proc"],
    "few-descriptors": ["prlimit", "--nofile=12"],
    "no-core-no-file": ["prlimit", "--fsize=0"],
    "little-stack": ["prlimit", "--stack=131072"],
    "no-proc": life.world("mount -t tmpfs none /proc"),
    "no-shared-memory": life.world("mount -t tmpfs -o ro none /dev/shm"),
    "read-only-root": life.world("mount -o remount,ro,bind /"),
    "another-time": ["unshare", "--time", "--monotonic", "1000000", "--boottime", "1000000",
                     "--fork"],
}


@pytest.mark.parametrize("name", WRAPS)
def test_in_another_world(directory, library, program, collector, name):
    life.check(program, library, directory, collector, STEPS, wrap=WRAPS[name])


def test_in_a_network_of_its_own_the_collector_is_reached_by_its_socket(directory, library, program):
    with sink.Collector(path=directory / "s") as collector:
        life.check(program, library, directory, collector, STEPS,
                   wrap=["unshare", "--net", "sh", "-ec", 'ip link set lo up; exec "$@"', "sh"])


@pytest.mark.parametrize("place", ["/dev/shm", "/nowhere", "full"],
                         ids=["read-only", "missing", "full"])
def test_spans_arrive_where_no_file_is_to_be_had(directory, library, program, collector, place):
    full = directory / "full"
    full.mkdir()
    change = (f"mount -t tmpfs -o size=1m none {shlex.quote(str(full))}; "
              f"head -c 1m /dev/zero > {shlex.quote(str(full))}/zeros; "
              "mount -t tmpfs -o ro none /dev/shm")
    life.check(program, library, directory, collector, STEPS, wrap=life.world(change),
               OTEL_AGENT_STATE_DIR=str(full) if place == "full" else place)


@pytest.mark.parametrize("megabytes", [8, 16, 32])
def test_a_program_with_little_address_space_serves(directory, library, program, megabytes):
    """Spans may be lost there, nothing else."""
    wrap = ["prlimit", f"--as={megabytes << 20}"]
    paths = ["one", "fork", "posix_spawn", "two", "end"]
    with sink.Collector() as collector:
        tracing = life.tracing(library, directory, collector, OTEL_LOG_LEVEL="none")
        assert (life.run([program], paths, directory, tracing, wrap) ==
                life.run([program], paths, directory, wrap=wrap))
        assert not collector.stored() or set(collector.stored().values()) == {1}
    assert not servers.waiting(tracing.state)


@pytest.mark.parametrize("state", ["/dev/shm", "none"], ids=["file", "memory"])
def test_where_no_thread_may_be_made_it_is_said_once_and_counted(directory, library, program,
                                                                 collector, state):
    """Another process of the service sends what there is a file for."""
    wrap = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
            "prlimit", "--nproc=0"]
    steps = ["one", "two", "end"]
    tracing = life.tracing(library, directory, collector, OTEL_LOG_LEVEL="info",
                           **({"OTEL_AGENT_STATE_DIR": "none"} if state == "none" else {}))
    plain = life.run([program], steps, directory, wrap=wrap)
    traced = life.run([program], steps, directory, tracing, wrap)
    assert (traced.answers, traced.status) == (plain.answers, plain.status)
    said = [line for line in traced.output.splitlines() if ": warn: " in line]
    assert len(said) == 1 and "RLIMIT_NPROC" in said[0]
    total = accounts.read(traced.output)
    accounts.balance(total, 3)
    assert (total.left, total.failed) == ((0, 3) if state == "none" else (3, 0))
    assert not collector.posts
    if state != "none":
        life.run([program], ["heir", "end"], directory, life.tracing(library, directory, collector),
                 wrap[:4])
        assert set(collector.stored().values()) == {1}
        assert len(collector.stored()) == 5


def test_with_enough_of_it_spans_arrive(directory, library, program, collector):
    life.check(program, library, directory, collector, STEPS, wrap=["prlimit", f"--as={100 << 20}"])


@pytest.mark.parametrize("exporter", ["file", "otlp,file"])
def test_a_full_disk_stops_nothing(directory, library, program, exporter):
    """The spans file lies there, and so does the state."""
    full = directory / "full"
    full.mkdir()
    change = f"mount -t tmpfs -o size=64k none {shlex.quote(str(full))}"
    with sink.Collector() as collector:
        tracing = life.tracing(library, directory, collector, OTEL_TRACES_EXPORTER=exporter,
                               OTEL_AGENT_EXPORT_FILE=str(full / "spans"), OTEL_LOG_LEVEL="none",
                               OTEL_AGENT_STATE_DIR=str(full), OTEL_BSP_SCHEDULE_DELAY="1")
        steps = [*(f"many/{number}" for number in range(200)), *STEPS]
        traced = life.run([program], steps, directory, tracing, life.world(change))
        assert traced == life.run([program], steps, directory, wrap=life.world(change))
        assert set(collector.stored().values()) <= {1}
