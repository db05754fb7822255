"""What a document says about discoveries and fixes: its faults, with their lines."""

from __future__ import annotations

import pytest

from tickets.workflows import document
from tickets.workflows.document import InvalidWorkflow

REST = """name: quick
phases:
  - {name: DESIGN, to: [DONE]}
  - {name: DONE, to: []}
"""


def faults(text: str) -> list[str]:
    with pytest.raises(InvalidWorkflow) as refusal:
        document.read(text)
    return [fault["message"] for fault in refusal.value.more["errors"]]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("bug: {}", "line 6: `bug` of `discoveries` lacks `make`"),
        (
            "bug: {make: tasks}",
            'line 6: `make` of `bug` of `discoveries` is "tasks"; it must be one of task, ticket;'
            " did you mean task?",
        ),
        (
            "bug: {make: task, phase: DESGN}",
            "line 6: discovery bug becomes a task of DESGN, which is not a phase; did you mean DESIGN?",
        ),
        (
            "bug: {make: task, phase: DONE}",
            "line 6: discovery bug becomes a task of DONE, a last phase, where a ticket is done",
        ),
        (
            "bug: {make: ticket, kind: repair}",
            "line 6: discovery bug becomes a ticket, but `kind` is for a task",
        ),
        (
            "bug: {make: task, workflow: simple}",
            "line 6: discovery bug becomes a task, but `workflow` is for a ticket",
        ),
        (
            "bug: {make: task, titel: x}",
            "line 6: `bug` of `discoveries` has `titel`, which is not allowed there; did you mean title?",
        ),
        (
            "optimization: {make: task}\n  optimisation: {make: ticket}",
            "line 7: optimisation and optimization are the same type of discovery: write one of them",
        ),
        (
            "Bug report: {make: task}",
            'line 5: `discoveries` is "Bug report"; it must be small letters, digits and _, first a letter,'
            " such as security_issue",
        ),
        ("bug: 3", "line 6: `bug` of `discoveries` must be a mapping of names to values, but is 3"),
    ],
)
def test_a_fault_of_a_discovery_names_its_line(rule, said):
    assert faults(f"{REST}discoveries:\n  {rule}\n") == [said]


def test_a_last_phase_has_no_fix():
    text = REST.replace("{name: DONE, to: []}", "{name: DONE, to: [], fix: {title: Repair}}")
    assert faults(text) == ["line 4: phase DONE is a last phase, where no task can fail"]


def test_a_fix_takes_no_needs():
    text = REST.replace("{name: DESIGN, to: [DONE]}", "{name: DESIGN, to: [DONE], fix: {needs: [a]}}")
    assert faults(text)[0].startswith("line 3: `fix` of phase DESIGN has `needs`, which is not allowed there")


def test_every_spelling_of_a_type_is_the_same_type():
    plan = document.read(f"{REST}discoveries:\n  optimization_opportunity: {{make: ticket}}\n")
    assert plan.discoveries == {"optimisation": {"make": "ticket"}}
