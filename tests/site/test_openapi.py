"""The served OpenAPI document: valid, whole, and true."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator

from agents.api import openapi_document as served
from tests.support.api_client import Api, api_of
from tests.support.concurrency import race

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def document():
    from drf_spectacular.generators import SchemaGenerator

    return SchemaGenerator().get_schema(request=None, public=True)


def addresses(patterns, before=""):
    for pattern in patterns:
        here = before + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if hasattr(pattern, "url_patterns"):
            yield from addresses(pattern.url_patterns, here)
        else:
            yield here, getattr(pattern.callback, "cls", None)


def test_the_document_is_openapi_3_1_and_complete(document):
    assert document["openapi"].startswith("3.1")
    told = {
        (path.replace("{id}", "{pk}"), method)
        for path, methods in document["paths"].items()
        for method in methods
    }
    ours = {
        ("/" + path, method)
        for path, view in addresses(get_resolver().url_patterns)
        if path.startswith("api/v1/") and view and not path.startswith(("api/v1/schema/", "api/v1/docs/"))
        for method in ("get", "post", "patch", "put", "delete")
        if hasattr(view, method)
    }
    assert told == ours


def test_every_operation_says_who_may_and_how_it_refuses(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["security"], (method, path)
            for code in ("400", "401", "403"):
                assert "application/problem+json" in operation["responses"][code]["content"], (
                    method,
                    path,
                    code,
                )


def test_the_document_is_made_without_a_warning():
    from drf_spectacular.drainage import GENERATOR_STATS
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.plumbing import _load_enum_name_overrides

    _load_enum_name_overrides.cache_clear()  # it warns only when it loads
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        SchemaGenerator().get_schema(request=None, public=True)
    assert not GENERATOR_STATS._warn_cache, GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache, GENERATOR_STATS._error_cache


def test_the_document_is_made_once_however_many_ask_for_it_at_once():
    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            SchemaGenerator,
            "get_schema",
            lambda self, get=SchemaGenerator.get_schema, **how: made.append(1) or get(self, **how),
        )
        served._made.cache_clear()
        served._written.clear()
        [answers] = race(1, *[lambda _: Client().get("/api/v1/schema/")] * 8)

    assert len(made) == 1
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert Client().get("/api/v1/schema/?format=json").json()["openapi"] == "3.1.1"


def test_document_and_pages_are_served_from_here():
    assert Api().get("/schema/").status_code == 200
    page = Api().get("/docs/")
    assert page.status_code == 200
    assert b"https://" not in page.content


@pytest.mark.parametrize("path", ["/nowhere", "/tickets/", "/gates", "/tickets/OMO-1/nothing"])
def test_what_is_not_there_is_a_problem_document(path, operator):
    answer = api_of(operator).get(path)
    assert (answer.status_code, answer["Content-Type"], answer.json()["code"]) == (
        404,
        "application/problem+json",
        "not_found",
    )


def test_methods_bodies_and_hosts_that_do_not_fit_are_problem_documents(operator, project):
    calls = api_of(operator)
    assert calls.patch("/claims", {}).json()["code"] == "method_not_allowed"
    assert (
        calls.client.post(
            "/api/v1/projects", "a=1", content_type="application/x-www-form-urlencoded", headers=calls.headers
        ).json()["code"]
        == "unsupported_media_type"
    )
    refused = calls.client.get("/api/v1/projects", headers={**calls.headers, "Host": "evil.example"})
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/problem+json")
