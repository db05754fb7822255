"""The phases of `software_delivery`, the moves between them, and their history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.delivery import Delivery

pytestmark = pytest.mark.django_db(transaction=True)

SEQUENCE = ["BACKLOG", "REQUIREMENTS", "DESIGN", "IMPLEMENTATION", "TESTING", "DEPLOYMENT", "DONE"]


@pytest.fixture
def delivery(project, calls, agent):
    return Delivery(calls, agent)


def ways(delivery):
    return {way["to"]: way["allowed"] for way in delivery.person.get(f"{delivery.at}/transitions").json()}


def test_the_workflow_names_seven_phases_beside_blocked_and_cancelled(calls, delivery):
    """OmoiOS has eight phases in an enum, stored with the prefix `PHASE_`. Here a workflow names its own, and
    every workflow has BLOCKED and CANCELLED beside them. The prefix is accepted in a request and never in an
    answer.
    """
    assert calls.get("/workflows/software_delivery").json()["phases"] == SEQUENCE
    assert delivery.go("PHASE_BLOCKED", reason="waits").json()["ticket"]["phase"] == "BLOCKED"
    assert "CANCELLED" in ways(delivery)
    assert delivery.go("WAITING").status_code == 422


def test_a_ticket_goes_through_all_phases_in_order(delivery):
    """Each gate gets the evidence that it needs."""
    delivery.bring_to("DONE")
    history = delivery.person.get(f"{delivery.at}/history").json()
    assert [row["to_phase"] for row in history] == SEQUENCE


@pytest.mark.parametrize(
    ("here", "to"),
    [
        ("BACKLOG", "REQUIREMENTS"),
        ("REQUIREMENTS", "DESIGN"),
        ("DESIGN", "IMPLEMENTATION"),
        ("IMPLEMENTATION", "TESTING"),
        ("TESTING", "DEPLOYMENT"),
        ("TESTING", "IMPLEMENTATION"),
    ],
)
def test_moves_that_are_allowed(delivery, here, to):
    """OmoiOS only looks the pair up. Here a move through a gate also needs its evidence, and a move back a
    reason.
    """
    delivery.bring_to(here)
    delivery.satisfy()
    assert ways(delivery)[to] is True
    assert delivery.go(to, reason="it goes on here").json()["ticket"]["phase"] == to


@pytest.mark.parametrize("how", [{"class": None}, {"class": "mood"}, {"reason": ""}, {"reason": "..."}])
def test_a_ticket_is_blocked_with_a_class_and_in_words(delivery, how):
    """OmoiOS blocks without either. Here both are needed, so that somebody can end it."""
    asked = {"to": "BLOCKED", "class": "environment", "reason": "no host", **how}
    asked = {name: value for name, value in asked.items() if value is not None}
    refused = delivery.person.post(f"{delivery.at}/transitions", asked)
    assert (refused.status_code, delivery.phase) == (422, "BACKLOG")


def test_a_regression_names_what_the_gate_refused(delivery):
    """OmoiOS only allows TESTING to go back to IMPLEMENTATION. Here the refusal goes with it: in the history,
    and to whoever does the work again, with what was submitted before.
    """
    delivery.bring_to("TESTING")
    delivery.judge()
    row = delivery.go("IMPLEMENTATION", reason="no tests").json()["history"]
    assert (row["ground"], row["verdict"]["passed"]) == ("back", False)
    assert "artifact_missing" in {reason["code"] for reason in row["verdict"]["unmet"]}

    delivery.person.post(f"{delivery.at}/tasks", {"tasks": [{"title": "again"}]})
    brief = delivery.claim()["brief"]

    assert brief["feedback"][0]["reason"] == "no tests"
    assert brief["feedback"][0]["unmet"] == row["verdict"]["unmet"]
    assert {given["type"] for given in brief["inputs"]} == {"code_changes", "test_coverage"}


def test_a_ticket_in_done_goes_on_as_a_follow_up(delivery):
    """OmoiOS says only that DONE is the end. What is still to do is another ticket, linked with this one."""
    delivery.bring_to("DONE")
    more = {"project": "OMO", "title": "More", "follow_up": delivery.key}
    assert delivery.person.post(f"{delivery.at}/tasks", {"tasks": [{"title": "x"}]}).status_code == 409
    opened = delivery.person.post("/tickets", more).json()
    assert (opened["follow_up"], opened["phase"]) == (delivery.key, "TODO")


def test_a_blocked_ticket_goes_back_to_requirements(delivery):
    """OmoiOS lets BLOCKED lead to any phase but DEPLOYMENT. Here it leads back only to the phase it was
    entered from or an earlier one; a later one would bypass gates.
    """
    delivery.bring_to("DESIGN")
    delivery.go("BLOCKED", reason="a question")
    assert ways(delivery) == {"BACKLOG": True, "REQUIREMENTS": True, "DESIGN": True, "CANCELLED": True}
    assert delivery.go("REQUIREMENTS").json()["history"]["ground"] == "unblocked"


def test_a_ticket_blocked_in_deployment_comes_back(delivery):
    """OmoiOS lets DEPLOYMENT be blocked and never lets it return."""
    delivery.bring_to("DEPLOYMENT")
    delivery.go("BLOCKED", reason="no host")
    assert delivery.go("DEPLOYMENT").json()["ticket"]["phase"] == "DEPLOYMENT"


@pytest.mark.parametrize(
    ("here", "to"),
    [("BACKLOG", "DEPLOYMENT"), ("REQUIREMENTS", "DONE"), ("DONE", "IMPLEMENTATION"), ("DONE", "BLOCKED")],
)
def test_moves_that_are_not_allowed(delivery, here, to):
    delivery.bring_to(here)
    refused = delivery.go(to, reason="because I can")
    assert refused.status_code == 409
    assert refused.json()["code"] in ("transition_not_allowed", "gate_closed")
    assert not ways(delivery).get(to)
    assert delivery.phase == here
    assert delivery.refusals()[-1]["to"] == to


def test_a_history_row_keeps_from_to_reason_actor_and_artifacts(delivery):
    """OmoiOS never writes one. Here each move does; the row also has the ground, the verdict that opened the
    gate, and the hash of each artifact at that time.
    """
    delivery.bring_to("REQUIREMENTS")
    delivery.satisfy()
    [artifact] = delivery.person.get(f"{delivery.at}/artifacts").json()["results"]
    row = delivery.go("DESIGN", reason="agreed with all").json()["history"]
    assert {name: row[name] for name in ("from_phase", "to_phase", "reason", "by", "ground")} == {
        "from_phase": "REQUIREMENTS",
        "to_phase": "DESIGN",
        "reason": "agreed with all",
        "by": "user:admin",
        "ground": "verdict",
    }
    assert row["artifacts"] == {"REQUIREMENTS/requirements_document": artifact["hash"]}
    assert row["verdict"]["passed"] is True


def test_a_ticket_lists_its_history(delivery):
    """The first row is its creation; only moves through a gate have a verdict."""
    delivery.bring_to("DESIGN")
    rows = delivery.person.get(f"{delivery.at}/history").json()
    assert [(row["from_phase"], row["to_phase"], row["ground"]) for row in rows] == [
        (None, "BACKLOG", "born"),
        ("BACKLOG", "REQUIREMENTS", "ungated"),
        ("REQUIREMENTS", "DESIGN", "verdict"),
    ]
    assert [bool(row["verdict"]) for row in rows] == [False, False, True]


def test_a_history_row_is_of_now(delivery):
    """By the clock of the database."""
    row = delivery.go("REQUIREMENTS").json()["history"]
    assert abs(datetime.now(UTC) - datetime.fromisoformat(row["at"])) < timedelta(seconds=30)
