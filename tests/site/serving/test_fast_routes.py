"""Which requests a fast route may answer: ordinary ones of agents. All others are left to the full view."""

from __future__ import annotations

import pytest

from omoi_site.serving.fast_routes import FastRoute, FastRoutes

KEY = {"authorization": "Bearer omoi_a_b", "host": "testserver"}
JSON = {**KEY, "content-type": "application/json"}
ROUTES = FastRoutes(
    [
        FastRoute("GET", "agents/me", lambda request: (200, [], request.query.encode())),
        FastRoute("POST", "claims", lambda request: (200, [], request.body)),
        FastRoute("POST", "tasks/<pk>/completion", lambda request: (200, [], request.name.encode())),
    ]
)


def lookup(method="POST", path="/api/v1/claims", query="", headers=JSON, more=()):
    pairs = [*headers.items(), *more]
    return ROUTES.find(
        {
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin1")) for name, value in pairs],
        }
    )


def test_ordinary_requests_reach_their_route_with_key_name_query_and_body():
    assert lookup().answer(b"{}") == (200, [], b"{}")
    assert lookup().request.key == "omoi_a_b"
    assert lookup("POST", "/api/v1/tasks/17/completion").answer(b"") == (200, [], b"17")
    assert lookup("GET", "/api/v1/agents/me", "a=1", KEY).answer(b"") == (200, [], b"a=1")
    assert lookup(more=[("user-agent", "x"), ("accept", "*/*"), ("accept-encoding", "gzip")])
    assert lookup(headers={**JSON, "host": "testserver:8000"})


@pytest.mark.parametrize(
    "more",
    [
        ("cookie", "sessionid=1"),
        ("idempotency-key", "k"),
        ("if-match", '"1"'),
        ("accept", "text/html"),
        ("authorization", "Bearer omoi_a_b"),
        ("host", "testserver"),
        ("content-type", "application/json"),
    ],
    ids=lambda header: header[0],
)
def test_a_header_with_a_meaning_or_a_second_one_is_for_the_full_view(more):
    assert not lookup(more=[more])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**JSON, "host": "evil.example"},
        {**JSON, "host": "testserver:x"},
        {**JSON, "authorization": "Basic omoi_a_b"},
        {**JSON, "authorization": "Bearer "},
        {**JSON, "authorization": "Bearer \xe4"},
        {**JSON, "content-type": "text/plain"},
        {**JSON, "content-type": "application/json; charset=latin1"},
        KEY,
    ],
)
def test_other_credentials_hosts_and_bodies_are_for_the_full_view(headers):
    assert not lookup(headers=headers)


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("PUT", "/api/v1/claims", ""),
        ("POST", "/api/v1/claims/", ""),
        ("POST", "/api/v2/claims", ""),
        ("POST", "/api/v1/claims", "a=1"),
        ("POST", "/api/v1/tasks/17/completion/", ""),
        ("POST", "/api/v1/tasks/ä/completion", ""),
        ("POST", "/api/v1/tasks/17/other", ""),
        ("HEAD", "/api/v1/agents/me", ""),
    ],
)
def test_other_addresses_are_for_the_full_view(method, path, query):
    assert not lookup(method, path, query)


def test_only_short_values_of_host_are_kept():
    routes = FastRoutes([])
    for host in (b"testserver", b"testserver:1", b"x" * 60_000 + b".example"):
        routes._known(host)
    assert routes.hosts == {b"testserver": True, b"testserver:1": True}
