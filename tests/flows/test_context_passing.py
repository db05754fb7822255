"""Group I of the acceptance tests: what a phase hands over to the next, over HTTP."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.support.delivery import EVIDENCE, Delivery
from tickets.models import PhaseContext

pytestmark = pytest.mark.django_db(transaction=True)

SEQUENCE = ["BACKLOG", "REQUIREMENTS", "DESIGN", "IMPLEMENTATION", "TESTING", "DEPLOYMENT", "DONE"]


@pytest.fixture
def delivery(project, calls, agent):
    return Delivery(calls, agent)


def report(phase: str) -> dict:
    """A result that tells of its phase."""
    return {
        "summary": f"{phase} is done",
        "outputs": {"file": f"{phase.lower()}.md"},
        "context": {"decisions": [f"decided in {phase}"], "risks": f"a risk of {phase}"},
    }


def work(delivery, *results):
    for result in results:
        delivery.work_off(result=result)


def onward(delivery, to):
    for kind, content in EVIDENCE.get(delivery.phase, {}).items():
        delivery.submit(kind, content)
    moved = delivery.go(to)
    assert moved.status_code == 200, moved.json()


def context(delivery, **query):
    answer = delivery.person.get(f"{delivery.at}/context", **query)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def texts(items):
    return [item["text"] for item in items]


def test_i1_a_phase_is_aggregated_over_its_tasks(delivery):
    """OmoiOS takes artifacts from `result.artifacts`, whatever is in there. Here they are those that were
    submitted for the phase, in their newest revision. Each decision also says where it comes from.
    """
    delivery.go("REQUIREMENTS")
    work(
        delivery,
        {
            "summary": "Asked the merchants",
            "outputs": {"answers": 7},
            "context": {"decisions": ["Use capture keys", "Keep them 30 days"], "risks": "Old clients"},
        },
        {
            "summary": "Wrote the requirements",
            "context": {"decisions": ["Use capture keys"], "notes": ["See ADR 31"]},
        },
    )
    onward(delivery, "DESIGN")

    [version] = context(delivery, phase="REQUIREMENTS")["phases"]
    content = version["content"]
    assert [task["summary"] for task in content["tasks"]] == ["Asked the merchants", "Wrote the requirements"]
    assert content["tasks"][0]["outputs"] == {"answers": 7}
    assert texts(content["decisions"]) == ["Use capture keys", "Keep them 30 days"]
    assert (texts(content["risks"]), texts(content["notes"])) == (["Old clients"], ["See ADR 31"])
    assert content["decisions"][0] == {
        "text": "Use capture keys",
        "from": "task",
        "by": "agent:ada",
        "task": content["tasks"][0]["key"],
    }
    assert [(item["name"], item["revision"]) for item in content["artifacts"]] == [
        ("requirements_document", 1)
    ]
    assert content["summary"] == (
        "Asked the merchants; Wrote the requirements; "
        "Decisions: Use capture keys, Keep them 30 days; Risks: Old clients"
    )


def test_i2_the_summary_names_the_phase_its_decisions_and_risks(delivery):
    """In OmoiOS the limit of a summary counts characters. Here it counts tokens, a part of the budget."""
    delivery.go("REQUIREMENTS")
    work(delivery, report("REQUIREMENTS"))
    onward(delivery, "DESIGN")

    lines = context(delivery)["summary"].splitlines()

    assert "- REQUIREMENTS decision: decided in REQUIREMENTS" in lines
    assert "- REQUIREMENTS risk: a risk of REQUIREMENTS" in lines
    assert "- REQUIREMENTS lead task: REQUIREMENTS is done" in lines


def test_i3_a_phase_gets_all_phases_before_it_and_not_itself(delivery):
    """OmoiOS loses all but the first phase from the ticket. Here each stays, and it is what a claim gets."""
    delivery.go("REQUIREMENTS")
    work(delivery, report("REQUIREMENTS"))
    onward(delivery, "DESIGN")
    work(delivery, report("DESIGN"))
    onward(delivery, "IMPLEMENTATION")

    given = context(delivery)

    assert given["target_phase"] == given["context"]["target_phase"] == "IMPLEMENTATION"
    assert set(given["context"]["phases"]) == {"REQUIREMENTS", "DESIGN"}
    delivery.person.post(f"{delivery.at}/tasks", {"tasks": [{"title": "Write it"}]})
    assert delivery.claim()["brief"]["context"] == given["context"]


def test_i4_a_move_keeps_the_phases_the_summary_and_a_version(delivery):
    """OmoiOS has a route that updates the context, and its history grows with each call. Here the move itself
    keeps it, and a version is added only where something has changed.
    """
    delivery.go("REQUIREMENTS")
    work(delivery, report("REQUIREMENTS"))
    onward(delivery, "DESIGN")
    delivery.go("REQUIREMENTS", reason="it is done once more", force=True)
    onward(delivery, "DESIGN")

    given = context(delivery)
    assert given["summary"] == given["context"]["summary"] != ""
    assert [(version["phase"], version["number"]) for version in given["phases"]] == [("REQUIREMENTS", 1)]
    assert PhaseContext.objects.get().content == given["phases"][0]["content"]


# -- a ticket through all phases


@pytest.mark.full
def test_each_phase_gets_what_was_written_in_all_before_it(delivery):
    """From BACKLOG to DONE: every claim has exactly what the page of the context shows at that moment, and
    this is what the earlier phases have written, no more and no less.
    """
    written: dict[str, dict] = {}
    for here, to in itertools.pairwise(SEQUENCE):
        delivery.person.post(f"{delivery.at}/tasks", {"tasks": [{"title": f"Work on {here}"}]})
        claim = delivery.claim()
        given = claim["brief"]["context"]
        shown = context(delivery)
        assert given == shown["context"]
        assert set(given.get("phases", {})) == set(written)
        for phase, told in written.items():
            kept = given["phases"][phase]
            assert [task["summary"] for task in kept["tasks"]][:1] == [told["summary"]]
            assert kept["tasks"][0]["outputs"] == told["outputs"]
            assert texts(kept["decisions"]) == [f"decided in {phase}", f"agreed in {phase}"]
            assert texts(kept["risks"]) == [f"a risk of {phase}"]
            last = phase
        if written:  # of many points, the summary has the newest
            assert f"{last} decision: decided in {last}" in given["summary"]
        assert given.get("omitted", []) == []
        written[here] = report(here)
        done = delivery.agent.post(
            f"/tasks/{claim['task']['id']}/completion", {"fence": claim["fence"], "result": written[here]}
        )
        assert done.status_code == 200
        added = delivery.person.post(
            f"{delivery.at}/context", {"phase": here, "decisions": [f"agreed in {here}"]}
        )
        assert added.status_code == 201, added.json()
        onward(delivery, to)

    assert delivery.phase == "DONE"
    versions = delivery.person.get(f"{delivery.at}/context/versions").json()["results"]
    assert [(version["phase"], version["number"]) for version in versions] == [
        (phase, 1) for phase in SEQUENCE[:-1]
    ]
    assert [version["phase"] for version in context(delivery)["phases"]] == SEQUENCE[:-1]


def test_over_the_budget_the_oldest_detail_goes_first_and_a_claim_says_so(delivery, settings):
    settings.CONTEXT_TOKENS = 700
    delivery.go("REQUIREMENTS")
    for here, to in (("REQUIREMENTS", "DESIGN"), ("DESIGN", "IMPLEMENTATION")):
        work(delivery, {**report(here), "outputs": {"text": f"{here} " * 80}})
        onward(delivery, to)
    delivery.person.post(f"{delivery.at}/tasks", {"tasks": [{"title": "Write it"}]})

    given = delivery.claim()["brief"]["context"]

    assert given["omitted"] == [{"phase": "REQUIREMENTS", "what": "outputs", "count": 1}]
    assert "outputs" not in given["phases"]["REQUIREMENTS"]["tasks"][0]
    assert "outputs" in given["phases"]["DESIGN"]["tasks"][0]
    assert given["tokens"] <= given["budget"] == 700


# -- notes over HTTP


def test_what_is_added_and_withdrawn(delivery):
    added = delivery.person.post(
        f"{delivery.at}/context", {"decisions": ["Use keys", "Keep them"], "risks": ["Old clients"]}
    )
    assert added.status_code == 201
    notes = added.json()["notes"]
    assert [(note["kind"], note["phase"], note["by"]) for note in notes] == [
        ("decision", "BACKLOG", "user:admin"),
        ("decision", "BACKLOG", "user:admin"),
        ("risk", "BACKLOG", "user:admin"),
    ]
    assert texts(context(delivery)["context"]["current"]["decisions"]) == ["Use keys", "Keep them"]

    at = f"{delivery.at}/context/notes/{notes[0]['id']}/withdrawal"
    gone = delivery.person.post(at, {"reason": "we use tokens"})

    assert (gone.status_code, gone.json()["withdrawn_reason"]) == (200, "we use tokens")
    assert texts(context(delivery)["context"]["current"]["decisions"]) == ["Keep them"]
    listed = delivery.person.get(f"{delivery.at}/context/notes", phase="BACKLOG").json()["results"]
    assert [bool(note["withdrawn_at"]) for note in listed] == [True, False, False]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "notes"),
        ({"decisions": []}, "notes"),
        ({"decisions": "Use keys"}, "decisions"),
        ({"decisions": [{"text": "Use keys"}]}, "decisions.0"),
        ({"decisions": [""]}, "decisions.0"),
        ({"risks": ["\u200b"]}, "risks.0"),
        ({"notes": ["x" * 2_001]}, "notes.0"),
        ({"notes": ["x"] * 101}, "notes"),
        ({"notes": ["x"], "phase": "NOWHERE"}, "phase"),
        ({"notes": ["x"], "task": "1"}, "fence"),
        ({"notes": ["x"], "by": "somebody else"}, "by"),
    ],
)
def test_bad_notes_are_refused_with_their_place(delivery, body, field):
    refused = delivery.person.post(f"{delivery.at}/context", body)

    assert refused.status_code == 422, refused.json()
    assert field in [fault["field"] for fault in refused.json()["errors"]]
    assert delivery.person.get(f"{delivery.at}/context/notes").json()["results"] == []


def test_five_megabytes_of_context_are_refused_and_a_deep_one_too(delivery):
    at = f"{delivery.at}/context"
    assert delivery.person.post(at, {"notes": ["x" * 5_000_000]}).status_code in (413, 422)
    assert delivery.person.post(at, {"notes": ["x" * 1_000_000] * 5}).status_code in (413, 422)
    deep = json.dumps({"notes": []}).replace("[]", "[" * 400 + "]" * 400)
    assert delivery.person.post(at, deep).status_code == 400
    assert context(delivery)["context"] == {}


def test_versions_that_are_not_there_are_refused(delivery):
    at = f"{delivery.at}/context"
    assert delivery.person.get(at, phase="NOWHERE").status_code == 422
    assert delivery.person.get(at, version=1).status_code == 422
    assert delivery.person.get(at, phase="BACKLOG", version=1).status_code == 404
    assert delivery.person.get(at, phase="BACKLOG", version=0).status_code == 422
    assert delivery.person.get(at, phase="BACKLOG").json()["phases"] == []
    assert delivery.person.post(f"{at}/notes/99/withdrawal", {}).status_code == 404
    assert delivery.person.get("/tickets/OMO-99/context").status_code == 404


def test_an_agent_reports_secrets_and_markup_and_no_claim_gets_the_secrets(delivery):
    delivery.go("REQUIREMENTS")
    work(
        delivery,
        {
            "summary": "<b>Bold</b> with password=hunter2",
            "outputs": {"apiKey": "letmein"},
            "context": {"decisions": ["Use ghp_" + "a1B2" * 9]},
        },
    )
    onward(delivery, "DESIGN")
    delivery.person.post(f"{delivery.at}/tasks", {"tasks": [{"title": "Design it"}]})

    given = str(delivery.claim()["brief"]["context"])

    assert "<b>Bold</b> with password=[redacted]" in given
    for secret in ("hunter2", "letmein", "ghp_"):
        assert secret not in given
