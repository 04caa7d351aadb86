# SPDX-License-Identifier: Apache-2.0
"""All clients of the matrix."""

import subprocess

import servers
from clients.client import PROGRAMS, Client, script
from clients.plan import groups
from matrix.program import content

# --- Programs of tests/programs/clients ---

ONLY_FOR_TLS = "makes tunnels for TLS only"
ONE_REQUEST = "closes its connection after each request"
FOLLOWS_NONE = "follows none"
NO_KEPT = {"kept": ONE_REQUEST, "kept_mixed": ONE_REQUEST}

# A small machine runs other things beside it.
JAVA = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def python(name):
    return script("/usr/bin/python3", "-B", PROGRAMS / f"{name}.py")


def java(main):
    def compile_classes(folder):
        subprocess.run([servers.program("javac"), "-Xlint:all", "-d", folder,
                        PROGRAMS / "Steps.java", PROGRAMS / f"{main}.java"], check=True)
    return {"commands": script(servers.program("java"), *JAVA, "-cp", ".", main),
            "prepare": compile_classes}


def interpreted(language, name):
    return script(servers.program(language), PROGRAMS / name)


# --- Commands ---


def write_body(run, step):
    path = run.folder / f"body{step.number}"
    path.write_bytes(content(step.body))
    return path


def curl_options(run, step):
    """Of one of the transfers of a command."""
    options = ["--silent", "--write-out", "%{http_code} %{size_download} %{num_connects}\\n", "-L"]
    if step.method == "HEAD":
        options.append("--head")
    if step.body is not None:
        options += ["--header", "Content-Type: application/octet-stream", "--data-binary",
                    f"@{write_body(run, step)}"]
    if step.chunked:
        options += ["--header", "Transfer-Encoding: chunked"]
    if step.timeout_ms:
        options += ["--max-time", step.timeout_ms / 1000]
    if step.way != "direct":
        options += ["--proxy", f"http://{run.proxy}"]
    if step.way == "tunnel":
        options.append("--proxytunnel")
    return [*options, step.url]


def curl(run):
    for group in groups(run.steps):
        transfers = [curl_options(run, step) for step in group]
        yield [servers.program("curl"), *transfers[0],
               *(word for transfer in transfers[1:] for word in ("--next", *transfer))]


def wget(run):
    for group in groups(run.steps):
        step = group[0]
        options = ["--no-verbose", "--quiet", "--tries=1", "--content-on-error",
                   "--output-document=-", f"--method={step.method}"]
        if step.body is not None:
            options += ["--header=Content-Type: application/octet-stream",
                        f"--body-file={write_body(run, step)}"]
        if step.timeout_ms:
            options.append(f"--read-timeout={step.timeout_ms / 1000}")
        if step.way == "proxy":
            options += ["-e", "use_proxy=yes", "-e", f"http_proxy=http://{run.proxy}/"]
        yield [servers.program("wget"), *options, *(step.url for step in group)]


# ---

CLIENTS = [
    Client("python http.client", python("http_client"), quick=True,
           lacks={"redirect": FOLLOWS_NONE}),
    Client("python urllib", python("urllib_request"), lacks={**NO_KEPT, "tunnel": ONLY_FOR_TLS}),
    Client("python requests", python("requests_"), lacks={"tunnel": ONLY_FOR_TLS}),
    Client("python urllib3", python("urllib3_"), lacks={"tunnel": ONLY_FOR_TLS}),
    Client("python httpx", python("httpx_"), lacks={"tunnel": ONLY_FOR_TLS}),
    Client("python aiohttp", python("aiohttp_"), quick=True, lacks={"tunnel": ONLY_FOR_TLS}),
    Client("node http", interpreted("node", "http.js"), quick=True,
           lacks={"redirect": FOLLOWS_NONE}),
    Client("node fetch", interpreted("node", "fetch.js"), quick=True,
           environment={"NODE_PATH": "/usr/share/nodejs"},
           lacks={"proxy": "has no proxy but by a tunnel",
                  "kept_mixed": "closes its connection after HEAD"}),
    Client("ruby Net::HTTP", interpreted("ruby", "net_http.rb"), quick=True,
           lacks={"redirect": FOLLOWS_NONE, "tunnel": ONLY_FOR_TLS}),
    Client("php streams", interpreted("php", "streams.php"), quick=True,
           lacks={**NO_KEPT, "chunked_request": "sends none", "tunnel": ONLY_FOR_TLS}),
    Client("java HttpURLConnection", **java("UrlConnection"), quick=True,
           lacks={"tunnel": ONLY_FOR_TLS}),
    Client("java HttpClient", **java("NetHttp"), quick=True, lacks={"tunnel": ONLY_FOR_TLS}),
    Client("perl LWP", interpreted("perl", "lwp.pl"), quick=True, lacks={"tunnel": ONLY_FOR_TLS}),
    Client("perl HTTP::Tiny", interpreted("perl", "tiny.pl"), lacks={"tunnel": ONLY_FOR_TLS},
           environment={"PERL_HASH_SEED": "0"}),  # else its header fields come in any order
    Client("wget", wget, prints=False, quick=True,
           environment={"OTEL_AGENT_EXECUTABLES_DENY": "sh"},  # it is denied by default
           lacks={"chunked_request": "sends none", "tunnel": ONLY_FOR_TLS,
                  "kept_mixed": "one method a command"}),
    Client("curl", curl, prints=False, quick=True, library=True,
           environment={"OTEL_PROPAGATORS": "none"}),  # else its requests have a header more
]
