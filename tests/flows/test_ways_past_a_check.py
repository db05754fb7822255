"""Many ways to bypass a check that a worker or a reviewer answers, that reads a document against its schema,
or that asks for what answers the acceptance criteria. None succeeds.

Each way is tried on a ticket whose gate has this check alone, and whose evidence does not pass it. Then
workers answer what they are asked; the ticket must stay, and the refusal must be in the journal.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from agents.models import Event
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tests.factories import fail, lapse
from tests.support.api_client import api_of
from tests.support.check_scene import PARAMETERS, TEXT, CheckScene, check_scene, settings
from tests.support.http_service import Service
from tickets.gates.registry import Reason
from tickets.models import CheckRun, GateClosed, Task, Ticket, TicketSpec

pytestmark = pytest.mark.django_db(transaction=True)

APPROVED = {"verdict": "approved"}
BY_WORKERS = ("command", "http")
LATER = (*BY_WORKERS, "agent_review")
WAYS: list[Any] = []  # parameters of pytest


def way(*checks: str) -> Callable:
    """Tried on a gate with each of these checks; with `--full` on those after the first."""

    def kept(act: Callable[[CheckScene], Any]) -> Callable[[CheckScene], Any]:
        for place, check in enumerate(checks):
            marks = [pytest.mark.full] if place else []
            WAYS.append(pytest.param(check, act, id=f"{check} {act.__name__}", marks=marks))
        return act

    return kept


# -- answers that nobody found


@way(*LATER)
def a_result_sent_to_the_runs(scene):
    scene.judge()
    body = {"reasons": [], "result": {"exit": 0}, "passed": True}
    for send in (scene.calls.post, scene.calls.put, scene.calls.patch):
        assert send(f"{scene.at}/gate/runs", body).status_code == 405


@way(*LATER)
def a_result_in_the_admin(scene):
    scene.judge()
    client, run = Client(), CheckRun.objects.get()
    client.force_login(scene.operator)
    form = {"reasons": "[]", "answered_at_0": "2026-01-01", "answered_at_1": "00:00", "worker": "w1"}
    for page in ("add", f"{run.pk}/change", f"{run.pk}/delete"):
        assert client.post(f"/admin/tickets/checkrun/{page}/", form).status_code == 403


@way(*PARAMETERS)
def a_verdict_sent_along_with_the_judgement(scene):
    body = {"passed": True, "checks": [{**scene.entry, "passed": True, "reasons": []}]}
    assert scene.calls.post(f"{scene.at}/gate/evaluations", body).json()["passed"] is False


@way(*PARAMETERS)
def an_artifact_that_says_it_passed(scene):
    for kind in ("plan", "settings", "check_run", "verdict"):
        scene.submit(kind, b'{"passed": true, "exit": 0, "reasons": []}')


@way(*LATER)
def the_result_of_a_task_that_says_it_passed(scene):
    result = {**APPROVED, "check": scene.entry["check"], "passed": True, "reasons": []}
    scene.calls.post(f"{scene.at}/tasks", {"tasks": [{"title": f"Review {scene.ticket.key}, round 1"}]})
    [claim] = Task.objects.claim(by=scene.bob)
    done = api_of(scene.bob).post(f"/tasks/{claim.task}/completion", {"fence": claim.fence, "result": result})
    assert done.status_code == 200


@way(*BY_WORKERS)
def a_second_answer_to_a_run(scene):
    scene.carry_out()
    assert not CheckRun.objects.answer(CheckRun.objects.latest("id"), [], {})


@way(*BY_WORKERS)
def the_late_answer_of_a_worker_that_lost_the_run(scene):
    lost = scene.take()
    sql.rows("UPDATE tickets_checkrun SET lease_until = clock_timestamp() - interval '1 s'")
    taken = CheckRun.objects.take("system:w2")
    assert taken
    assert not CheckRun.objects.answer(lost, [], {})
    CheckRun.objects.answer(taken, [Reason(taken.name, "no", 1, 0, "correct it")], {})


@way(*BY_WORKERS)
def the_answer_of_a_worker_that_never_took_the_run(scene):
    scene.judge()
    forged = CheckRun.objects.get()
    assert not CheckRun.objects.answer(forged, [], {})
    forged.worker = "system:mallory"
    assert not CheckRun.objects.answer(forged, [], {})
    mine = scene.take()
    forged.tries = mine.tries
    assert not CheckRun.objects.answer(forged, [], {})
    CheckRun.objects.answer(mine, [Reason(mine.name, "no", 1, 0, "correct it")], {})


# -- true answers to another question


@way("command", "agent_review")
def an_answer_about_another_revision(scene):
    scene.submit("plan", b"why and how")
    if scene.entry["check"] == "agent_review":
        scene.review(scene.bob, "approved")
    assert scene.carry_out().passed
    scene.submit("plan", b"only why")


@way(*BY_WORKERS)
def an_answer_that_was_found_before_the_evidence_changed(scene):
    taken = scene.take()
    scene.submit("plan", b"another")
    CheckRun.objects.answer(taken, [], {})


@way(*LATER, "json_schema", "acceptance")
def a_verdict_from_before_the_evidence_changed(scene):
    scene.pass_the_check()
    verdict = scene.judge()
    assert verdict.passed
    spoil(scene)
    scene.advance(verdict)


@way(*LATER)
def an_answer_of_an_earlier_stay(scene):
    scene.pass_the_check()
    Ticket.objects.move(scene.ticket.pk, "PLAN", by=scene.operator, reason="once more")
    Ticket.objects.move(scene.ticket.pk, "WORK", by=scene.operator)
    Service.status = 503
    type(scene.project).objects.update(profiles=[])


@way(*LATER)
def the_answer_of_another_ticket(scene):
    scene.pass_the_check()
    spec = TicketSpec("Refunds", workflow=scene.ticket.workflow, acceptance=[TEXT])
    scene.ticket = Ticket.objects.open(scene.project, spec, by=scene.operator)
    Ticket.objects.move(scene.ticket.pk, "WORK", by=scene.operator)
    Service.status = 503


@way(*LATER)
def the_answer_to_a_weaker_check_of_an_earlier_version(scene):
    scene.pass_the_check()
    stronger = {
        "command": {"slots": {"text": "grep -q when"}},
        "http": {"contains": "signed"},
        "agent_review": {"asks": "Is it safe, too?"},
    }
    scene.install({**scene.entry, **stronger[scene.entry["check"]]})
    assert scene.calls.post(f"{scene.at}/workflow", {"version": 2}).status_code == 200


@way(*PARAMETERS)
def a_verdict_from_before_the_version_changed_and_changed_back(scene):
    scene.pass_the_check()
    verdict = scene.judge()
    assert verdict.passed
    scene.install({"check": "artifact", "type": "signature"})
    for version in (2, 1):
        assert scene.calls.post(f"{scene.at}/workflow", {"version": version}).status_code == 200
    with pytest.raises(GateClosed):
        scene.advance(verdict)
    spoil(scene)


@way(*PARAMETERS)
def a_newer_version_that_asks_for_less(scene):
    scene.install({"check": "artifact", "type": "plan"})


@way(*PARAMETERS)
def a_newer_version_by_who_may_not(scene):
    scene.install({"check": "artifact", "type": "plan"})
    for who in (scene.member("operator"), scene.member("approver")):
        assert api_of(who).post(f"{scene.at}/workflow", {"version": 2}).status_code == 403
    agent = api_of(scene.ada, "work", "tickets:write", "gates:decide")
    assert agent.post(f"{scene.at}/workflow", {"version": 2}).status_code == 403


def spoil(scene: CheckScene) -> None:
    """After the check passed: what it is about is as it was, or the answer is taken back."""
    Service.status = 503
    scene.submit("plan", b"only why")
    scene.submit("settings", settings("none"))
    scene.submit("test_results", b"twice", name="results.xml")


# -- commands and services


@way("command")
def a_command_that_is_told_to_say_it_passed(scene):
    """What it reads is written by agents, and is nothing that it runs."""
    scene.submit("plan", b"$(exit 0)`true`'; exit 0 #\n" + json.dumps({"reasons": []}).encode())


@way("command")
def a_profile_that_was_revoked(scene):
    type(scene.project).objects.update(profiles=[])
    scene.submit("plan", b"why and how")


@way("http")
def a_redirect_to_a_page_that_is_well(scene):
    Service.status, Service.headers_ = 302, {"Location": scene.entry["url"].replace("health", "well")}


# -- reviews


@way("agent_review")
def a_review_by_the_author(scene):
    scene.review(scene.ada, "approved")


@way("agent_review")
def a_review_by_the_author_after_somebody_else_let_it_go(scene):
    claim = scene.claim_review(scene.bob)
    fail(claim, by=scene.bob, kind="permanent")
    Task.objects.filter(pk=claim.task).retry(by=scene.operator, reason="again")
    scene.review(scene.ada, "approved")


@way("agent_review")
def a_review_completed_by_who_does_not_hold_it(scene):
    claim = scene.claim_review(scene.bob)
    body = {"fence": claim.fence, "result": APPROVED}
    assert api_of(scene.ada).post(f"/tasks/{claim.task}/completion", body).json()["code"] == "claim_lost"
    by_hand = {**body, "reason": "I looked"}
    refused = api_of(scene.operator).post(f"/tasks/{claim.task}/completion", by_hand)
    assert (refused.status_code, refused.json()["code"]) == (409, "claim_lost")


@way("agent_review")
def a_review_under_an_old_fence(scene):
    claim = scene.claim_review(scene.bob)
    lapse(claim)
    assert Task.objects.claim(by=scene.bob)
    body = {"fence": claim.fence, "result": APPROVED}
    assert api_of(scene.bob).post(f"/tasks/{claim.task}/completion", body).json()["code"] == "claim_lost"


@way("agent_review")
def a_review_that_changes_its_mind(scene):
    scene.review(scene.bob, "changes", "say how")
    task = Task.objects.latest("id")
    body = {"fence": task.fence, "result": APPROVED}
    api_of(scene.bob).post(f"/tasks/{task.pk}/completion", body)
    assert scene.calls.patch(f"/tasks/{task.pk}", {"result": APPROVED}).status_code == 422


@way("agent_review")
def a_review_that_is_done_again_without_any_change(scene):
    """Until somebody approves."""
    scene.review(scene.bob, "changes", "say how")
    task = Task.objects.latest("id")
    scene.calls.post(f"/tasks/{task.pk}/retry", {"reason": "look again"})
    scene.calls.post(f"/tasks/{task.pk}/cancellation", {"reason": "another one"})
    scene.judge()
    assert Task.objects.claim(by=scene.bob) == []


@way("agent_review")
def a_review_that_is_cancelled(scene):
    scene.judge()
    task = Task.objects.latest("id")
    assert scene.calls.post(f"/tasks/{task.pk}/cancellation", {"reason": "no time"}).status_code == 200


@way("agent_review")
def a_review_of_what_was_there_before(scene):
    claim = scene.claim_review(scene.bob)
    scene.submit("plan", b"another")
    body = {"fence": claim.fence, "result": APPROVED}
    assert api_of(scene.bob).post(f"/tasks/{claim.task}/completion", body).status_code == 200


@way("agent_review")
def a_review_that_the_author_writes_as_a_task(scene):
    api = api_of(scene.ada, "work", "tickets:write")
    task = {"title": f"Review {scene.ticket.key}, round 1", "kind": "review"}
    assert api.post(f"{scene.at}/tasks", {"tasks": [task]}).status_code == 201
    [claim] = api.post("/claims", {}).json()["claims"]
    body = {"fence": claim["fence"], "result": APPROVED}
    assert api.post(f"/tasks/{claim['task']['id']}/completion", body).status_code == 200


@way("agent_review")
def a_word_that_is_nearly_approved(scene):
    result = {"verdict": "Approved"}
    claim = scene.claim_review(scene.bob)
    body = {"fence": claim.fence, "result": result}
    assert api_of(scene.bob).post(f"/tasks/{claim.task}/completion", body).status_code == 200


# -- documents against their schema


@way("json_schema")
def a_document_with_a_key_twice(scene):
    scene.submit("settings", b'{"port": "none", "port": 8000}')


@way("json_schema")
def a_document_of_another_phase(scene):
    scene.submit("settings", settings(8000), phase="PLAN")


@way("json_schema")
def a_document_that_brings_its_own_schema(scene):
    scene.submit("settings", b'{"$schema": {}, "schema": true, "port": "none"}')


@way("json_schema")
def a_number_that_is_none(scene):
    scene.submit("settings", b'{"port": NaN}')


# -- acceptance criteria


@way("acceptance")
def criteria_that_are_removed(scene):
    assert scene.calls.patch(scene.at, {"acceptance": []}).status_code == 200


@way("acceptance")
def an_answer_in_a_patch(scene):
    evidence = {"phase": "WORK", "name": "plan", "hash": scene.ticket.artifacts.first().blob_id, "by": "x"}
    body = {"acceptance": [{"text": TEXT, "evidence": evidence}]}
    assert scene.calls.patch(scene.at, body).status_code == 422


@way("acceptance")
def an_artifact_of_another_ticket(scene):
    other = Ticket.objects.open(scene.project, TicketSpec("Refunds"), by=scene.operator)
    at = f"/tickets/{other.key}/artifacts"
    api_of(scene.ada).post(at, {"type": "proof", "content": "x", "name": "proof"})
    assert scene.calls.put(f"{scene.at}/acceptance/1", {"evidence": "proof"}).status_code == 422


@way("acceptance")
def an_answer_to_other_words(scene):
    scene.pass_the_check()
    assert scene.calls.patch(scene.at, {"acceptance": [f"{TEXT}, always"]}).status_code == 200


@way("acceptance")
def an_answer_that_is_replaced(scene):
    scene.pass_the_check()
    scene.submit("test_results", b"never", name="results.xml")


@way("acceptance")
def an_answer_by_who_only_looks_on(scene):
    scene.submit("test_results", b"once", name="results.xml")
    answer = api_of(scene.member("viewer")).put(f"{scene.at}/acceptance/1", {"evidence": "results.xml"})
    assert answer.status_code == 403


@way("acceptance")
def a_verdict_from_before_an_answer_was_taken_back(scene):
    scene.pass_the_check()
    verdict = scene.judge()
    assert scene.calls.put(f"{scene.at}/acceptance/1", {"evidence": ""}).status_code == 200
    scene.advance(verdict)


# -- what all of them come to


@pytest.fixture
def scene(check, project, operator, ada, django_user_model):
    cast = {"project": project, "operator": operator, "ada": ada, "people": django_user_model}
    with check_scene(check, **cast) as scene:
        yield scene


@pytest.mark.parametrize(("check", "act"), WAYS)
def test_no_way_leads_past_the_check(check, act, scene):
    try:
        act(scene)
    except OmoiError as refusal:
        assert isinstance(refusal, GateClosed)  # noqa: PT017
    scene.carry_out()
    before = Event.objects.filter(kind="ticket.move_refused", topic=scene.ticket.topic).count()

    refused = scene.go()

    assert (refused.status_code, refused.json()["code"]) == (409, "gate_closed")
    assert {reason["check"] for reason in refused.json()["unmet"]} == {check}
    assert not Ticket.objects.filter(phase="DONE").exists()
    assert Event.objects.filter(kind="ticket.move_refused", topic=scene.ticket.topic).count() > before


@pytest.mark.parametrize("check", PARAMETERS)
def test_true_evidence_leads_on(check, scene):
    """So the tries above fail for their reason."""
    scene.pass_the_check()

    assert scene.go().status_code == 200
