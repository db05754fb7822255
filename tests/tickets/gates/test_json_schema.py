"""JSON is validated against a schema within limits, whoever wrote the two."""

from __future__ import annotations

import json
import time

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry

from tests.factories import allow_workflow, submit
from tickets.gates.evidence import Against, TooSlow, Unreadable, json_schema, schema_fault
from tickets.gates.evidence.json_schema import STEPS, _steps
from tickets.models import Ticket, TicketSpec, Workflow
from tickets.workflows.document import InvalidWorkflow

pytestmark = pytest.mark.django_db(transaction=True)
LIST = {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}


def faults(schema, document) -> list[str]:
    return list(json_schema(json.dumps(schema).encode())(json.dumps(document).encode()))


def test_it_says_what_is_wrong_and_where():
    schema = {"properties": {"files": {"items": {"type": "string", "pattern": r"^[a-z]+\.py$"}}}}

    assert faults(schema, {"files": ["a.py"]}) == []
    assert faults(schema, {"files": ["a.py", "B.py"]}) == [
        r"$.files[1]: 'B.py' does not match '^[a-z]+\\.py$'"
    ]
    assert faults(LIST, [1, 2, 1.0]) == ["$: it has an item twice"]


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ([], "a schema is an object"),
        ({"type": "nothing"}, "$.type"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "its $schema must be"),
        ({"$ref": "http://169.254.169.254/latest"}, "refers to http://169.254.169.254/latest"),
        ({"allOf": [{"$ref": "file:///etc/passwd"}]}, "refers to file:///etc/passwd"),
        ({"pattern": "(a+)+$"}, "repeats a group"),
        ({"pattern": "(?=a)"}, "looks around or back"),
        ({"pattern": "a{99999999999999}"}, "is not a regular expression"),
        ({"pattern": "["}, "is not a regular expression"),
        ({"patternProperties": {"a": True}}, "patternProperties is not available"),
        ({"enum": ["x" * 70_000]}, "at most 64 KiB"),
    ],
)
def test_schemas_that_are_refused(schema, why):
    assert why in schema_fault(schema)
    with pytest.raises(Unreadable):
        json_schema(json.dumps(schema).encode())


@pytest.mark.parametrize(
    ("schema", "content"),
    [
        ({"$ref": "#"}, b"1"),
        ({"$ref": "#/$defs/none"}, b"1"),
        ({"items": {"not": True}}, b"[" + b"0," * 60_000 + b"0]"),
        ({}, b"[" * 30_000 + b"]" * 30_000),
        ({}, b'{"a": NaN}'),
        ({}, b'"' + b"x" * (2 << 20) + b'"'),
        ({}, b"\xff\xfe"),
        ({}, b""),
        ({"pattern": "a*b*c*d*$"}, b'"' + b"a" * 1_000 + b'"'),
    ],
)
def test_documents_that_are_not_read(schema, content):
    with pytest.raises(Unreadable):
        Against(json.dumps(schema))(content)


DRAFT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


@pytest.mark.parametrize(
    ("part", "schema"),
    [
        (lambda other: {"anyOf": [other, other]}, {}),
        (lambda other: {"anyOf": [other, other], **DRAFT}, DRAFT),
        (lambda other: {"dependentSchemas": {"x": other, "y": other}}, {"unevaluatedProperties": False}),
    ],
    ids=["plain", "a draft in each part", "what is followed by itself"],
)
def test_a_schema_made_to_be_slow_ends_by_the_clock(monkeypatch, part, schema):
    monkeypatch.setattr("tickets.gates.evidence.bounded_xml.SECONDS", 0.2)
    parts = {"a0": {"const": 1}} | {f"a{n}": part({"$ref": f"#/$defs/a{n - 1}"}) for n in range(1, 20)}
    slow = {**schema, "$ref": "#/$defs/a19", "$defs": parts}
    began = time.thread_time()

    with pytest.raises(TooSlow):
        Against(json.dumps(slow))(b'{"x": 0, "y": 0}')

    assert time.thread_time() - began < 2


@pytest.mark.parametrize(
    "schema",
    [
        {"contains": {"const": 5}, "minContains": 2},
        {"prefixItems": [{"type": "integer"}], "unevaluatedItems": False},
        {"dependentSchemas": {"a": {"required": ["b"]}}, "unevaluatedProperties": False},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$anchor": "x", "properties": {"a": {"type": "string"}}}}},
        {"$id": "https://a.test/", "items": {"$ref": "#x"}, "$defs": {"a": {"$anchor": "x", "minimum": 3}}},
        {"if": {"type": "array"}, "then": {"maxItems": 2}, "else": {"minProperties": 2}},
    ],
)
@pytest.mark.parametrize("document", [[], [5], [1, 5, 5], {}, {"a": 1}, {"a": "x", "b": 1}, 7, "5"])
def test_the_limits_change_no_answer(schema, document):
    library = Draft202012Validator(schema, registry=Registry())

    assert bool(faults(schema, document)) is bool([*library.iter_errors(document)])


@pytest.mark.parametrize(
    "pattern", ["^a*a*b$", "^[0-9a-f]{40}$", "a?" * 20 + "a" * 20, "^(a|aa)(a|aa)$", "a*b"]
)
def test_a_pattern_costs_no_more_than_was_reckoned(pattern):
    length = next(n for n in (10_000, 1_000, 100, 20) if _steps(pattern, n) <= STEPS)
    began = time.thread_time()

    faults({"pattern": pattern}, "a" * length)

    assert time.thread_time() - began < 4


def test_a_workflow_with_such_a_schema_is_refused_in_its_line(project):
    phases = [
        {"name": "WORK", "to": ["DONE"], "gate": [{"check": "json_schema", "type": "offer"}]},
        {"name": "DONE", "to": []},
    ]
    with pytest.raises(InvalidWorkflow, match="must have exactly one of `schema`, `schema_type`"):
        Workflow.objects.checked({"name": "offers", "phases": phases})

    phases[0]["gate"][0]["schema"] = {"$ref": "https://example.org/offer.json"}
    with pytest.raises(InvalidWorkflow, match=r"refers to https://example\.org/offer\.json"):
        Workflow.objects.checked({"name": "offers", "phases": phases})


def test_the_schema_may_be_an_artifact(project, operator, ada):
    entry = {"check": "json_schema", "type": "offer", "schema_type": "offer_schema"}
    phases = [{"name": "WORK", "to": ["DONE"], "gate": [entry]}, {"name": "DONE", "to": []}]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "offers", "phases": phases}))
    ticket = Ticket.objects.open(project, TicketSpec("Offer", workflow=workflow), by=operator)
    submit(ticket, "offer", b"[1, 2, 1]", by=ada)

    def codes() -> list[str]:
        [check] = Ticket.objects.judge(pk=ticket.pk, by=operator).checks
        return [reason["code"] for reason in check["reasons"]]

    assert codes() == ["artifact_missing"]
    submit(ticket, "offer_schema", json.dumps(LIST).encode(), by=ada)
    assert codes() == ["not_valid"]
    submit(ticket, "offer", b"[1, 2, 3]", by=ada)
    assert codes() == []
    submit(ticket, "offer_schema", b'{"$ref": "http://127.0.0.1/"}', by=ada)
    assert codes() == ["evidence_unreadable"]
