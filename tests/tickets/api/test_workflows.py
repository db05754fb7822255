"""Workflows over HTTP and by command: versions that never change, installed by who may."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO

import jsonschema
import pytest
import yaml
from django.core.management import call_command

from agents.models import Event, Member
from tests.support.api_client import ROOT, api_of
from tickets.gates import registry
from tickets.models import Workflow
from tickets.workflows.document import SHIPPED, InvalidWorkflow

pytestmark = pytest.mark.django_db

DOCUMENT = {"name": "quick", "phases": [{"name": "TODO", "to": ["DONE"]}, {"name": "DONE", "to": []}]}
SLOW = {
    "name": "quick",
    "phases": [
        {"name": "TODO", "to": ["DOING"]},
        {"name": "DOING", "to": ["DONE"]},
        {"name": "DONE", "to": []},
    ],
}


@pytest.fixture
def calls(operator):
    return api_of(operator)


def test_a_document_becomes_the_next_version_of_its_name(calls):
    first = calls.put("/workflows/quick", DOCUMENT)
    assert (first.status_code, first.json()["version"], first["ETag"]) == (200, 1, '"1"')
    assert calls.put("/workflows/quick", DOCUMENT).json()["version"] == 1
    refused = calls.put("/workflows/quick", SLOW, If_Match='"7"')
    assert (refused.status_code, refused.json()["code"], refused.json()["version"]) == (
        412,
        "version_conflict",
        1,
    )
    assert calls.put("/workflows/quick", SLOW, If_Match='"1"').json()["version"] == 2
    assert calls.get("/workflows/quick").json()["document"] == SLOW
    assert calls.get("/workflows/quick", version=1).json()["document"] == DOCUMENT
    assert [row["version"] for row in calls.get("/workflows/quick/versions").json()["results"]] == [2, 1]
    names = {row["name"]: row["version"] for row in calls.get("/workflows").json()["results"]}
    assert names == {"quick": 2, "simple": 1, "software_delivery": 2, "software_delivery_tasks": 1}
    told = Event.objects.filter(kind="workflow.installed").order_by("id")
    assert [(event.actor, event.number) for event in told] == [("user:admin", 1), ("user:admin", 2)]


def test_a_document_may_be_yaml(calls):
    text = "name: quick\nphases:\n  - {name: TODO, to: [DONE]}\n  - {name: DONE, to: []}\n"
    put = calls.client.put(
        f"{ROOT}/workflows/quick", text, content_type="application/yaml", headers=calls.headers
    )
    assert (put.status_code, put.json()["document"]) == (200, DOCUMENT)


def test_every_fault_is_named_at_once(calls):
    document = {
        "name": "quick",
        "owner": "me",
        "phases": [
            {
                "name": "TODO",
                "to": ["NOWHERE"],
                "tasks": [{"title": "x", "needs": ["y"]}],
                "gate": [{"check": "guess"}, {"check": "min_coverage"}],
            },
            {"name": "DONE", "to": ["DONE"]},
        ],
    }
    refused = calls.put("/workflows/quick", document)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_workflow")
    assert {fault["field"] for fault in refused.json()["errors"]} == {
        "",
        "phases.0.to",
        "phases.0.tasks.0",
        "phases.0.gate",
        "phases.0.gate.0",
        "phases.0.gate.1",
        "phases.1.to",
    }


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\nb: [*a, *a]",  # an alias is how a small text becomes a huge document
        "name: [",
        "\xff\xfe",
        'name: "\\0"',
        'name: "\\ud800"',
        "name: quick\nphases: .inf",
        "- " * 5000,
        "",
        "!!python/object/apply:os.system [id]",
    ],
)
def test_yaml_that_is_no_plain_document_is_refused(calls, text):
    body = text.encode("latin1")
    put = calls.client.put(
        f"{ROOT}/workflows/quick", body, content_type="application/yaml", headers=calls.headers
    )
    assert (put.status_code, put.json()["code"]) == (422, "invalid_workflow")


def test_a_task_with_a_profile_nobody_installed_is_a_fault_before_it_stops_a_ticket(calls):
    seeds = [{"title": "x", "profile": "rm_rf"}, {"title": "y", "profile": "echo", "slots": {"nowhere": "z"}}]
    document = {
        "name": "quick",
        "phases": [{"name": "TODO", "to": ["DONE"], "tasks": seeds}, {"name": "DONE", "to": []}],
    }
    refused = calls.put("/workflows/quick", document)
    assert refused.status_code == 422
    assert [fault["field"] for fault in refused.json()["errors"]][:2] == [
        "phases.0.tasks.0.profile",
        "phases.0.tasks.1.slots.nowhere",
    ]


def test_a_number_no_text_can_keep_is_malformed(calls):
    refused = calls.put("/workflows/quick", '{"name": "quick", "phases": 1e400}')
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed")


def test_the_address_names_the_document(calls):
    assert calls.put("/workflows/other", DOCUMENT).json()["errors"][0]["field"] == "name"
    assert not Workflow.objects.filter(name="quick").exists()


def test_only_who_is_admin_of_the_installation_installs(project, calls, django_user_model, ada):
    boss = django_user_model.objects.create_user("boss")
    Member.objects.create(project=project, user=boss, role="admin")
    for who in (api_of(boss), api_of(ada)):
        assert who.put("/workflows/quick", DOCUMENT).status_code == 403
        assert who.get("/workflows/simple").status_code == 200


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_schema_describes_what_is_shipped(calls, file):
    schema = calls.get("/workflows/schema").json()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(file.read_bytes()), schema)


def parts(schema: dict, path: str = "") -> Iterator[tuple[str, dict]]:
    """Each part of a schema that an author can write."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from parts(inner, f"{path}/{name}")
    for inner in (schema["items"],) if "items" in schema else schema.get("oneOf", ()):
        if inner.keys() != {"required"}:  # which of several properties are written
            yield from parts(inner, f"{path}/{inner['title']}")


def test_the_schema_explains_each_part_to_an_editor(calls):
    answer = calls.get("/workflows/schema")
    for path, part in parts(answer.json()):
        assert part["description"].rstrip(":").endswith("."), path
        assert "title" in part or "not" in part, path
    assert answer["ETag"] == calls.get("/workflows/schema")["ETag"]
    names = {path.rpartition("/Check/")[2] for path, _ in parts(answer.json()) if path.endswith("/check")}
    assert names == {f"{name}/check" for name, check in registry.registered().items() if not check.own_key}


WRONG = [
    {"gate": [{"check": "guess"}]},
    {"gate": [{"check": "min_coverage"}]},
    {"gate": [{"check": "min_coverage", "percent": "high"}]},
    {"gate": [{"check": "min_coverage", "percent": 80, "per_cent": 80}]},
    {"automatic": "soon"},
    {"wip": 3},
    {"effects": ["land"]},
    {"approvals": {"count": 1}},
    {"tasks": [{"title": ""}]},
    {"blocked_to": "TODO"},
    {"colour": "red"},
    {"on_failure": {}},
]


@pytest.mark.parametrize("part", WRONG, ids=str)
def test_an_editor_with_the_schema_refuses_what_the_server_refuses(calls, part):
    document = {**DOCUMENT, "phases": [{**DOCUMENT["phases"][0], **part}, DOCUMENT["phases"][1]]}
    assert calls.put("/workflows/quick", document).status_code == 422
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, calls.get("/workflows/schema").json())


def test_the_command_prints_the_schema_that_the_server_gives(calls):
    out = StringIO()
    call_command("workflows", "schema", stdout=out)
    assert json.loads(out.getvalue()) == calls.get("/workflows/schema").json()


def test_the_command_checks_and_installs(tmp_path):
    def run(*words):
        out = StringIO()
        call_command("workflows", *words, "--json", stdout=out)
        return json.loads(out.getvalue())

    file = tmp_path / "quick.yaml"
    file.write_text(json.dumps(DOCUMENT))
    assert run("check", str(file))["phases"] == ["TODO", "DONE"]
    assert not Workflow.objects.filter(name="quick").exists()
    assert run("install", str(file))["version"] == 1
    file.write_text(json.dumps({**DOCUMENT, "phases": []}))
    with pytest.raises(InvalidWorkflow):
        run("check", str(file))


def test_a_preview_says_what_installing_would_do_and_stores_nothing(calls, project, ticket):
    simple = Workflow.objects.latest_of("simple")
    text = simple.text.replace("to: [DONE, TODO]", "to: [DONE]  # never back")
    told = calls.client.put(
        f"{ROOT}/workflows/simple?dry_run=true", text, content_type="application/yaml", headers=calls.headers
    )
    assert told.status_code == 200
    assert told.json() == {
        "valid": True,
        "errors": [],
        "version": 2,
        "unchanged": False,
        "diff": (
            "   to: [DOING]\n   automatic: on_claim\n - name: DOING\n-  to: [DONE, TODO]\n"
            "+  to: [DONE]  # never back\n   automatic: on_completion\n - name: DONE\n   to: []\n"
        ),
        "left_out": [],
        "usage": [{"project": "OMO", "version": 1, "tickets": 1}],
    }
    assert Workflow.objects.filter(name="simple").count() == 1


def test_a_preview_of_a_faulty_document_has_each_fault_with_its_line(calls):
    text = "name: quick\nphases:\n- {name: A, to: [B, X]}\n- {name: B, to: []}\n"
    told = calls.client.put(
        f"{ROOT}/workflows/quick?dry_run=true", text, content_type="application/yaml", headers=calls.headers
    ).json()
    assert (told["valid"], told["version"], told["usage"]) == (False, 1, [])
    assert [(fault["line"], fault["field"]) for fault in told["errors"]] == [(3, "phases.0.to")]
    assert calls.put("/workflows/quick?dry_run=true", DOCUMENT).json()["valid"] is True
    assert not Workflow.objects.filter(name="quick").exists()


def test_the_text_of_a_document_keeps_its_comments(calls):
    text = "# why\r\nname: quick\r\nphases:\r\n- {name: TODO, to: [DONE]}\r\n- {name: DONE, to: []}\r\n"
    calls.client.put(f"{ROOT}/workflows/quick", text, content_type="application/yaml", headers=calls.headers)
    assert calls.get("/workflows/quick").json()["text"] == text.replace("\r\n", "\n")
    assert calls.put("/workflows/quick", SLOW).json()["text"].startswith("name: quick\nphases:\n")
