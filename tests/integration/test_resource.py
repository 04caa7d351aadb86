# SPDX-License-Identifier: Apache-2.0
"""Who a span says it is from: the service's name where nobody has set it, the user's attributes
however many they are, the container and the pod. Files of other hosts are mounted over those of
/proc and /etc, in a mount namespace of the program's own: that takes root."""

import http.client
import json
import os
import pathlib
import subprocess

import pytest

import servers

PYTHON = "/usr/bin/python3"
ID, OTHER = "1" * 63 + "a", "2" * 63 + "b"
UID = "2c48913c-b29f-11e7-9350-020968147796"
POD_VARIABLES = ["KUBERNETES_SERVICE_HOST", "POD_NAME", "K8S_POD_NAME", "MY_POD_NAME", "HOSTNAME",
                 "POD_NAMESPACE", "K8S_NAMESPACE", "K8S_NAMESPACE_NAME", "POD_UID", "K8S_POD_UID",
                 "CONTAINER_NAME", "K8S_CONTAINER_NAME"]

SERVE = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
def application(environment, start):
    start("200 OK", [("Content-Length", "0")]); return [b""]
if __name__ == "__main__":
    http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def mounting(mounts, command):
    """The command where each file of `mounts` (place → text) is seen in its place."""
    script = ["set -e"]
    arguments = []
    for number, (place, file) in enumerate(mounts.items(), 1):
        if place.startswith("/var/run/"):
            script += ["mount -t tmpfs none /run", f'mkdir -p "{os.path.dirname(place)}"',
                       f': > "{place}"']
        script.append(f'mount --bind "${number}" "{place.replace("/self/", "/$$/")}"')
        arguments.append(str(file))
    script += [f"shift {len(arguments)}", 'exec "$@"']
    return ["unshare", "-m", "bash", "-c", "\n".join(script), "bash", *arguments, *command]


class Program(servers.Server):
    """A server on a port that $PORT and {port} name, asked `requests` times."""

    exits = (*servers.Server.exits, 143)  # java's way to say 15

    def __init__(self, library, directory, command, requests=3, mounts=None, cwd=None, **variables):
        self.port = servers.free_port()
        variables = {"OTEL_SERVICE_NAME": "", "OTEL_LOG_LEVEL": "info", "PORT": str(self.port),
                     "OTEL_TRACES_SAMPLER": "always_on", "PYTHONDONTWRITEBYTECODE": "1",
                     **{name: "" for name in POD_VARIABLES if name not in variables}, **variables}
        self.tracing = servers.Tracing(library, directory, "spans", variables)
        command = [str(word).replace("{port}", str(self.port)) for word in command]
        if mounts:
            files = {}
            for number, (place, text) in enumerate(mounts.items()):
                files[place] = pathlib.Path(directory) / f"mounted-{number}"
                files[place].write_text(text)
            command = ["env", "-u", "LD_PRELOAD", *mounting(files, [
                "env", f"LD_PRELOAD={variables.get('LD_PRELOAD', library)}", *command])]
        super().__init__("program", command, directory, tracing=self.tracing, cwd=cwd)
        self.wait_until(lambda: servers.answers(self.port, "/"), "answer")
        for _ in range(requests - 1):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            connection.request("GET", "/")
            connection.getresponse().read()
            connection.close()
        self.wait_until(lambda: len(self.spans()) >= requests, f"{requests} spans")

    def spans(self):
        """(resource, span) of each."""
        return [({each["key"]: [*each["value"].values()][0] for each in of["resource"]["attributes"]},
                 span) for line in self.tracing.file.read_text().splitlines()
                for of in json.loads(line)["resourceSpans"]
                for scope in of["scopeSpans"] for span in scope["spans"]]

    @property
    def resource(self):
        resources = [resource for resource, _ in self.spans()]
        assert all(each["service.name"] == resources[0]["service.name"] for each in resources)
        return resources[0]

    @property
    def said(self):
        return [line for line in self.log.read_text(errors="replace").splitlines()
                if line.startswith("otelagent")]


@pytest.fixture
def run(library, directory):
    """Runs a server, and returns it when it has ended."""
    def start(command, **arguments):
        with Program(library, directory, command, **arguments) as program:
            pass
        return program

    return start


@pytest.fixture
def folder(directory):
    """shop.py, app.py, shop/main.py and such: the same server under many names."""
    for name in ("shop.py", "app.py", "main.py", "shop_package/__init__.py",
                 "shop_package/main.py"):
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(SERVE)
    return directory


# --- Attributes ---

OWN = ["service.name", "service.instance.id", "telemetry.sdk.name", "process.pid", "host.name",
       "deployment.environment", "deployment.environment.name"]
MANY = {"short": (256, 1, 256), "long": (60, 1000, 60), "too-many": (300, 1, 256),
        "too-long": (40, 2000, 32), "one": (1, 60000, 1), "huge": (1, 70000, 0)}


@pytest.mark.parametrize("how", MANY)
def test_the_agents_own_attributes_stay_however_many_the_users_are(run, folder, how):
    count, size, kept = MANY[how]
    said = ",".join([f"label.{number}={'x' * size}" for number in range(count)] +
                    ["host.name=mine"] * (kept == count))
    program = run([PYTHON, "shop.py"], OTEL_SERVICE_NAME="named", OTEL_LOG_LEVEL="warn",
                  OTEL_RESOURCE_ATTRIBUTES=said, ENVIRONMENT="qa")
    resource = program.resource
    assert [name for name in OWN if name not in resource] == []
    assert resource["service.name"] == "named"
    if kept == count:
        assert resource["host.name"] == "mine"
    users = [name for name in resource if name.startswith("label.")]
    assert len(users) == kept, program.said
    assert all(resource[name] == "x" * size for name in users)
    lost = [line for line in program.said if "OTEL_RESOURCE_ATTRIBUTES" in line]
    assert len(lost) == (kept < count), program.said
    if lost:
        assert f"{count - kept} left out" in lost[0] and f'"label.{kept}"' in lost[0]


def test_a_killed_process_resource_is_kept_whole(library, directory, folder):
    """Its heir sends what it left with all of its attributes."""
    attributes = ",".join(f"label.{number}={'y' * 240}" for number in range(250))
    settings = {"OTEL_RESOURCE_ATTRIBUTES": attributes, "OTEL_SERVICE_NAME": "named"}
    with Program(library, directory, [PYTHON, "shop.py"], OTEL_BSP_SCHEDULE_DELAY="600000",
                 requests=0, **settings) as first:
        pid = str(first.process.pid)
        first.process.kill()
        first.process.wait()
    with Program(library, directory, [PYTHON, "shop.py"], requests=2, **settings) as second:
        second.wait_until(lambda: [1 for resource, _ in second.spans()
                                   if resource["process.pid"] == pid], "span of the killed one")
        inherited, = {len([name for name in resource if name.startswith("label.")])
                      for resource, _ in second.spans() if resource["process.pid"] == pid}
    assert inherited == 250


# --- The service's name ---

GUNICORN = [servers.program("gunicorn"), "--bind", "127.0.0.1:{port}", "--workers", "2"]
NODE = ("require('http').createServer((_, answer) => answer.end('x'))"
        ".listen(process.env.PORT, '127.0.0.1')")
JAVA = """
import com.sun.net.httpserver.*;
public class Main {
    public static void main(String[] words) throws Exception {
        HttpServer server = HttpServer.create(new java.net.InetSocketAddress("127.0.0.1",
            Integer.parseInt(System.getenv("PORT"))), 0);
        server.createContext("/", exchange -> { exchange.sendResponseHeaders(200, -1);
                                                exchange.close(); });
        server.start();
    }
}
"""
RUBY = """
require "socket"
server = TCPServer.new("127.0.0.1", ENV["PORT"].to_i)
loop { one = server.accept; one.readpartial(9999)
       one.write("HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n"); one.close }
"""
PHP = """<?php
$server = stream_socket_server("tcp://127.0.0.1:" . getenv("PORT"));
while (true) { $one = @stream_socket_accept($server, 60); if (!$one) continue; fread($one, 9999);
  fwrite($one, "HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n"); fclose($one); }
"""
COMMANDS = {
    "script": ([PYTHON, "app.py"], "app", "the script"),
    "path": ([PYTHON, "{folder}/shop.py", "--password", "hunter2"], "shop", "the script"),
    "module": ([PYTHON, "-m", "shop_package.main"], "shop_package", "the module"),
    "gunicorn": ([*GUNICORN, "shop:application"], "shop", "the module"),
    "gunicorn-option": ([*GUNICORN, "--preload", "shop_package.main"], "shop_package", "the module"),
    "node": (["node", "server.js"], "server", "the script"),
    "jar": (["java", "-Xmx64m", "-XX:+UseSerialGC", "-jar", "shop-1.2.3.jar"], "shop", "the jar"),
    "jar-last": (["java", "-jar", "-Xmx64m", "--add-modules", "java.base", "shop-1.2.3.jar"],
                 "shop", "the jar"),
    "source": (["java", "-Xmx64m", "Orders.java"], "Orders", "the script"),
    "profiled": ([PYTHON, "-m", "cProfile", "-o", "out.prof", "shop.py"], "shop", "the script"),
    "debugged": ([PYTHON, "-m", "pdb", "-c", "continue", "shop.py"], "shop", "the script"),
    "node-title": (["node", "--title", "other", "server.js"], "server", "the script"),
    "node-env": (["node", "--env-file", "empty.env", "server.js"], "server", "the script"),
    "ruby": (["ruby", "shop.rb"], "shop", "the script"),
    "php": (["php", "shop.php"], "shop", "the script"),
    "code": ([PYTHON, "-c", SERVE], None, None),
}


@pytest.fixture
def programs(folder):
    (folder / "server.js").write_text(NODE)
    (folder / "empty.env").write_text("")
    (folder / "shop.rb").write_text(RUBY)
    (folder / "shop.php").write_text(PHP)
    (folder / "Orders.java").write_text(JAVA)
    return folder


@pytest.fixture
def jar(folder):
    (folder / "Main.java").write_text(JAVA)
    (folder / "manifest").write_text("Main-Class: Main\n")
    subprocess.run(["javac", "Main.java"], cwd=folder, check=True)
    classes = [path.name for path in folder.glob("Main*.class")]
    subprocess.run(["jar", "cfm", "shop-1.2.3.jar", "manifest", *classes], cwd=folder, check=True)


@pytest.mark.parametrize("which", COMMANDS)
def test_a_service_nobody_named_is_called_by_its_command(run, programs, which, request):
    command, name, source = COMMANDS[which]
    if which.startswith("jar"):
        request.getfixturevalue("jar")
    program = run([word.replace("{folder}", str(programs)) for word in command])
    executable = program.resource["process.executable.name"]
    assert program.resource["service.name"] == (name or f"unknown_service:{executable}")
    said = [line for line in program.said if "service.name is" in line]
    assert len(said) == (name is not None), program.said
    if name:
        assert f'service.name is "{name}", from {source}' in said[0]
    assert "hunter2" not in program.tracing.file.read_text() + "".join(program.said)


def test_a_name_that_was_set_has_the_higher_rank(run, folder):
    program = run([PYTHON, "shop.py"], OTEL_RESOURCE_ATTRIBUTES="service.name=mine")
    assert program.resource["service.name"] == "mine"
    assert not [line for line in program.said if "service.name is" in line]


TITLES = """
import ctypes, shop, os, http.server
start = int(open("/proc/self/stat").read().rpartition(")")[2].split()[45])
ctypes.memset(start, ord("t"), len(open("/proc/self/cmdline").read()) - 1)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), shop.Handler).serve_forever()
"""


def test_a_title_that_the_program_writes_over_its_arguments_names_nothing(run, folder):
    (folder / "orders.py").write_text(TITLES)
    assert run([PYTHON, "orders.py"]).resource["service.name"] == "orders"


SPAWNS = """
import multiprocessing, os, shop, socket, http.server
def serve(listener):
    server = http.server.HTTPServer(("127.0.0.1", 0), shop.Handler, bind_and_activate=False)
    server.socket = listener
    server.serve_forever()
if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
    worker = multiprocessing.get_context("spawn").Process(target=serve, args=(listener,),
                                                          daemon=True)
    worker.start()
    worker.join()
"""


def test_workers_that_run_an_expression_are_their_parents(run, folder):
    (folder / "orders.py").write_text(SPAWNS)
    assert run([PYTHON, "orders.py"]).resource["service.name"] == "orders"


UNITS = {
    "unit": ("0::/system.slice/shop-web.service\n", "shop-web"),
    "v1": ("4:cpu:/\n1:name=systemd:/system.slice/shop-web.service\n", "shop-web"),
    "template": ("0::/system.slice/system-shop.slice/shop-web@3.service\n", "shop-web"),
    "users": ("0::/user.slice/user-7.slice/user@7.service/app.slice/shop-web.service\n",
              "shop-web"),
    "session": ("0::/user.slice/user-7.slice/session-3.scope\n", "app"),
    "ssh": ("0::/system.slice/ssh.service\n", "app"),
    "runtime": ("0::/system.slice/docker.service\n", "app"),
    "runner": ("0::/system.slice/gunicorn.service\n", "app"),
    "container": (f"0::/system.slice/docker-{ID}.scope\n", "app"),
}


@pytest.mark.parametrize("which", UNITS)
def test_a_service_nobody_named_is_called_by_its_unit(run, folder, which):
    cgroup, name = UNITS[which]
    program = run([PYTHON, "app.py"], mounts={"/proc/self/cgroup": cgroup})
    assert program.resource["service.name"] == name
    source = "the script" if name == "app" else "the systemd unit"
    assert [line for line in program.said if f'service.name is "{name}", from {source}' in line]


# --- The container and the pod ---

def mount_line(root, place):
    return f"77 66 8:1 {root} {place} rw,relatime - ext4 /dev/sda1 rw\n"


def docker(container, *files):
    return "".join(mount_line(f"/var/lib/docker/containers/{container}/{file}", f"/etc/{file}")
                   for file in files or ("resolv.conf", "hostname", "hosts"))


def userdata(container, file, place):
    return mount_line(f"/containers/storage/overlay-containers/{container}/userdata/{file}", place)


VOLUMES = "".join(mount_line(f"/var/lib/docker/volumes/{OTHER}/_data", f"/data/{number}")
                  for number in range(2000))
KUBELET = mount_line(f"/var/lib/kubelet/pods/{UID}/etc-hosts", "/etc/hosts") + mount_line(
    f"/var/lib/kubelet/pods/{UID}/containers/web/0a1b2c3d", "/dev/termination-log")
SLICE = f"kubepods.slice/kubepods-pod{UID.replace('-', '_')}.slice"
CONTAINERS = {
    "docker-v1": (f"2:cpu:/docker/{ID}\n1:name=systemd:/docker/{ID}\n", "", ID, None),
    "docker-v2": ("0::/\n", docker(ID), ID, None),
    "docker-with-the-hosts-cgroups": (f"0::/system.slice/docker-{ID}.scope\n", "", ID, None),
    "docker-many-mounts": ("0::/\n", VOLUMES + docker(ID), ID, None),
    "docker-another-ones-folder": ("0::/\n", mount_line(
        f"/var/lib/docker/containers/{OTHER}/hostname", "/logs/hostname") + docker(ID), ID, None),
    "docker-all-ones-folders": ("0::/\n", mount_line("/", f"/var/lib/docker/containers/{OTHER}/shm"),
                                None, None),
    "another-ones-names": ("0::/\n", docker(OTHER, "resolv.conf", "hosts") + docker(ID, "hostname"),
                           None, None),
    "with-systemd": ("0::/system.slice/x.service\n", docker(ID), ID, None),
    "podman": ("0::/\n", userdata(ID, "hostname", "/etc/hostname") +
               userdata(ID, ".containerenv", "/run/.containerenv"), ID, None),
    "podman-pod": ("0::/\n", userdata(OTHER, "hostname", "/etc/hostname") +
                   userdata(ID, ".containerenv", "/run/.containerenv"), ID, None),
    "podman-hosts-cgroups": (f"0::/machine.slice/libpod-{ID}.scope/container\n", "", ID, None),
    "pod-of-containerd": (f"0::/{SLICE}/cri-containerd-{ID}.scope\n", KUBELET, ID, UID),
    "pod-of-containerd-hidden": ("0::/\n", KUBELET + mount_line(
        f"/containerd/io.containerd.grpc.v1.cri/sandboxes/{OTHER}/hostname", "/etc/hostname"),
        None, UID),
    "pod-of-docker-hidden": ("0::/\n", docker(OTHER, "hostname", "resolv.conf") + KUBELET, None,
                             UID),
    "pod-of-cri-o-hidden": ("0::/\n", KUBELET + userdata(OTHER, "hostname", "/etc/hostname") +
                            userdata(ID, ".containerenv", "/run/.containerenv"), ID, UID),
    "pod-of-docker-v1": (f"3:cpu:/kubepods/burstable/pod{UID}/{ID}\n", "", ID, UID),
}


@pytest.mark.parametrize("which", CONTAINERS)
def test_a_containers_id_is_its_own_or_absent(run, folder, which):
    cgroup, mountinfo, container, pod = CONTAINERS[which]
    program = run([PYTHON, "shop.py"], mounts={
        "/proc/self/cgroup": cgroup,
        "/proc/self/mountinfo": mount_line("/", "/") + mountinfo + mount_line("/x", "/y")})
    assert program.resource.get("container.id") == container
    assert program.resource.get("k8s.pod.uid") == pod
    assert program.resource.get("k8s.container.name") == ("web" if KUBELET in mountinfo else None)


NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
PODS_HOSTS = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"
NODES_HOSTS = "# Kubernetes-managed hosts file (host network).\n127.0.0.1\tlocalhost\n"
GENERATED = "shop-7d4b9c8f6d-x2x4k"
PODS = {
    # name → what /etc/hosts says, the host's name, variables, the pod's name
    "address": (PODS_HOSTS, "web", {"HOSTNAME": "0.0.0.0"}, None),
    "node": (NODES_HOSTS, GENERATED, {"HOSTNAME": GENERATED}, None),
    "host-name-that-was-set": (PODS_HOSTS, "web-1", {"HOSTNAME": "web-1"}, None),
    "a-deployments": (PODS_HOSTS, GENERATED, {"HOSTNAME": "0.0.0.0"}, GENERATED),
    "told": (NODES_HOSTS, "node-1", {"HOSTNAME": "node-1", "POD_NAME": "shop-2"}, "shop-2"),
}


@pytest.mark.parametrize("which", PODS)
def test_a_pods_name_is_its_own_or_absent(run, folder, which):
    hosts, host, variables, name = PODS[which]
    program = run(["unshare", "-u", "bash", "-c",
                   f'hostname {host}; exec {PYTHON} shop.py'], KUBERNETES_SERVICE_HOST="10.0.0.1",
                  mounts={"/etc/hosts": hosts, NAMESPACE: "web"}, **variables)
    assert program.resource["host.name"] == host
    assert program.resource.get("k8s.pod.name") == name
    assert program.resource["k8s.namespace.name"] == "web"


# --- Two copies ---

LOADS_LATER = """
import ctypes, http.server, os, shop
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), shop.Handler)
if os.environ.get("LATER"):
    ctypes.CDLL(os.environ["LATER"])
server.serve_forever()
"""


@pytest.fixture
def other(library, directory):
    """Another version of the library."""
    path = directory / "other.so"
    text = pathlib.Path(library).read_bytes()
    path.write_bytes(text.replace(b'0.1.0', b'0.0.9'))
    return path


@pytest.mark.parametrize("order", ["first", "second", "later"])
def test_of_two_copies_the_first_works(run, library, folder, other, order):
    (folder / "orders.py").write_text(LOADS_LATER)
    preload = {"first": f"{library}:{other}", "second": f"{other}:{library}",
               "later": str(library)}[order]
    program = run([PYTHON, "orders.py"], requests=5, LD_PRELOAD=preload,
                  LATER=str(other) if order == "later" else "")
    assert len(program.spans()) == 5
    versions = {resource["telemetry.distro.version"] for resource, _ in program.spans()}
    assert versions == {"0.0.9" if order == "second" else "0.1.0"}
    inert = library if order == "second" else other
    said = [line for line in program.said if "does nothing" in line]
    assert len(said) == 1 and str(library if order == "later" else inert) in said[0], program.said


def test_of_two_copies_the_first_works_in_forked_and_in_other_programs(run, library, folder, other):
    """gunicorn's workers, which a shell's child becomes."""
    program = run(["env", "X=1", *GUNICORN, "shop:application"], requests=8,
                  LD_PRELOAD=f"{library}:{other}")
    assert len(program.spans()) == 8
    assert len({span["traceId"] for _, span in program.spans()}) == 8
