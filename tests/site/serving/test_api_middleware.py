"""An API request with a bearer key is answered the same with and without the middlewares of pages."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client

from omoi_site.serving import api_middleware
from tests.support.api_client import api_of
from tests.support.both_ways import same

REQUESTS = {
    "a list": ("get", "/projects", None, {}),
    "a change": ("post", "/projects", {"key": "NEW", "name": "New"}, {}),
    "a fault": ("post", "/projects", {"strange": 1}, {}),
    "no JSON": ("post", "/projects", "{", {}),
    "an unknown address": ("get", "/nowhere", None, {}),
    "a slash too many": ("get", "/projects/", None, {}),
    "an unknown method": ("put", "/projects", {}, {}),
    "an unknown key": ("get", "/projects", None, {"Authorization": "Bearer omoi_a_b"}),
    "no key": ("get", "/projects", None, {"Authorization": "Bearer "}),
    "the document": ("get", "/schema/?format=json", None, {}),
    "an answer that is kept": ("post", "/projects", {"key": "KEPT"}, {"Idempotency-Key": "k"}),
}


def sent(client, headers, method, path, body):
    if body is not None and not isinstance(body, str):
        return getattr(client, method)(
            f"/api/v1{path}", body, content_type="application/json", headers=headers
        )
    return getattr(client, method)(
        f"/api/v1{path}",
        **({"data": body, "content_type": "application/json"} if body else {}),
        headers=headers,
    )


@pytest.mark.django_db
@pytest.mark.parametrize("request_of", REQUESTS)
def test_both_chains_answer_the_same(project, operator, request_of, monkeypatch):
    method, path, body, more = REQUESTS[request_of]
    headers, client = {**api_of(operator).headers, **more}, Client(raise_request_exception=False)
    with transaction.atomic():
        short = sent(client, headers, method, path, body)
        transaction.set_rollback(True)
    monkeypatch.setattr(api_middleware, "has_only_a_key", lambda request: False)
    long = sent(client, headers, method, path, body)

    if (
        long.status_code == 401
    ):  # the record of a refusal asks for a session, which the short chain does not have
        del long.headers["Vary"]
    same(short, long)
    assert {**short.cookies} == {**long.cookies} == {}


@pytest.mark.django_db
def test_another_host_is_refused(operator):
    refused = Client().get("/api/v1/projects", headers={**api_of(operator).headers, "Host": "evil.example"})
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.django_db
def test_a_page_a_cookie_and_a_session_take_the_full_chain(operator, monkeypatch):
    ways = []
    decide = api_middleware.has_only_a_key
    monkeypatch.setattr(
        api_middleware, "has_only_a_key", lambda request: ways.append(decide(request)) or ways[-1]
    )
    client, headers = Client(), api_of(operator).headers
    client.get("/api/v1/projects", headers=headers)
    client.get("/board/", headers=headers)
    client.get("/api/v1/projects")
    client.force_login(operator)
    client.get("/api/v1/projects", headers=headers)
    assert ways == [True, False, False, False]
