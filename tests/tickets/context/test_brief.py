"""The brief of a ticket: which phases it holds, its budget, and the summariser of an installation."""

from __future__ import annotations

import itertools
import json
import threading

import pytest
from django.core import checks
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from omoi_site.database import sql
from tests.factories import allow_workflow, complete
from tickets.models import ContextNote, PhaseContext, PhaseMove, Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.context import brief as briefs
from tickets.models.context import summary, time_limit
from tickets.models.ticket import transitions

pytestmark = pytest.mark.django_db

PHASES = ["A", "B", "C", "D", "E"]
LINE = {
    "name": "line",
    "phases": [{"name": name, "to": PHASES[place + 1 : place + 2]} for place, name in enumerate(PHASES)],
}


@pytest.fixture
def ticket(project, operator):
    workflow = allow_workflow(project, Workflow.objects.install(LINE))
    return Ticket.objects.open(project, TicketSpec("Capture payments", workflow=workflow), by=operator)


def work(ticket, by, agent, **result):
    [task] = Task.objects.add(ticket, [TaskSpec("Do it")], by=by)
    [claim] = Task.objects.claim(by=agent)
    assert claim.task == task.pk
    complete(claim, by=agent, result=result)
    return claim


def go(ticket, to, by, **how):
    Ticket.objects.move(ticket.pk, to, by=by, **how)
    ticket.refresh_from_db(fields=["context", "summary", "moves"])
    return ticket.context


def note(ticket, text, by, phase=""):
    ContextNote.objects.add(ticket, phase, {"note": [text]}, by=by)


def test_every_ground_of_a_move_keeps_the_phase_that_is_left(ticket, operator, ada):
    reason = {"reason": "it has to be so"}
    seen = []
    for to, how in (
        ("B", {}),
        ("BLOCKED", {**reason, "cause": "environment"}),
        ("B", {}),
        ("A", {"force": True, **reason}),
        ("D", {"force": True, **reason}),
        ("CANCELLED", reason),
        ("D", reason),
    ):
        before = Ticket.objects.get(pk=ticket.pk)
        note(before, f"{len(seen)} in {before.phase}", operator, before.effective_phase)
        go(ticket, to, operator, **how)
        row = PhaseMove.objects.filter(ticket=ticket).latest("move")
        kept = PhaseContext.objects.filter(ticket=ticket, phase=before.effective_phase).latest("number")
        assert f"{len(seen)} in" in kept.content["notes"][-1]["text"]
        seen.append(row.ground)

    assert seen == ["ungated", "blocked", "unblocked", "forced", "forced", "cancelled", "reopened"]


def test_a_blocked_ticket_keeps_the_brief_of_the_phase_it_was_blocked_in(ticket, operator, ada):
    work(ticket, operator, ada, summary="A is done")
    before = go(ticket, "B", operator)
    assert before["target_phase"] == "B"

    assert go(ticket, "BLOCKED", operator, cause="environment", reason="no host") == before


def test_what_was_done_while_the_ticket_was_blocked_is_kept(ticket, operator, ada):
    [_task] = Task.objects.add(ticket, [TaskSpec("Do it")], by=operator)
    [claim] = Task.objects.claim(by=ada)
    go(ticket, "BLOCKED", operator, cause="environment", reason="no host")
    complete(claim, by=ada, result={"summary": "Done meanwhile"})
    go(ticket, "A", operator)

    assert PhaseContext.objects.get(ticket=ticket).content["tasks"][0]["summary"] == "Done meanwhile"


def test_a_phase_that_was_skipped_hands_over_what_was_noted_for_it(ticket, operator):
    note(ticket, "For C", operator, "C")

    given = go(ticket, "D", operator, force=True, reason="it has to go on")

    assert set(given["phases"]) == {"C"}


def test_while_a_claim_begins_the_next_phase_the_brief_is_for_that(project, operator, ada):
    """`simple`: a ticket in TODO has its work in DOING."""
    opened = Ticket.objects.open(project, TicketSpec("x"), by=operator)
    note(opened, "Of TODO", operator, "TODO")
    note(opened, "Of DOING", operator)

    given = Ticket.objects.get(pk=opened.pk).context

    assert given["target_phase"] == "DOING"
    assert given["current"]["notes"][0]["text"] == "Of DOING"
    assert given["phases"]["TODO"]["notes"][0]["text"] == "Of TODO"


def test_automatic_moves_of_many_tickets_keep_the_same(project, operator, ada):
    """In one statement for all, as `advance` does for one."""
    made = [
        Ticket.objects.open(project, TicketSpec(f"x{n}", tasks=[TaskSpec("y")]), by=operator)
        for n in range(3)
    ]
    for claim in Task.objects.claim(by=ada, limit=3):
        complete(claim, by=ada, result={"context": {"decisions": [f"of {claim.ticket}"]}})

    assert Ticket.objects.advance_due([ticket.pk for ticket in made]) == 6

    for ticket in Ticket.objects.filter(pk__in=[ticket.pk for ticket in made]):
        assert ticket.phase == "DONE"
        kept = PhaseContext.objects.get(ticket=ticket)
        assert (kept.phase, kept.number, kept.move, kept.by) == ("DOING", 1, 2, "system:workflow")
        assert ticket.context["phases"] == {"DOING": kept.content}
        assert ticket.summary == ticket.context["summary"]


def test_another_version_of_the_workflow_has_its_own_order(ticket, operator, ada):
    note(ticket, "Of A", operator)
    go(ticket, "B", operator)
    turned = [PHASES[1], PHASES[0], *PHASES[2:]]  # B, A, C, …: B has nothing before it
    phases = [{"name": name, "to": turned[place + 1 : place + 2]} for place, name in enumerate(turned)]
    newer = Workflow.objects.install({"name": "line", "phases": phases})

    Ticket.objects.follow(ticket.pk, newer.version, by=operator)

    ticket.refresh_from_db(fields=["context"])
    assert ticket.context == {}


# -- the budget


def fill(ticket, operator, ada, outputs):
    for here, to in itertools.pairwise(PHASES):
        work(
            ticket,
            operator,
            ada,
            summary=f"{here} is done",
            outputs={"log": f"{here}." * outputs},
            context={"decisions": [f"decided in {here}"]},
        )
        given = go(ticket, to, operator)
    return given


def test_within_the_budget_nothing_is_left_out(ticket, operator, ada):
    given = fill(ticket, operator, ada, 10)

    assert given["omitted"] == []
    assert given["phases"] == {
        version.phase: version.content for version in PhaseContext.objects.of_phases(ticket)
    }
    assert 0 < given["tokens"] <= given["budget"] == 2_000
    assert given["tokens"] == briefs.tokens_of(given)


def test_over_the_budget_the_oldest_detail_goes_first_and_is_counted(ticket, operator, ada):
    given = fill(ticket, operator, ada, 900)  # 1,800 characters each, about 500 tokens

    left_out = [name for name in PHASES[:4] if "outputs" not in given["phases"][name]["tasks"][0]]
    assert left_out == PHASES[: len(left_out)] != []
    assert given["omitted"] == [{"phase": name, "what": "outputs", "count": 1} for name in left_out]
    assert given["tokens"] <= given["budget"]
    for name in PHASES[:4]:  # what weighs more than a log stays
        assert given["phases"][name]["decisions"][0]["text"] == f"decided in {name}"
        assert "outputs" in PhaseContext.objects.get(ticket=ticket, phase=name).content["tasks"][0]


@pytest.mark.parametrize("tokens", [200, 300, 500, 1_000])
def test_the_budget_holds_whatever_there_is(ticket, operator, ada, settings, tokens):
    settings.CONTEXT_TOKENS = tokens
    for number in range(40):
        note(ticket, f"{number} " * 200, operator, PHASES[number % 5])
    given = fill(ticket, operator, ada, 900)

    assert given["tokens"] <= tokens
    assert len(json.dumps(given["phases"], ensure_ascii=False).encode()) <= tokens * 4
    assert sum(item["count"] for item in given["omitted"]) > 0


# -- the summary


def test_a_summary_of_too_many_points_keeps_the_newest():
    phases = {
        name: {
            "tasks": [],
            "summary": f"{name} was done",
            "decisions": [{"text": f"{name} {n}"} for n in range(15)],
            "risks": [],
        }
        for name in ("OLD", "NEW")
    }
    text = summary.summarise({"phases": phases}, 1_000)

    assert text.splitlines()[0] == "(12 earlier points are left out)"
    assert text.splitlines()[-1] == "- NEW decision: NEW 14"
    assert len(text.splitlines()) == 21
    assert len(summary.summarise({"phases": phases}, 50).encode()) <= 200
    assert summary.summarise({"phases": {}}, 50) == summary.NOTHING


def ours(context, tokens):
    return f"for {context['target_phase']}: {', '.join(context['phases'])}"


def raises(context, tokens):
    context["phases"].clear()
    raise ValueError("a secret detail")


def fails_in_the_database(context, tokens):
    sql.rows("SELECT 1 / 0")


def gives_a_number(context, tokens):
    return 7


def gives_nothing(context, tokens):
    return " \u200b"


def gives_a_nul(context, tokens):
    return "a\0b"


come_back = threading.Event()
IDS = ("omoi.E021", "omoi.E022", "omoi.E023")


def hangs(context, tokens):
    come_back.wait(30)
    return "back"


def gives_too_much(context, tokens):
    return "word " * 100_000


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("raises", "raised ValueError"),
        ("fails_in_the_database", "raised DataError"),
        ("gives_a_number", "returned int instead of a text"),
        ("gives_nothing", "returned an empty text"),
        ("gives_a_nul", "returned a text that cannot be stored"),
        ("is_not_there", "raised ImportError"),
    ],
)
def test_a_summariser_that_fails_gives_way_to_ours_and_says_so(
    ticket, operator, ada, settings, caplog, name, fault
):
    settings.CONTEXT_SUMMARISER = f"{__name__}.{name}"
    work(ticket, operator, ada, summary="A is done")

    given = go(ticket, "B", operator)

    assert given["fault"] == f"{__name__}.{name} {fault}, so this is the built-in summary"
    assert "A is done" in given["summary"]
    assert set(given["phases"]) == {"A"}
    assert settings.CONTEXT_SUMMARISER in caplog.text


def test_a_summariser_of_the_installation_takes_the_place_of_ours(ticket, operator, ada, settings):
    settings.CONTEXT_SUMMARISER = f"{__name__}.ours"
    work(ticket, operator, ada)
    assert go(ticket, "B", operator)["summary"] == ticket.summary == "for B: A"

    settings.CONTEXT_SUMMARISER = f"{__name__}.gives_too_much"
    note(ticket, "again", operator)
    ticket.refresh_from_db(fields=["context"])
    assert ticket.context["tokens"] <= 2_000
    assert ticket.context["summary"].endswith("word …")
    assert "fault" not in ticket.context


def test_a_summariser_that_hangs_gives_way_to_ours_and_is_asked_again_once_it_is_back(
    ticket, operator, ada, settings
):
    settings.CONTEXT_SUMMARISER, settings.CONTEXT_SUMMARISER_S = f"{__name__}.hangs", 0.05
    work(ticket, operator, ada, summary="A is done")
    try:
        given = go(ticket, "B", operator)
        assert (
            given["fault"]
            == f"{__name__}.hangs did not answer within 0.05 s, so this is the built-in summary"
        )
        assert "A is done" in given["summary"]
        for number in range(time_limit.MOST):
            note(ticket, f"note {number}", operator)
        ticket.refresh_from_db(fields=["context"])
        assert "was not called, because 8 earlier calls have not come back" in ticket.context["fault"]
    finally:
        come_back.set()
    settings.CONTEXT_SUMMARISER_S = 10

    note(ticket, "again", operator)

    ticket.refresh_from_db(fields=["context"])
    assert (ticket.context["summary"], "fault" in ticket.context) == ("back", False)


@pytest.mark.parametrize(
    ("settings_", "faults"),
    [
        ({}, []),
        ({"CONTEXT_SUMMARISER": f"{__name__}.ours"}, []),
        ({"CONTEXT_SUMMARISER": f"{__name__}.LINE"}, ["omoi.E022"]),
        ({"CONTEXT_SUMMARISER": "nowhere.to.be.found"}, ["omoi.E022"]),
        ({"CONTEXT_TOKENS": 199}, ["omoi.E021"]),
        ({"CONTEXT_SUMMARISER_S": 0}, ["omoi.E023"]),
        ({"CONTEXT_SUMMARISER_S": 11}, ["omoi.E023"]),
        ({"CONTEXT_SUMMARISER_S": float("nan")}, ["omoi.E023"]),
    ],
)
def test_the_settings_are_checked(settings, settings_, faults):
    for name, value in settings_.items():
        setattr(settings, name, value)
    found = [message.id for message in checks.run_checks() if message.id in IDS]
    assert found == faults


# -- what it costs, and what is left when it breaks off


def test_a_move_costs_as_many_statements_for_much_as_for_little(project, operator, ada):
    counts = []
    workflow = allow_workflow(project, Workflow.objects.install(LINE))
    for many in (1, 30):
        ticket = Ticket.objects.open(project, TicketSpec("x", workflow=workflow), by=operator)
        for number in range(many):
            work(ticket, operator, ada, summary=f"{number}", context={"risks": [f"{number}"]})
            note(ticket, f"note {number}", operator)
        with CaptureQueriesContext(connection) as asked:
            go(ticket, "B", operator)
        counts.append(len(asked))
    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
def test_a_move_that_is_killed_leaves_nothing_half(ticket, operator, ada, monkeypatch):
    work(ticket, operator, ada, summary="A is done")
    real = transitions.hold

    def killed(*args, **how):
        assert PhaseContext.objects.exists()
        sql.rows("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(transitions, "hold", killed)
    with pytest.raises(OperationalError):
        Ticket.objects.move(ticket.pk, "B", by=operator)
    connection.close()

    after = Ticket.objects.get(pk=ticket.pk)
    assert (after.phase, after.context, after.summary) == ("A", {}, "")
    assert not PhaseContext.objects.exists()
    monkeypatch.setattr(transitions, "hold", real)
    assert set(go(ticket, "B", operator)["phases"]) == {"A"}
