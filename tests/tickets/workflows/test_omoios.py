"""A workflow file of OmoiOS: with a phase missing it is refused, and with the phase it is installed."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from agents.models import Event
from omoi_site.settings import ROOT as CHECKOUT
from tests.support.api_client import ROOT, api_of
from tests.support.external import unavailable
from tests.tickets.workflows.test_faults import faults
from tickets.models import Workflow
from tickets.workflows.document import InvalidWorkflow

pytestmark = pytest.mark.django_db

DESIGN = """\
  - id: PHASE_DESIGN
    name: Design
    sequence_order: 2
    allowed_transitions: [PHASE_IMPLEMENTATION, PHASE_BLOCKED]
"""
SMALL = """\
name: "Two Steps"
colours: [red]
phases:
  - {id: PHASE_DONE, name: Done, sequence_order: 2, allowed_transitions: []}
  - {id: PHASE_DOING, name: Doing, sequence_order: 1, allowed_transitions: [PHASE_BLOCKED, PHASE_DONE],
     phase_prompt: Do it}
  - {id: PHASE_BLOCKED, name: Blocked, allowed_transitions: [PHASE_DOING]}
"""


@pytest.fixture
def incomplete() -> str:
    file = CHECKOUT.parent / "shared/data/omoios/software_development.yaml"
    if not file.exists():
        unavailable("data", "put software_development.yaml of OmoiOS into ../shared/data/omoios")
    return file.read_text()


@pytest.fixture
def complete(incomplete) -> str:
    return incomplete.replace("\nboard_columns:", f"\n{DESIGN}\nboard_columns:")


def test_the_missing_phase_is_the_fault_and_nothing_is_stored(operator, incomplete):
    text, calls = incomplete, api_of(operator)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if row.strip() == '- "PHASE_DESIGN"')
    assert faults(text) == [f"line {line}: phase REQUIREMENTS moves to DESIGN, which is not a phase"]

    before = Workflow.objects.count(), Event.objects.count()
    put = calls.client.put(
        f"{ROOT}/workflows/software_development",
        text,
        content_type="application/yaml",
        headers=calls.headers,
    )
    assert (put.status_code, [fault["field"] for fault in put.json()["errors"]]) == (
        422,
        ["phases.0.allowed_transitions"],
    )
    assert (Workflow.objects.count(), Event.objects.count()) == before


def test_with_the_phase_it_is_installed_and_what_has_no_place_is_named(tmp_path: Path, complete):
    file, out = tmp_path / "software_development.yaml", StringIO()
    file.write_text(complete)

    call_command("workflows", "install", str(file), stdout=out)

    plan = Workflow.objects.latest_of("software_development").plan
    assert {phase.name: list(phase.to) for phase in plan.phases} == {
        "REQUIREMENTS": ["DESIGN"],
        "DESIGN": ["IMPLEMENTATION"],
        "IMPLEMENTATION": ["TESTING", "REQUIREMENTS"],
        "TESTING": ["DEPLOYMENT", "IMPLEMENTATION"],
        "DEPLOYMENT": ["DONE"],
        "DONE": [],
    }
    left_out = Event.objects.get(topic="workflow:software_development").data["left_out"]
    assert {"board_columns", "phases.done_definitions", "phases.phase_prompt"} <= set(left_out)
    assert f"Left out, because Omoi has no place for it: {', '.join(left_out)}." in out.getvalue()


def test_a_ticket_goes_through_it(complete, operator):
    calls = api_of(operator)
    Workflow.objects.install(complete, by=operator)
    calls.post("/projects", {"key": "OLD", "workflow": "software_development"})
    ticket = calls.post("/tickets", {"project": "OLD", "title": "x"}).json()
    moved = calls.post(f"/tickets/{ticket['key']}/transitions", {"to": "PHASE_DESIGN"})
    assert (ticket["phase"], moved.status_code) == ("REQUIREMENTS", 200)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[PHASE_BLOCKED, PHASE_DONE]", "[PHASE_BLOCKED, PHASE_DNE]", "line 5: phase DOING moves to DNE"),
        ("id: PHASE_DOING", "id: phase doing", 'line 5: `name` of phase phase doing is "phase doing"'),
        ("id: PHASE_DOING, ", "", "line 5: phase Doing lacks `id`"),
        ("allowed_transitions: []", "allowed_transitions: 3", "line 4: `allowed_transitions` of phase"),
        ("sequence_order: 1", "sequence_order: first", "line 5: `sequence_order` of phase Doing must"),
        ('"Two Steps"', "[]", "line 1: `name` must be a text"),
        ('"Two Steps"', '"!"', 'line 1: `name` is ""; it must be small letters'),
        ("PHASE_BLOCKED, PHASE_DONE", "PHASE_BLOCKED", "line 4: no ticket can get to phase DONE"),
        ("colours: [red]", "name: twice", "line 2: the document has `name` more than once, in lines 1 and 2"),
    ],
)
def test_a_fault_has_the_line_of_the_file(old, new, said):
    assert old in SMALL
    told = faults(SMALL.replace(old, new).replace("\n     phase", " phase"))
    assert any(fault.startswith(said) for fault in told), told


def test_what_is_no_such_file_is_read_as_our_document():
    with pytest.raises(InvalidWorkflow, match="phase A has `id`, which is not allowed there"):
        Workflow.objects.checked({"name": "x", "phases": [{"id": "A", "name": "A", "to": []}] * 2})
