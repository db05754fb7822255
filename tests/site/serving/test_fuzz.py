"""Any input to any route gets an answer of the OpenAPI document, never a crash."""

from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from django.db import transaction
from hypothesis import HealthCheck, given, seed, settings
from schemathesis.core import NOT_SET

from tests.support.api_client import ROOT, Api, api_of

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def operations() -> list[Any]:
    from drf_spectacular.generators import SchemaGenerator

    document = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))
    found = schemathesis.openapi.from_dict(document)
    return [operation.ok() for operation in found.get_all_operations()]


def sent(calls: Api, case: Any, names: dict[str, str]) -> Any:
    path = case.path.removeprefix(ROOT)
    for name, value in {
        **{key: str(value) for key, value in (case.path_parameters or {}).items()},
        **names,
    }.items():
        path = path.replace("{" + name + "}", quote(value, safe=""))
    query = {key: value for key, value in (case.query or {}).items() if value is not None}
    if case.method.upper() == "GET":
        return calls.client.get(ROOT + path, query, headers=calls.headers)
    body = b"" if case.body is NOT_SET else json.dumps(case.body, default=str).encode()
    return calls.client.generic(
        case.method.upper(), ROOT + path, body, content_type="application/json", headers=calls.headers
    )


def hammer(operation: Any, callers: list[Api], routes: list[dict[str, str]], tries: int) -> None:
    """Each of so many bodies and addresses is sent by each caller to each route: to make one costs more than
    to answer it.
    """
    told = {*operation.definition.raw["responses"], "405", "415"}

    @seed(7)
    @settings(max_examples=tries, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def never_a_crash(case: Any) -> None:
        for names, calls in itertools.product(routes, callers):
            with transaction.atomic():
                answer = sent(calls, case, names)
                transaction.set_rollback(True)
            assert str(answer.status_code) in told, (
                operation.label,
                case.body,
                answer.status_code,
                answer.content[:300],
            )
            if answer.status_code >= 400:
                assert answer["Content-Type"] == "application/problem+json"
                assert answer.json()["status"] == answer.status_code

    never_a_crash()


@pytest.mark.parametrize(
    "tries", [pytest.param(6, marks=pytest.mark.full), pytest.param(100, marks=pytest.mark.campaign)]
)
def test_no_route_crashes_on_what_the_document_allows(
    operations, operator, project, ada, ticket, task, tries
):
    callers = [api_of(operator), api_of(ada)]
    of_a_ticket = {"key": ticket.key, "id": str(task.pk), "name": "ada"}
    for operation in operations:
        hammer(operation, callers, [{}, {"key": "OMO", "name": "ada"}, of_a_ticket], tries)
