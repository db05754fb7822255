"""Every route refuses as the OpenAPI document promises."""

from __future__ import annotations

import pytest

from agents.models import Member
from tests.support.api_client import Api, api_of
from tests.support.openapi import checked, document, mismatches, operations
from tickets.models import Workflow

pytestmark = pytest.mark.django_db


def keyed():
    """Routes that promise to take an Idempotency-Key."""
    return [
        (method, path)
        for method, path in operations()
        if any(
            parameter["name"] == "Idempotency-Key"
            for parameter in document()["paths"][path][method].get("parameters", [])
        )
    ]


def filled(path):
    """The address with names that nothing has."""
    names = {
        "{key}": "NONE-1",
        "{id}": "0",
        "{number}": "1",
        "{name}": "nobody",
        "{user}": "nobody",
        "{prefix}": "00",
    }
    for name, value in names.items():
        path = path.replace(name, value)
    return path


def sent(method, path, calls=None, **headers):
    calls = calls or Api()
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = given.pop("Content-Type", "application/json")
    return calls.client.generic(
        method.upper(), filled(path), b"{}", content_type=kind, headers={**calls.headers, **given}
    )


def test_every_route_refuses_a_stranger_as_promised():
    for method, path in operations():
        answer = checked(method, filled(path), sent(method, path))
        assert answer.status_code == 401, (method, path)


def test_every_change_refuses_a_viewer_as_promised(django_user_model, project):
    vera = django_user_model.objects.create_user("vera")
    Member.objects.create(project=project, user=vera, role="viewer")
    calls = api_of(vera)
    for method, path in operations():
        if method != "get":
            answer = checked(method, filled(path), sent(method, path, calls))
            assert answer.status_code in (403, 404, 422), (method, path)


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_bad_idempotency_key_is_refused_as_promised(key, operator):
    calls = api_of(operator)
    for method, path in keyed():
        answer = checked(method, filled(path), sent(method, path, calls, Idempotency_Key=key))
        told = (answer.status_code, answer.json()["errors"][0]["field"])
        assert told == (422, "Idempotency-Key"), (method, path)


def test_every_route_says_as_promised_that_nothing_is_there_or_that_the_query_is_wrong(operator):
    calls = api_of(operator)
    for method, path in operations():
        answer = sent(method, path + "?nonsense=1", calls)
        assert not mismatches(method, filled(path), answer), (method, path, answer.content)


def test_a_body_of_another_kind_is_refused_as_promised(operator):
    calls = api_of(operator)
    for method, path in operations():
        if "requestBody" in document()["paths"][path][method]:
            answer = checked(method, filled(path), sent(method, path, calls, Content_Type="text/css"))
            assert answer.status_code in (415, 404), (method, path)


REFUSED = [
    ("put", "/tickets/OMO-1/acceptance/0", {"evidence": ""}, {}, 404),
    ("put", "/tickets/OMO-1/acceptance/1", {}, {}, 422),
    ("get", "/tickets/OMO-1/workflow?version=9", None, {}, 422),
    ("post", "/tickets/OMO-1/workflow", {"version": 1}, {}, 409),
    ("post", "/tickets/OMO-1/workflow", {"version": 2}, {"If_Match": '"99"'}, 412),
    ("post", "/tickets/OMO-1/approvals", {"decision": "approve", "seen": "old"}, {}, 409),
    ("post", "/tickets/OMO-1/notices/1/dismissal", None, {}, 404),
    ("get", "/attention?kind=none", None, {}, 422),
    ("get", "/attention?cursor=x", None, {}, 400),
    ("get", "/workflows/simple/statistics?days=0", None, {}, 422),
    ("post", "/projects/OMO/repositories", {"name": "shop", "url": "ext::sh"}, {}, 422),
    ("post", "/projects/OMO/repositories/shop/fetches", None, {}, 404),
]


@pytest.mark.parametrize(("method", "path", "body", "headers", "status"), REFUSED)
def test_a_refusal_for_its_content_is_as_promised(method, path, body, headers, status, operator, ticket):
    phases = [{"name": "DOING", "to": ["DONE"]}, {"name": "DONE", "to": []}]
    Workflow.objects.install({"name": "simple", "phases": phases})  # version 2
    calls = api_of(operator)
    answer = calls.get(path) if method == "get" else getattr(calls, method)(path, body, **headers)
    assert answer.status_code == status, answer.content
