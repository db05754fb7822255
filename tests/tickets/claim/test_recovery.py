"""What the next holder of a task learns of those before, and an agent that restarts of itself."""

from __future__ import annotations

import pytest

from omoi_site.database import sql
from tests.factories import complete, fail, lapse
from tests.support.api_client import api_of
from tickets.models import Task, TaskSpec

pytestmark = pytest.mark.django_db

CHECKPOINT = {
    "branch": "omoi/OMO-1",
    "commit": "4f1c2ab",
    "summary": "The endpoint answers",
    "next_step": "Refunds",
    "session": "0192-aa",
}
SECRET = "ghp_" + "a" * 30


def recovery(claim):
    return claim.brief.get("recovery")


def claim_by(agent):
    [claim] = Task.objects.claim(by=agent)
    return claim


def due(claim) -> None:
    Task.objects.filter(pk=claim.task).update(not_due=False)


def times_out(claim, by):
    sql.rows("UPDATE tickets_task SET timeout_s = 60, timeout_at = clock_timestamp() - interval '1 s'")
    assert Task.objects.time_out() == 1


def shows_nothing(claim, by):
    sql.rows(
        "UPDATE tickets_task SET activity = 'x', active_at = active_at - interval '1 h',"
        " lease_look_at = clock_timestamp()"
    )
    assert Task.objects.stall() == 1


FAILURES = {
    "transient": (lambda claim, by: fail(claim, by=by, error="disk full"), "disk full"),
    "lapse": (lambda claim, by: lapse(claim), "the lease of ada ended without a word"),
    "timeout": (times_out, "timed out after 60 s"),
    "no_progress": (shows_nothing, "ada showed no progress for 3600 s"),
}


def test_the_first_claim_has_nothing_to_recover(task, ada):
    assert recovery(claim_by(ada)) is None


@pytest.mark.parametrize("kind", FAILURES)
def test_the_next_holder_learns_how_the_attempt_failed(task, ada, bob, kind):
    ends, error = FAILURES[kind]
    claim = claim_by(ada)
    ends(claim, ada)
    due(claim)

    found = recovery(claim_by(bob))

    assert (found["attempt"], found["error"]) == (2, error)
    [tried] = found["tried"]
    assert (tried["attempt"], tried["kind"], tried["error"], tried["by"]) == (1, kind, error, "agent:ada")
    assert tried["at"].endswith("Z")


def test_a_permanent_failure_is_told_after_a_retry(task, ada, bob, operator):
    fail(claim_by(ada), by=ada, error="no such API", kind="permanent")
    Task.objects.filter(pk=task.pk).retry(by=operator, reason="there is one now")
    found = recovery(claim_by(bob))
    assert [(each["kind"], each["error"]) for each in found["tried"]] == [("permanent", "no such API")]


def test_the_last_ten_attempts_are_kept_in_their_order(ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec("try", max_attempts=20)], by=operator)
    for number in range(1, 13):
        claim = claim_by(ada)
        fail(claim, by=ada, error=f"error {number} " + "x" * 5_000)
        due(claim)
    tried = recovery(claim_by(ada))["tried"]
    assert [each["attempt"] for each in tried] == list(range(3, 13))
    assert {len(each["error"]) for each in tried} == {2_000}


def test_a_checkpoint_is_in_the_brief_of_the_next_claim(task, ada, bob):
    claim = claim_by(ada)
    Task.objects.report_progress(claim.task, claim.fence, {"checkpoint": CHECKPOINT}, by=ada)
    Task.objects.report_progress(claim.task, claim.fence, {"percent": 60}, by=ada)
    lapse(claim)
    found = recovery(claim_by(bob))["checkpoint"]
    assert found.pop("at").endswith("Z")
    assert found == CHECKPOINT | {"attempt": 1, "by": "agent:ada"}


def test_it_is_kept_when_the_task_is_given_back(task, ada, bob):
    claim = claim_by(ada)
    Task.objects.report_progress(claim.task, claim.fence, {"checkpoint": CHECKPOINT}, by=ada)
    Task.objects.release(claim.task, claim.fence, by=ada)
    found = recovery(claim_by(bob))
    assert (found["attempt"], found["tried"]) == (1, [])
    assert found["checkpoint"]["summary"] == "The endpoint answers"


def test_the_newest_checkpoint_counts(task, ada, bob):
    claim = claim_by(ada)
    for step in ("one", "two"):
        Task.objects.report_progress(claim.task, claim.fence, {"checkpoint": {"next_step": step}}, by=ada)
    lapse(claim)
    found = recovery(claim_by(bob))["checkpoint"]
    assert (found["next_step"], "summary" in found) == ("two", False)


def test_secrets_are_removed(task, ada, bob):
    claim = claim_by(ada)
    checkpoint = {"summary": f"I used {SECRET}", "next_step": "password=hunter22"}
    Task.objects.report_progress(claim.task, claim.fence, {"checkpoint": checkpoint}, by=ada)
    fail(claim, by=ada, error=f"refused: {SECRET}")
    due(claim)
    found = recovery(claim_by(bob))
    assert SECRET not in str(found)
    assert "hunter22" not in str(found)
    assert found["error"] == "refused: [redacted]"


def test_over_http_a_checkpoint_is_bounded_and_shown(task, ada):
    calls = api_of(ada)
    [claim] = calls.post("/claims", {}).json()["claims"]
    path = f"/tasks/{task.pk}/progress"
    for part in ({"summary": "x" * 20_001}, {"session": "x" * 301}, {"step": "x"}, "text"):
        assert calls.post(path, {"fence": claim["fence"], "checkpoint": part}).status_code == 422
    assert calls.post(path, {"fence": claim["fence"], "checkpoint": CHECKPOINT}).status_code == 200
    shown = calls.get(f"/tasks/{task.pk}").json()
    assert (shown["checkpoint"]["session"], shown["tried"]) == ("0192-aa", [])


def test_an_agent_that_restarts_learns_what_it_holds(ticket, ada, bob, operator):
    Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(3)], by=operator)
    first, second = Task.objects.claim(by=ada, limit=2)
    Task.objects.claim(by=bob)
    Task.objects.report_progress(second.task, second.fence, {"checkpoint": CHECKPOINT}, by=ada)

    brief = api_of(ada).get("/agents/me/brief").json()

    assert brief["agent"] == "ada"
    assert [(each["task"]["id"], each["fence"]) for each in brief["claims"]] == [
        (str(first.task), first.fence),
        (str(second.task), second.fence),
    ]
    assert "recovery" not in brief["claims"][0]["brief"]
    assert brief["claims"][1]["brief"]["recovery"]["checkpoint"]["branch"] == "omoi/OMO-1"
    assert brief["claims"][0]["lease_expires_at"]


def test_it_does_not_hold_what_has_lapsed_or_is_done(ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(3)], by=operator)
    done, gone, over = Task.objects.claim(by=ada, limit=3)
    complete(done, by=ada)
    lapse(gone)
    sql.rows(
        "UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE id = %s",
        [over.task],
    )
    assert api_of(ada).get("/agents/me/brief").json() == {"agent": "ada", "claims": []}


def test_only_an_agent_has_such_a_brief(operator):
    assert api_of(operator).get("/agents/me/brief").status_code == 403
