"""Checks that are answered later: asked by a judgement, answered once, for the evidence then."""

from __future__ import annotations

import threading

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from agents.models import Event
from omoi_site.database import sql
from tests.factories import allow_workflow, complete, owned_by, shell_profile, submit, work_off
from tests.support.api_client import api_of
from tests.support.concurrency import race
from tests.support.wait import until
from tickets.gates import registry
from tickets.gates.registry import Reason, worker_check
from tickets.gates.work import Answer
from tickets.models import CheckRun, GateClosed, Task, TaskSpec, Ticket, TicketSpec, Verdict, Workflow
from tickets.models.gate import check_run
from tickets.models.gate.check_run import AskRuns
from tickets.runtime.check_runner import CheckRunner, carry_out_next

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def gated(project, operator):
    """Makes a ticket in WORK whose gate has these entries."""

    def made(*gate, **phase):
        phases = [{"name": "WORK", "to": ["DONE"], "gate": list(gate), **phase}, {"name": "DONE", "to": []}]
        workflow = allow_workflow(project, Workflow.objects.install({"name": "later", "phases": phases}))
        return Ticket.objects.open(project, TicketSpec("Payments", workflow=workflow), by=operator)

    return made


@pytest.fixture
def slow(monkeypatch):
    """A check that answers as `slow.answer` says."""
    monkeypatch.setattr(registry, "_checks", dict(registry._checks))

    @worker_check("slow")
    def slow(question):
        """It answers later."""
        return slow.answer(question)

    slow.answer = lambda question: Answer([], {"seen": [each.name for each in question.artifacts]})
    return slow


def codes(verdict) -> list[str]:
    return [reason["code"] for check in verdict.checks for reason in check["reasons"]]


def judge(ticket, by):
    return Ticket.objects.judge(pk=ticket.pk, by=by)


def end(runner):
    """Once its runs have come to their end."""
    until(lambda: not runner.runs)
    runner.stop()
    runner.thread.join(5)


def test_a_judgement_asks_and_the_next_one_reads_the_answer(slow, gated, operator, ada):
    ticket = gated({"check": "slow"})
    submit(ticket, "plan", b"why", by=ada)

    assert codes(judge(ticket, operator)) == ["not_answered"]
    assert carry_out_next("w1")
    assert not carry_out_next("w1")

    run = CheckRun.objects.get()
    assert (run.passed, run.worker, run.result) == (True, "system:w1", {"seen": ["plan"]})
    assert Verdict.objects.first().passed  # whoever asked sees it without asking again
    assert Event.objects.get(kind="gate.check_answered").data["passed"] is True
    Ticket.objects.move(ticket.pk, "DONE", by=operator)
    assert CheckRun.objects.count() == 1


def test_an_answer_does_not_count_for_other_evidence(slow, gated, operator, ada):
    ticket = gated({"check": "slow"})
    judge(ticket, operator)
    carry_out_next("w1")
    verdict = judge(ticket, operator)
    assert verdict.passed

    submit(ticket, "plan", b"another", by=ada)

    assert not verdict.holds_for(Ticket.objects.get(pk=ticket.pk))
    with pytest.raises(GateClosed):
        Ticket.objects.move(ticket.pk, "DONE", by=operator)
    assert CheckRun.objects.count() == 2


def test_a_run_whose_evidence_changed_before_it_began_is_not_carried_out(slow, gated, operator, ada):
    ticket = gated({"check": "slow"})
    slow.answer = lambda question: pytest.fail("it ran for old evidence")
    judge(ticket, operator)
    submit(ticket, "plan", b"another", by=ada)

    carry_out_next("w1")

    assert [reason["code"] for reason in CheckRun.objects.earliest("id").reasons] == ["evidence_changed"]


def test_what_did_not_pass_is_asked_again_after_a_while(slow, gated, operator):
    ticket = gated({"check": "slow"})
    slow.answer = lambda question: Answer([Reason("slow", "no", 1, 0, "try it again")])
    judge(ticket, operator)
    carry_out_next("w1")
    assert codes(judge(ticket, operator)) == ["no"]
    later = "UPDATE tickets_checkrun SET answered_at = answered_at - interval '1 minute'"
    with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
        sql.rows(later)

    at_once = check_run.CURRENT.replace(check_run.AGAIN, "0 seconds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check_run, "CURRENT", at_once)
        slow.answer = lambda question: Answer([])
        assert codes(judge(ticket, operator)) == ["not_answered"]
        carry_out_next("w1")

    assert judge(ticket, operator).passed


def test_two_slow_checks_that_refuse_do_not_ask_each_other_for_ever(slow, gated, operator, monkeypatch):
    """The first may be asked again by the time the second answers; nobody has asked for that."""
    refusal = Answer([Reason("slow", "no", 1, 0, "try it again")])
    slow.answer = lambda question: refusal

    @worker_check("slower")
    def slower(question):
        """While it runs, the time passes after which the other may be asked again."""
        now = sql.rows("SELECT clock_timestamp()::text AS now")[0]["now"]
        ago = f"clock_timestamp() - interval '{check_run.AGAIN}'"
        monkeypatch.setattr(check_run, "CURRENT", check_run.CURRENT.replace(ago, f"'{now}'::timestamptz"))
        return refusal

    judge(gated({"check": "slow"}, {"check": "slower"}), operator)

    assert [carry_out_next("w1") for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda question: 1 / 0, "check_failed"),
        (lambda question: None, "check_failed"),
        (lambda question: [True], "check_failed"),
        (
            lambda question: Answer([Reason("slow", "no", "x" * 10**7, {"a": [{}] * 10**5}, "correct it")]),
            "no",
        ),
    ],
)
def test_a_check_that_breaks_keeps_the_gate_closed(slow, gated, operator, answer, code):
    ticket = gated({"check": "slow"})
    slow.answer = answer
    judge(ticket, operator)

    carry_out_next("w1")

    assert codes(judge(ticket, operator)) == [code]


def test_a_lost_worker_is_replaced_and_its_late_answer_changes_nothing(slow, gated, operator):
    ticket = gated({"check": "slow"})
    judge(ticket, operator)
    lost = CheckRun.objects.take("system:w1")
    assert CheckRun.objects.take("system:w2") is None
    sql.rows("UPDATE tickets_checkrun SET lease_until = clock_timestamp() - interval '1 s'")

    assert carry_out_next("w2")

    assert not CheckRun.objects.answer(lost, [Reason("slow", "late", 1, 0, "too late")], {})
    assert CheckRun.objects.get().passed
    assert judge(ticket, operator).passed


@pytest.mark.parametrize(
    ("timeout", "seconds"), [({}, 600), ({"timeout_s": 5}, 5), ({"timeout_s": 3600}, 3600)]
)
def test_a_lease_is_renewed_for_longer_than_a_run_may_take(gated, operator, settings, timeout, seconds):
    settings.WORKER_LEASE_S = 10_000
    ticket = gated({"check": "command", "profile": "plans", **timeout})
    judge(ticket, operator)

    assert CheckRun.objects.renew(CheckRun.objects.take("system:w1"))

    run = CheckRun.objects.get()
    assert (run.lease_until - run.started_at).total_seconds() == pytest.approx(seconds + 60, abs=1)


def test_a_run_that_costs_each_worker_its_life_ends(slow, gated, operator):
    ticket = gated({"check": "slow"})
    judge(ticket, operator)
    sql.rows("UPDATE tickets_checkrun SET tries = 3")

    carry_out_next("w1")

    assert codes(judge(ticket, operator)) == ["worker_lost"]


def test_several_workers_carry_a_run_out_once(slow, gated, operator):
    ticket = gated({"check": "slow"})
    judge(ticket, operator)

    [taken] = race(1, *[lambda _: CheckRun.objects.take("system:w")] * 4)

    assert sum(run is not None for run in taken) == 1


def test_a_forged_answer_needs_a_run_that_was_asked_for(gated, operator):
    ticket = gated({"check": "agent_review"})
    with pytest.raises(IntegrityError, match="begins without an answer"), transaction.atomic():
        CheckRun.objects.create(
            ticket=ticket,
            phase="WORK",
            move=0,
            entry={"check": "agent_review"},
            seen="",
            asked_by="x",
            reasons=[],
        )


def test_a_command_is_run_sandboxed_as_jobs_are_and_what_it_did_is_kept(gated, operator, ada):
    profile = shell_profile("checks")
    ticket = gated({"check": "command", "profile": profile, "slots": {"text": "echo $PPID; exit 3"}})
    judge(ticket, operator)

    carry_out_next("w1")

    run = CheckRun.objects.get()
    assert run.result["argv"] == ["sh", "-c", "echo $PPID; exit 3"]
    assert run.result["exit"] == 3
    assert len(run.result["output_sha256"]) == 64
    assert run.result["seconds"] >= 0
    assert codes(judge(ticket, operator)) == ["command_failed"]
    [listed] = api_of(operator).get(f"/tickets/{ticket.key}/gate/runs").json()["results"]
    assert (listed["check"], listed["result"]["exit"]) == ("command", 3)


@pytest.mark.parametrize("text", ["yes", "sleep 100", "kill -9 $$", "exit 1"])
def test_a_command_that_floods_hangs_or_dies_keeps_the_gate_closed(gated, operator, text):
    profile = shell_profile("checks")
    ticket = gated({"check": "command", "profile": profile, "slots": {"text": text}, "timeout_s": 2})
    judge(ticket, operator)

    carry_out_next("w1")

    assert codes(judge(ticket, operator)) == ["command_failed"]
    assert len(str(CheckRun.objects.get().result)) < 10_000


def test_a_profile_that_was_not_granted_is_not_run(gated, operator, project):
    profile = shell_profile("checks")
    type(project).objects.update(profiles=[])
    ticket = gated({"check": "command", "profile": profile, "slots": {"text": "true"}})
    judge(ticket, operator)

    carry_out_next("w1")

    assert codes(judge(ticket, operator)) == ["profile_unusable"]


def test_an_answer_about_what_stood_between_does_not_count_for_the_same_content_again(
    slow, gated, operator, ada
):
    def of_the_newest(question):
        submit(ticket, "plan", b"good", by=ada)
        newest = ticket.artifacts.current().get().blob.head(10)
        return Answer([] if newest == b"good" else [Reason("slow", "bad", "good", "bad", "correct it")])

    ticket = gated({"check": "slow"})
    submit(ticket, "plan", b"bad", by=ada)
    slow.answer = of_the_newest
    judge(ticket, operator)
    carry_out_next("w1")

    submit(ticket, "plan", b"bad", by=ada)

    assert not judge(ticket, operator).passed


def test_a_gate_whose_runs_are_never_asked_in_time_is_a_refusal(slow, gated, operator, monkeypatch):
    ticket = gated({"check": "slow"})
    monkeypatch.setattr(CheckRun.objects, "lacking", lambda ticket: [{"check": "slow"}])

    answer = api_of(operator).post(f"/tickets/{ticket.key}/gate/evaluations")

    assert (answer.status_code, answer.json()["code"]) == (409, "evidence_changing")


def test_a_judgement_that_is_refused_does_not_end_the_runs(slow, gated, operator, ada, monkeypatch, settings):
    def refuse(**which):
        refused.append(which)
        raise AskRuns(ticket)

    settings.WORKER_POLL_S, refused = 0.05, []
    ticket = gated({"check": "slow"})
    judge(ticket, operator)
    with monkeypatch.context() as patch:
        patch.setattr(Ticket.objects, "judge", refuse)
        runner = CheckRunner("w1")
        until(lambda: refused)
    submit(ticket, "plan", b"another", by=ada)

    judge(ticket, operator)

    until(lambda: CheckRun.objects.latest("id").passed, 5)
    end(runner)


def test_a_check_that_takes_long_holds_up_no_other(slow, gated, operator, settings):
    settings.WORKER_POLL_S, ended = 60, threading.Event()
    slow.answer = lambda question: Answer([]) if ended.wait(20) else None

    @worker_check("quick")
    def quick(question):
        return Answer([])

    for _ in range(3):
        judge(gated({"check": "slow"}), operator)
    for _ in range(3):
        judge(gated({"check": "quick"}), operator)
    runner = CheckRunner("w1")

    until(lambda: CheckRun.objects.filter(entry__check="quick", answered_at__isnull=False).count() == 3)
    until(lambda: len(runner.runs) == 3)
    runner.renew()
    ended.set()
    end(runner)
    assert all(each.passed for each in CheckRun.objects.all())


def test_who_unblocks_is_not_blocked_again_where_a_worker_answers_the_same(slow, gated, operator, ada):
    ticket = gated({"check": "slow"}, automatic="on_completion", on_failure={"block": "failing_checks"})
    slow.answer = lambda question: Answer([Reason("slow", "no", 1, 0, "correct it")])
    work_off(ticket, by=operator, agent=ada)

    def advance():
        Ticket.objects.advance_due([ticket.pk])
        while carry_out_next("w1"):
            Ticket.objects.advance_due([ticket.pk])
        return Ticket.objects.get(pk=ticket.pk).phase

    assert advance() == "BLOCKED"
    Ticket.objects.act(ticket.pk, "unblock", by=operator)

    assert advance() == "WORK"


def test_a_ticket_that_moves_by_itself_waits_for_its_checks(slow, gated, operator, ada, bob):
    ticket = gated(
        {"check": "slow"},
        {"check": "agent_review", "capabilities": ["review"]},
        automatic="on_completion",
        on_failure={"tasks": [{"title": "repair"}]},
    )
    type(bob).objects.filter(pk=bob.pk).update(capabilities=["review"])
    owned_by(bob, "cem")
    Task.objects.add(ticket, [TaskSpec("do it")], by=operator)
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)

    Ticket.objects.advance_due([ticket.pk])
    carry_out_next("w1")
    Ticket.objects.advance_due([ticket.pk])
    [review] = Task.objects.claim(by=bob)
    complete(review, by=bob, result={"verdict": "approved"})
    Ticket.objects.advance_due([ticket.pk])

    assert Ticket.objects.get(pk=ticket.pk).phase == "DONE"
    assert not Task.objects.filter(title="repair").exists()
