"""The stored phases of a workflow version are those of its document, whoever stores them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, transaction

from omoi_site.database.roles import as_owner
from omoi_site.settings import ROOT
from tickets.models import Workflow, WorkflowPhase
from tickets.workflows import document as documents

pytestmark = pytest.mark.django_db(transaction=True)

DOCUMENTS = sorted([*documents.SHIPPED.glob("*.yaml"), *(ROOT / "docs/examples").glob("*.yaml")])
PHASES = [
    {"name": "PLAN", "to": ["MAKE"], "automatic": "on_claim"},
    {"name": "MAKE", "to": ["DONE", "PLAN"], "gate": [{"check": "tasks_completed"}]},
    {"name": "DONE", "to": []},
]
DOCUMENT: dict[str, Any] = {"name": "made", "phases": PHASES}


def rows(workflow: Workflow) -> list[tuple]:
    columns = ["name", "position", "to", "start", "gated", "automatic"]
    return list(workflow.phases.order_by("position").values_list(*columns))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_the_database_reads_a_document_as_the_models_do(path):
    plan = documents.read(path)

    workflow = Workflow.objects.create(name=plan.name, version=99, document=plan.document)

    assert rows(workflow) == [
        (phase.name, place, list(phase.to), phase.name == plan.start, bool(phase.gate), phase.automatic)
        for place, phase in enumerate(plan.phases)
    ]


def test_a_document_may_name_its_first_phase():
    workflow = Workflow.objects.create(name="made", version=1, document={**DOCUMENT, "start": "MAKE"})
    assert [phase.name for phase in workflow.phases.filter(start=True)] == ["MAKE"]


def test_the_application_stores_no_phase_itself():
    workflow = Workflow.objects.create(name="made", version=1, document=DOCUMENT)
    with pytest.raises(ProgrammingError, match="permission denied"):
        WorkflowPhase.objects.create(workflow=workflow, name="SIDE", position=3, to=["DONE"])


@pytest.mark.parametrize(
    "other",
    [
        {"name": "SIDE"},
        {"gated": False},
        {"position": 0},
        {"to": ["DONE"]},
        {"to": ["PLAN", "DONE"]},
        {"start": True},
        {"automatic": "on_completion"},
        {"approvals": {"count": 1, "role": "approver"}},
    ],
)
def test_the_owner_stores_no_phase_that_differs_from_the_document(other):
    """The rule of the trigger, which is all that holds where the application owns its tables."""
    workflow = Workflow.objects.create(name="made", version=1, document=DOCUMENT)
    [make] = workflow.phases.filter(name="MAKE").values()
    make = {name: value for name, value in make.items() if name != "id"}

    with as_owner():
        with pytest.raises(IntegrityError, match="not as its document says"):
            WorkflowPhase.objects.create(**{**make, **other})
        with pytest.raises(IntegrityError, match="append-only"):
            WorkflowPhase.objects.filter(workflow=workflow, name="MAKE").update(gated=False)
        with pytest.raises(IntegrityError, match="append-only"):
            WorkflowPhase.objects.filter(workflow=workflow, name="MAKE").delete()
        with pytest.raises(IntegrityError, match="append-only"):
            Workflow.objects.filter(pk=workflow.pk).update(document={})


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"name": "made"},
        {"name": "made", "phases": []},
        {"name": "other", "phases": PHASES},
        {**DOCUMENT, "start": "NOWHERE"},
        {"name": "made", "phases": "PLAN"},
        {"name": "made", "phases": [{"name": "PLAN"}]},
        {"name": "made", "phases": [{"to": []}]},
        {"name": "made", "phases": [*PHASES, {"name": "PLAN", "to": []}]},
        {"name": "made", "phases": [{"name": "PLAN", "to": [], "gate": {"check": "tasks_completed"}}]},
    ],
)
def test_a_document_whose_phases_cannot_be_read_is_not_stored(document):
    with pytest.raises(DatabaseError), transaction.atomic():
        Workflow.objects.create(name="made", version=1, document=document)
    assert not Workflow.objects.filter(name="made").exists()
