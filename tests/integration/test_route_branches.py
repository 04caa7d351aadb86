# SPDX-License-Identifier: Apache-2.0
"""A branch of the path that shows many values goes by one route, and takes none from other pages."""

import collections
import http.client
import itertools
import random
import re
import string

import pytest
import servers
import spans

STATUSES = (301, 302, 304, 401, 403, 404, 500)
NGINX = "".join(f"if ($http_x_status = {status}) {{ return {status}; }}\n" for status in STATUSES) + \
    'location / { return 200 "ok"; }'
BEFORE = {"/": "/", "/login": "/login", "/products/7/image": "/products/{id}/image",
          "/products/new": "/products/new", "/api/v1/items": "/api/v1/items",
          "/favicon.ico": "/favicon.ico"}
AFTER = {"/checkout": "/checkout", "/cart": "/cart", "/search": "/search", "/about-us": "/about-us",
         "/products/compare": "/products/compare", "/orders/9/lines": "/orders/{id}/lines",
         "/api/v1/users": "/api/v1/users"}


def syllables(chance, count):
    return "".join(chance.choice("bcdfglmnprst") + chance.choice("aeiou") for _ in range(count))


def characters(chance, alphabet, count):
    return "".join(chance.choices(alphabet, k=count))


LETTERS = string.ascii_letters
# What varies: how a path is made, how many routes all of them may have, and the one of the last.
BRANCHES = {
    "tokens": (lambda chance: "/watch/" + characters(chance, LETTERS + string.digits + "-_", 11),
               30, "/watch/{id}"),
    "short links at the root": (lambda chance: "/" + characters(chance, LETTERS + string.digits, 7),
                                60, "/{id}"),
    "keys": (lambda chance: f"/browse/ABC-{chance.randrange(1, 1000)}", 15, "/browse/{id}"),
    "slugs": (lambda chance: "/products/" + "-".join(syllables(chance, 2) for _ in range(4)),
              15, "/products/{id}"),
    "articles": (lambda chance: "/blog/" + "-".join(syllables(chance, 2) for _ in range(4)) +
                 ".html", 15, "/blog/{id}"),
    "users": (lambda chance: f"/users/{syllables(chance, 4)}/posts", 55, "/users/{id}/posts"),
    "people": (lambda chance: f"/people/{syllables(chance, 4)}", 55, "/people/{id}"),
    "base64": (lambda chance: "/q/" + characters(chance, LETTERS + string.digits, 14) + "==", 2,
               "/q/{id}"),
    "scripts": (lambda chance: f"/assets/{syllables(chance, 3)}.js", 4, "/assets/*"),
    "pictures": (lambda chance: f"/img/{syllables(chance, 1)}/{syllables(chance, 3)}.jpg", 250,
                 "/img/{id}/*"),
    "icons": (lambda chance: f"/{syllables(chance, 3)}.png", 4, "/*.png"),
}


class Client:
    """One connection after another, each for some requests; a request's id is its number."""

    def __init__(self, port):
        self.port = port
        self.asked = []
        self.connection = None

    def ask(self, path, status=200):
        number = len(self.asked)
        if number % 500 == 0:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                         timeout=servers.PATIENCE_SECONDS)
        self.connection.request("GET", path, headers={"X-Request-ID": f"n{number}",
                                                      "X-Status": str(status)})
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status == status, (path, answer.status)
        self.asked.append(path)
        return number


def routes_of(traces, service, client):
    by_id = spans.by_request(traces.read(service))
    found = []
    for number, path in enumerate(client.asked):
        span, = by_id[f"n{number}"]
        route = span.attributes.get("http.route")
        assert span.name == (f"GET {route}" if route else "GET"), path
        found.append(route)
    return found


def expect(routes, asked, wanted):
    got = {path: routes[number] for path, number in asked.items()}
    assert got == {path: wanted[path] for path in got}


def start(which, directory, traces, **variables):
    tracing = traces.of("varies", OTEL_LOG_LEVEL="info", **variables)
    if which == "nginx":
        return servers.Nginx(directory, tracing=tracing, workers=1, more=NGINX)
    return servers.Answering(directory, tracing, workers=1)


def said_by(directory, server):
    error_log = directory / server.name / "nginx-error.log"
    return server.log.read_text() + (error_log.read_text() if error_log.exists() else "")


@pytest.mark.parametrize("which", ["nginx", "gunicorn"])
def test_what_varies_takes_no_route_from_other_pages(directory, traces, which):
    chance = random.Random(11)
    of_branch = collections.defaultdict(list)
    with start(which, directory, traces) as server:
        client = Client(server.port)
        before = {path: client.ask(path) for path in BEFORE}
        for _, (name, (make, _, _)) in itertools.product(range(300), BRANCHES.items()):
            if "root" not in name:
                of_branch[name].append(client.ask(make(chance)))
        after = {path: client.ask(path) for path in AFTER}
        again = {path: client.ask(path) for path in BEFORE}
        for _ in range(600):
            name = "short links at the root"
            of_branch[name].append(client.ask(BRANCHES[name][0](chance)))
        at_last = {path: client.ask(path) for path in {**BEFORE, **AFTER}}
    routes = routes_of(traces, "varies", client)
    seen = {name: len({routes[number] for number in numbers})
            for name, numbers in of_branch.items()}
    print(seen, len(set(routes)), "in all")
    expect(routes, {**before, **after}, {**BEFORE, **AFTER})
    expect(routes, again, BEFORE)
    expect(routes, at_last, {**BEFORE, **AFTER})
    for name, (_, most, common) in BRANCHES.items():
        assert seen[name] <= most, name
        assert routes[of_branch[name][-1]] == common, name
    assert None not in routes
    said = said_by(directory, server)
    assert len(re.findall("info: a place in the path shows so many values that they share the "
                          "route ", said)) == 1
    assert int(re.search(r"routes: places folded (\d+)", said).group(1)) >= len(BRANCHES)
    assert "no room for more routes" not in said


TREES = {
    "folders": lambda chance: "/files/" + "/".join(chance.choices(FEW, k=6)) + ".h",
    "categories": lambda chance: "/shop/" + "/".join(chance.choices(FEW, k=chance.randrange(1, 5))),
    "languages": lambda chance: f"/{chance.choice('en de fr es it pl nl pt sv da'.split())}/" +
                                f"{chance.choice(FEW)}/{chance.choice(FEW)}{chance.choice(FEW)}",
}
FEW = "red blue green fast slow lamp chair table sofa watch garden wooden steel".split()


@pytest.mark.parametrize("tree", TREES)
def test_a_tree_of_few_at_each_place_takes_no_route_from_other_pages(directory, traces, tree):
    chance = random.Random(5)
    with start("nginx", directory, traces) as server:
        client = Client(server.port)
        before = {path: client.ask(path) for path in BEFORE}
        pages = [client.ask(TREES[tree](chance)) for _ in range(3000)]
        after = {path: client.ask(path) for path in ["/checkout", "/cart", "/orders/17", "/orders/new"]}
        again = {path: client.ask(path) for path in BEFORE}
    routes = routes_of(traces, "varies", client)
    assert len({routes[number] for number in pages}) <= 800
    expect(routes, {**before, **again}, BEFORE)
    expect(routes, after, {**{path: path for path in after}, "/orders/17": "/orders/{id}"})
    assert None not in routes
    assert "no room for more routes" not in said_by(directory, server)


def test_other_statuses_make_no_route_and_use_one(directory, traces):
    chance = random.Random(7)
    with start("nginx", directory, traces) as server:
        client = Client(server.port)
        scanned = [client.ask(f"/{syllables(chance, 4)}.php", 301 if number % 3 else 403)
                   for number in range(600)]
        failed = client.ask("/reports/yearly", 500)
        known = {path: client.ask(path) for path in BEFORE}
        refused = [(path, client.ask(path, status)) for path in BEFORE
                   for status in STATUSES]
        others = client.ask("/products/8/image", 304)
        for _ in range(30):
            client.ask(BRANCHES["tokens"][0](chance))
        token = client.ask("/watch/0a-B1c_D2eF", 404)
    routes = routes_of(traces, "varies", client)
    assert {routes[number] for number in scanned} == {None}
    assert routes[failed] == "/reports/yearly"
    expect(routes, known, BEFORE)
    for path, number in refused:
        assert routes[number] == BEFORE[path]
    assert routes[others] == "/products/{id}/image"
    assert routes[token] == "/watch/{id}"


def test_configured_patterns_win_where_values_vary(directory, traces):
    chance = random.Random(3)
    with start("nginx", directory, traces,
               OTEL_AGENT_HTTP_ROUTES="/watch/{video},/watch/{video}/edit") as server:
        client = Client(server.port)
        for _ in range(100):
            client.ask(BRANCHES["tokens"][0](chance))
            client.ask(BRANCHES["tokens"][0](chance) + "/edit", 404)
        pages = [client.ask("/" + syllables(chance, 4)) for _ in range(40)]
    routes = routes_of(traces, "varies", client)
    assert {routes[number] for number in range(pages[0])} == {"/watch/{video}",
                                                              "/watch/{video}/edit"}
    assert [routes[number] for number in pages] == [client.asked[number] for number in pages]


def test_no_room_at_all_is_said_once(directory, traces):
    with start("nginx", directory, traces, OTEL_AGENT_HTTP_ROUTES_MAX="4") as server:
        client = Client(server.port)
        for first, second, third in itertools.product("abc", repeat=3):
            client.ask(f"/{first}/{second}/{third}")
        again = client.ask("/a/a/a")
    routes = routes_of(traces, "varies", client)
    without = routes.count(None)
    assert routes[again] == "/a/a/a"
    assert len(set(routes) - {None}) <= 16 and without > 10
    said = said_by(directory, server)
    assert len(re.findall(r"warn: no room for more routes: .* OTEL_AGENT_HTTP_ROUTES_MAX "
                          r"\(now 4\)", said)) == 1
    assert re.search(rf"routes: places folded \d+, requests without one for want of room "
                     rf"{without}\b", said), said
