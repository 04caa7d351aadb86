# SPDX-License-Identifier: Apache-2.0
"""The part of scripts/demo after the build: start, ask, stop, show.

usage: demo.py BUILD_DIRECTORY"""

import contextlib
import pathlib
import shutil
import signal
import sys
import tempfile

import load
import plans
import servers
import spans

ROUTE = "POST /products/{id}/image"
SERVICES = ("nginx", "shop", "gunicorn")


class DemoError(Exception):
    """A step of the demo failed."""


def say(text):
    print(f"demo: {text}", flush=True)


def shop_requests():
    """Asked of the shop directly; the first is the upload that is judged."""
    plan = load.Plan("demo")
    plan.add("POST", "/products/1000/image", body=b"picture" * 1000, status=201)
    plan.add("POST", "/products/1001/image", body=b"picture" * 1000, chunked=True, status=201)
    plan.add("GET", "/products/1000/image")
    plan.add("GET", "/products/9999", status=404)
    plan.add("GET", "/broken", status=500)
    for path in ("/products", "/products?category=tea", "/categories", "/categories/2/products",
                 *(f"/products/{number}" for number in range(1, 6))):
        plan.add("GET", path)
    for number, request in enumerate(plan.requests):
        request.traceparent = plan.traceparent() if number % 3 == 1 else ""
    return plan.requests


def nginx_requests():
    """Static files, and both programs behind nginx."""
    plan = load.Plan("front", seed=6)
    for path in ("/small.txt", "/page.html", "/shop/products", "/shop/products/7",
                 "/app/items", "/app/items/3"):
        plan.add("GET", path)
    plan.add("GET", "/absent.txt", status=404)
    plan.add("POST", "/shop/products/1002/image", body=b"picture" * 1000, status=201)
    plan.add("POST", "/app/items/1000/blob", body=b"blob" * 1000, chunked=True, status=201)
    plan.add("GET", "/app/items/1000/blob")
    plan.add("GET", "/app/broken", status=500)
    for number, request in enumerate(plan.requests):
        request.traceparent = plan.traceparent() if number % 2 else ""
    return plan.requests


def send(port, requests):
    answers = load.run(port, requests, connections=1)
    for request in requests:
        answer = answers[request.id]
        if answer.status != request.status:
            raise DemoError(f"{request.method} {request.path} was answered "
                            f"{answer.error or answer.status}, not {request.status}")


def serve_and_ask(directory, build):
    """Returns the id of the upload to judge."""
    def traced(service):
        return servers.Tracing(build / "libotelagent.so", directory, service, {
            "OTEL_AGENT_S3_ENDPOINTS": s3.endpoint,
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=demo",
        })

    with contextlib.ExitStack() as stack:
        say("starting MariaDB and S3")
        mariadb = stack.enter_context(servers.MariaDB(directory))
        s3 = stack.enter_context(servers.S3(directory))
        say("starting the shop, gunicorn and nginx under the agent")
        shop = stack.enter_context(servers.Shop(
            directory, mariadb, s3, build / "tests" / "programs" / "shop", traced("shop")))
        gunicorn = stack.enter_context(servers.Gunicorn(directory, mariadb, s3,
                                                        traced("gunicorn")))
        nginx = stack.enter_context(servers.Nginx(
            directory, {"shop": shop.port, "app": gunicorn.port}, traced("nginx")))
        direct, front = shop_requests(), nginx_requests()
        say(f"sending {len(direct) + len(front)} requests")
        send(shop.port, direct)
        send(nginx.port, front)
        say("stopping everything")
    return direct[0].id


def show(directory, upload):
    found = [span for span in spans.read(*(directory / f"{name}.jsonl" for name in SERVICES))
             if span.attributes.get("request.id") != servers.READY_ID]
    print(spans.forest(found))
    judge([span for span in found if span.service == "shop"], upload)
    say(f"{len(found)} spans of {', '.join(SERVICES)}; as JSON lines: {directory}/*.jsonl")


def judge(found, upload):
    """The upload's span and what is below it must read as the shop's code does."""
    several = [span for span in found if span.attributes.get("request.id") == upload]
    if len(several) != 1:
        raise DemoError(f"the upload has {len(several)} SERVER spans instead of one")
    server, = several
    calls = sorted((span for span in found if span.parent_id == server.span_id),
                   key=lambda span: span.start_ns)
    said = [(server.kind, server.name), *(("CLIENT", call.name) for call in calls)]
    wanted = [("SERVER", ROUTE), *(("CLIENT", name) for name in plans.UPLOAD)]
    if said != wanted:
        raise DemoError(f"the upload's trace reads {said}, not {wanted}")
    say(f"the upload reads as it should: {ROUTE} over {', '.join(plans.UPLOAD)}")


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    for product in (build / "libotelagent.so", build / "tests" / "programs" / "shop"):
        if not product.exists():
            raise DemoError(f"{product} was not built")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="otelagent-demo-"))
    directory.chmod(0o755)  # mysql's and nginx's users pass through it
    try:
        show(directory, serve_and_ask(directory, build))
    except (DemoError, servers.ServerError, ValueError) as error:
        raise DemoError(f"{error}\ndemo: logs and spans: {directory}") from error
    finally:
        shutil.rmtree(directory / "mariadb", ignore_errors=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are stopped
    try:
        main()
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(1)
