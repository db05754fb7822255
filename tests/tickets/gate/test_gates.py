"""Gates open on evidence the server has read, and on nothing else."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from agents.models import Event
from omoi_site.database import sql
from tests.factories import allow_workflow, submit, work_off
from tests.support import reports
from tests.support.concurrency import meanwhile, race
from tickets.gates.registry import Reason
from tickets.models import (
    Artifact,
    Blob,
    Chunk,
    GateClosed,
    NewArtifact,
    Outcome,
    PhaseMove,
    Task,
    TaskSpec,
    Ticket,
    TicketSpec,
    Verdict,
    Workflow,
)
from tickets.models.gate.blob import Damaged

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def delivery(project, operator):
    """A ticket in REQUIREMENTS of `software_delivery`."""
    opened = Ticket.objects.open(
        project,
        TicketSpec(workflow=allow_workflow(project, "software_delivery"), title="Payments"),
        by=operator,
    )
    Ticket.objects.move(opened.pk, "REQUIREMENTS", by=operator)
    return Ticket.objects.get(pk=opened.pk)


def phase_of(ticket) -> str:
    return Ticket.objects.get(pk=ticket.pk).phase


def codes(refusal) -> set[str]:
    return {reason["code"] for reason in refusal.value.more["unmet"]}


def test_a_ticket_walks_from_backlog_to_done(delivery, operator, ada):
    work_off(delivery, by=operator, agent=ada)
    submit(delivery, "requirements_document", reports.requirements(), by=ada)
    Ticket.objects.move(delivery.pk, "DESIGN", by=operator)
    Ticket.objects.move(delivery.pk, "IMPLEMENTATION", by=operator)
    work_off(delivery, by=operator, agent=ada)
    submit(delivery, "code_changes", reports.changes("src/pay.py", "tests/test_pay.py"), by=ada)
    submit(delivery, "test_coverage", reports.cobertura(9, 1), by=ada)
    Ticket.objects.move(delivery.pk, "TESTING", by=operator)
    work_off(delivery, by=operator, agent=ada)
    submit(delivery, "test_results", reports.junit(3), by=ada)
    submit(delivery, "test_evidence", b"a log", by=ada)
    Ticket.objects.move(delivery.pk, "DEPLOYMENT", by=operator)
    Ticket.objects.move(delivery.pk, "DONE", by=operator)

    grounds = [move.ground for move in PhaseMove.objects.filter(ticket=delivery).order_by("move")]
    assert grounds == ["born", "ungated", "verdict", "ungated", "verdict", "verdict", "ungated"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "artifact_missing"),
        (reports.requirements(100), "too_short"),
        (reports.requirements(headings=("Scope",)), "sections_missing"),
        (b"\xff\xfe" * 400, "evidence_unreadable"),
        (reports.requirements() + b"- a\n" * 65_536, "evidence_unreadable"),  # one that takes long to read
    ],
)
def test_requirements_that_do_not_do_keep_the_gate_closed(delivery, operator, ada, content, code):
    work_off(delivery, by=operator, agent=ada)
    if content is not None:
        submit(delivery, "requirements_document", content, by=ada)

    with pytest.raises(GateClosed) as refusal:
        Ticket.objects.move(delivery.pk, "DESIGN", by=operator)

    assert code in codes(refusal)
    assert phase_of(delivery) == "REQUIREMENTS"
    assert not Verdict.objects.get().passed
    told = Event.objects.filter(kind="ticket.move_refused").get()
    assert code in told.data["unmet"]


def test_a_verdict_dies_when_an_artifact_changes(delivery, operator, ada):
    work_off(delivery, by=operator, agent=ada)
    submit(delivery, "requirements_document", reports.requirements(), by=ada)
    verdict = Ticket.objects.judge(pk=delivery.pk, by=operator)
    assert verdict.passed
    submit(delivery, "requirements_document", reports.requirements(100), by=ada)

    with pytest.raises(GateClosed), Ticket.objects.locked(pk=delivery.pk) as ticket:
        ticket.advance(by=operator, verdict=verdict)

    assert phase_of(delivery) == "REQUIREMENTS"


def test_the_database_itself_asks_for_the_verdict(delivery, operator, ada):
    """What the model would not do, raw SQL cannot either: a forged ground, a failed verdict, and one over
    other evidence.
    """
    refused = Ticket.objects.judge(pk=delivery.pk, by=operator)

    def forged(verdict) -> None:
        with transaction.atomic():
            PhaseMove.objects.create(
                ticket=delivery,
                move=delivery.moves + 1,
                from_phase="REQUIREMENTS",
                to_phase="DESIGN",
                ground="verdict",
                verdict=verdict,
                by="x",
            )
            sql.rows("UPDATE tickets_ticket SET phase = 'DESIGN' WHERE id = %s", [delivery.pk])

    for verdict in (None, refused):
        with pytest.raises(IntegrityError, match="no ground"):
            forged(verdict)
    submit(delivery, "requirements_document", reports.requirements(), by=ada)
    work_off(delivery, by=operator, agent=ada)
    passed = Ticket.objects.judge(pk=delivery.pk, by=operator)
    submit(delivery, "requirements_document", reports.requirements(900), by=ada)
    with pytest.raises(IntegrityError, match="no ground"):
        forged(passed)
    forged(Ticket.objects.judge(pk=delivery.pk, by=operator))
    assert phase_of(delivery) == "DESIGN"


def test_artifacts_are_revised_never_changed(delivery, ada):
    first = submit(delivery, "requirements_document", b"one", by=ada)
    again = submit(delivery, "requirements_document", b"one", by=ada)
    second = submit(delivery, "requirements_document", b"two", by=ada)
    assert (first.revision, again.pk, second.revision) == (1, first.pk, 2)
    assert [artifact.pk for artifact in delivery.artifacts.current()] == [second.pk]
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        Artifact.objects.filter(pk=first.pk).update(phase="DESIGN")
    assert b"".join(second.blob.pieces()) == b"two"


@pytest.mark.parametrize(
    "more", [{"commit": "bbbbbbb"}, {"path": "docs/b.md"}, {}], ids=["commit", "path", "none"]
)
def test_the_same_content_for_another_commit_or_path_is_a_new_revision_and_voids_the_verdict(
    delivery, operator, ada, more
):
    said = {"commit": "aaaaaaa", "path": "docs/a.md"}
    first = submit(delivery, "requirements_document", reports.requirements(), by=ada, **said)
    assert submit(delivery, "requirements_document", reports.requirements(), by=ada, **said).pk == first.pk
    verdict = Ticket.objects.judge(pk=delivery.pk, by=operator)

    second = submit(
        delivery,
        "requirements_document",
        reports.requirements(),
        by=ada,
        **({**said, **more} if more else {}),
    )

    assert (second.revision, second.blob_id) == (2, first.blob_id)
    assert verdict.stale_for(delivery) == "its evidence has changed since"


def test_content_stored_under_the_hash_of_other_content_is_read_by_no_check(delivery, operator):
    good = b"# Scope\n\n" + b"Payments are captured once. " * 20
    for size, content in ((len(good), b"x" * len(good)), (0, b"")):
        with transaction.atomic():
            forged = Blob.of(BytesIO(good))
            Blob.objects.create(hash=forged.hash, size=size)
            Chunk.objects.create(blob_id=forged.hash, number=0, data=content)
            artifact = submit(delivery, "requirements_document", good, by=operator)

            verdict = Ticket.objects.judge(pk=delivery.pk, by=operator)

            codes = {reason["code"] for check in verdict.checks for reason in check["reasons"]}
            assert "check_failed" in codes
            with pytest.raises(Damaged):
                list(artifact.blob.pieces())
            transaction.set_rollback(True)


def test_a_completion_that_waits_for_a_move_which_takes_its_claim_keeps_nothing(delivery, operator, ada):
    Task.objects.add(delivery, [TaskSpec("Write it down")], by=operator)
    [claim] = Task.objects.claim(by=ada)
    outcome = Outcome(
        claim.task,
        claim.fence,
        "completed",
        artifacts=[NewArtifact("requirements_document", BytesIO(reports.requirements()))],
    )

    with (
        meanwhile(lambda: Task.objects.settle([outcome], by=ada)) as completing,
        Ticket.objects.locked(pk=delivery.pk) as ticket,
    ):
        ticket.send_back("BACKLOG", by=operator, reason="not yet")

    [settled] = completing.answer()
    assert settled.lost
    assert not Artifact.objects.exists()


def test_two_completions_with_the_same_contents_do_not_stand_in_each_others_way(delivery, operator, ada, bob):
    """Contents are kept in one order, before any row is locked: who brings the same waits, and never in a
    cycle.
    """
    Task.objects.add(delivery, [TaskSpec("one"), TaskSpec("two")], by=operator)
    (_, first), (_, second) = [(agent, *Task.objects.claim(by=agent)) for agent in (ada, bob)]

    def artifacts():
        return [
            NewArtifact("notes", BytesIO(b"one"), name="a"),
            NewArtifact("notes", BytesIO(b"two"), name="b"),
        ]

    with meanwhile(
        lambda: Task.objects.settle(
            [Outcome(second.task, second.fence, "completed", artifacts=artifacts()[::-1])], by=bob
        )
    ) as other:
        [settled] = Task.objects.settle(
            [Outcome(first.task, first.fence, "completed", artifacts=artifacts())], by=ada
        )

    assert settled.state == other.answer()[0].state == "completed"
    assert Artifact.objects.count() == 2  # the same content again is the revision that is there


def test_many_judge_at_once_and_none_stands_in_the_others_way(delivery, operator):
    [verdicts] = race(1, *[lambda turn: Ticket.objects.judge(pk=delivery.pk, by=operator)] * 4)
    assert [verdict.phase for verdict in verdicts] == ["REQUIREMENTS"] * 4


def test_whoever_asks_while_the_gate_is_judged_gets_that_verdict(delivery, operator, ada):
    with meanwhile(lambda: Ticket.objects.judge(pk=delivery.pk, by=ada)) as other:
        first = Ticket.objects.judge(pk=delivery.pk, by=operator)
    assert other.answer() == first
    assert delivery.verdicts.count() == Event.objects.filter(kind="gate.judged").count() == 1

    assert Ticket.objects.judge(pk=delivery.pk, by=ada) != first, "whoever asks later has it judged anew"


def test_evidence_that_changed_while_the_gate_was_judged_is_judged_anew(delivery, operator, ada):
    with meanwhile(lambda: Ticket.objects.judge(pk=delivery.pk, by=ada)) as other:
        first = Ticket.objects.judge(pk=delivery.pk, by=operator)
        submit(delivery, "notes", b"something new", by=ada)
    assert other.answer() != first
    assert other.answer().holds_for(delivery) == other.answer().passed


def test_a_ticket_that_moved_while_its_judge_waited_is_judged_where_it_stands(delivery, operator):
    with (
        meanwhile(lambda: Ticket.objects.judge(pk=delivery.pk, by=operator)) as other,
        Ticket.objects.locked(pk=delivery.pk) as ticket,
    ):
        ticket.force("TESTING", by=operator, reason="for the sake of the test")
    assert other.answer().phase == "TESTING"


@pytest.mark.parametrize(
    ("file", "code", "got"),
    [
        (r"a\u0000b", "evidence_unreadable", "it contains a NUL character, which cannot be stored"),
        (r"a\ud800b", "evidence_unreadable", "it contains half a surrogate pair, which cannot be stored"),
        (r"a\u202eb", "no_tests", ["a?b"]),
    ],
)
def test_evidence_that_no_text_can_quote_keeps_the_gate_closed(delivery, operator, ada, file, code, got):
    with Ticket.objects.locked(pk=delivery.pk) as ticket:
        ticket.force("IMPLEMENTATION", by=operator, reason="for the sake of the test")
    submit(delivery, "code_changes", f'{{"commit": "4f2a91c", "files": ["{file}"]}}'.encode(), by=ada)
    [check] = [
        check
        for check in Ticket.objects.judge(pk=delivery.pk, by=operator).checks
        if check["check"] == "has_tests"
    ]
    assert [(reason["code"], reason["got"]) for reason in check["reasons"]] == [(code, got)]


HUGE = "x\x00\u200b" * 3_000_000


@pytest.mark.parametrize(
    "got",
    [
        HUGE,
        [HUGE] * 3,
        ["x"] * 10_000,
        {HUGE: {HUGE: HUGE}},
        10**5_000,
        -(10**5_000),
        float("nan"),
        float("inf"),
        b"\xff",
        {"\ud800"},
        object(),
    ],
    ids=lambda got: type(got).__name__,
)
def test_a_reason_stays_short_and_can_be_kept_whatever_it_quotes(got):
    reason = Reason("min_coverage", HUGE, got, got, HUGE)

    kept = json.dumps(reason.as_dict(), ensure_ascii=False, allow_nan=False)
    assert kept.isprintable()
    assert len(kept.encode()) < 50_000


def test_a_reason_keeps_what_people_need():
    told = Reason(
        "sections",
        "sections_missing",
        ["scope"],
        {"percent": 79.5, "lines": 3, "all": False},
        "add a heading – Größe",
    ).as_dict()

    assert told["need"] == ["scope"]
    assert told["got"] == {"percent": 79.5, "lines": 3, "all": False}
    assert told["how"] == "add a heading – Größe"


def test_coverage_with_absurd_hits_makes_no_large_verdict(delivery, operator, ada):
    with Ticket.objects.locked(pk=delivery.pk) as ticket:
        ticket.force("IMPLEMENTATION", by=operator, reason="for the sake of the test")
    submit(
        delivery,
        "test_coverage",
        reports.cobertura(1, 0).replace(b'hits="1"', b'hits="' + b"9" * 9_000_000 + b'"'),
        by=ada,
    )

    verdict = Ticket.objects.judge(pk=delivery.pk, by=operator)

    assert len(json.dumps(verdict.checks)) < 5_000
    assert "evidence_unreadable" in {
        reason["code"] for check in verdict.checks for reason in check["reasons"]
    }


def test_a_refusal_stands_where_the_tasks_to_mend_it_cannot_be_added(project, operator, ada):
    seed = {"title": "Mend it", "profile": "echo", "slots": {"text": "{title}"}}
    phases = [
        {
            "name": "MAKE",
            "to": ["SHIP"],
            "automatic": "on_completion",
            "gate": [{"check": "artifact", "type": "notes"}],
            "on_failure": {"tasks": [seed]},
        },
        {"name": "SHIP", "to": []},
    ]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "mending", "phases": phases}))
    ticket = Ticket.objects.open(
        project, TicketSpec(workflow=workflow, title="--version", tasks=[TaskSpec("x")]), by=operator
    )
    [claim] = Task.objects.claim(by=ada)
    Task.objects.settle([Outcome(claim.task, claim.fence, "completed")], by=ada)

    assert Ticket.objects.advance_due() == 0

    assert Verdict.objects.get(ticket=ticket).passed is False
    assert "begin with -" in Event.objects.get(kind="ticket.mend_failed").reason
    assert [cause["code"] for cause in Ticket.objects.explanation(ticket)["causes"]] == ["gate"]


@pytest.mark.parametrize("early", [True, False])
def test_a_person_who_runs_the_checks_takes_no_round_of_mending_away(project, operator, ada, early):
    mending = {"tasks": [{"title": "Mend it"}]}
    gate = [{"check": "artifact", "type": "notes"}]
    phases = [
        {"name": "MAKE", "to": ["SHIP"], "automatic": "on_completion", "gate": gate, "on_failure": mending},
        {"name": "SHIP", "to": []},
    ]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "mending", "phases": phases}))
    ticket = Ticket.objects.open(
        project, TicketSpec(workflow=workflow, title="x", tasks=[TaskSpec("x")]), by=operator
    )
    [claim] = Task.objects.claim(by=ada)
    if early:
        Ticket.objects.judge(pk=ticket.pk, by=operator)
    Task.objects.settle([Outcome(claim.task, claim.fence, "completed")], by=ada)
    if not early:
        Ticket.objects.judge(pk=ticket.pk, by=operator)

    Ticket.objects.advance_due()
    Ticket.objects.advance_due()

    assert list(ticket.tasks.order_by("pk").values_list("title", flat=True)) == ["x", "Mend it"]
    assert ticket.verdicts.count() == 2
