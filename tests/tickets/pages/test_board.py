"""The board: which ticket is where, why it is not moving, and how many statements that takes."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Project, ProjectSpec
from omoi_site.database import sql
from tests.factories import allow_workflow, complete, fail
from tests.support.concurrency import Act
from tickets.demo import workspace
from tickets.models import (
    Backlog,
    Edge,
    Item,
    Need,
    Relation,
    RelationKinds,
    Task,
    TaskSpec,
    Ticket,
    TicketSpec,
    Workflow,
)
from tickets.models.ticket import bulk_import
from tickets.pages.board import Board
from tickets.pages.board_query import BoardQuery

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    return client


@pytest.fixture
def opened(project, operator):
    """Open a ticket with one task."""
    return lambda title, **more: Ticket.objects.open(
        project, TicketSpec(title, tasks=[TaskSpec(title)], **more), by=operator
    )


def board(project, **query):
    from django.http import QueryDict

    asked = QueryDict(mutable=True)
    for name, value in query.items():
        asked.setlist(name, value if isinstance(value, list) else [value])
    return Board(project, BoardQuery.from_address(asked))


def cards(shown):
    return {card.ticket.title: card for column in shown.columns for card in column.cards}


def test_each_card_says_why_its_ticket_does_not_move(project, opened, ada, operator):
    first, second = opened("first"), opened("second")
    Need.objects.add(project.pk, [Edge(first.tasks.get().pk, second.tasks.get().pk)], by=operator)
    blocked, paused = opened("blocked"), opened("paused")
    Ticket.objects.open(project, TicketSpec("bare"), by=operator)
    with Ticket.objects.locked(pk=blocked.pk) as row:
        row.block(by=operator, reason="Which schema?", cause="clarification")
    with Ticket.objects.locked(pk=paused.pk) as row:
        row.pause(by=operator, reason="until May")

    found = {title: card.cause.text if card.cause else None for title, card in cards(board(project)).items()}

    assert found == {
        "first": None,
        "second": f"It waits for {first.key}.{first.tasks.get().pk}",
        "blocked": "Blocked: Which schema?",
        "paused": "Paused: until May",
        "bare": "No task yet",
    }


def test_a_failed_task_and_a_silent_agent_are_told(project, opened, ada, operator):
    opened("fails")
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, error="no such column", kind="permanent")
    opened("goes silent")
    Task.objects.claim(by=ada)
    sql.rows("UPDATE agents_agentpresence SET last_seen_at = clock_timestamp() - interval '5 min'")

    found = cards(board(project))

    assert "no such column" in found["fails"].cause.text
    assert (found["goes silent"].cause.text, found["goes silent"].cause.tone) == ("ada is silent", "bad")


def test_what_keeps_all_ready_tickets_waiting_is_told_once(project, opened, operator):
    for number in range(5):
        opened(f"ready {number}")
    shown = board(project)
    assert [card.cause for card in cards(shown).values()] == [None] * 5
    [shared] = shown.shared_causes
    assert shared.count == 5
    assert "agents create" in shared.how


def test_views_counts_and_marks_come_from_the_attention_list(project, opened, ada, operator):
    for title in ("fails", "fails in part"):
        tasks = [TaskSpec("x"), *([TaskSpec("goes")] if "part" in title else [])]
        ticket = Ticket.objects.open(project, TicketSpec(title, tasks=tasks), by=operator)
        claims = {claim.task: claim for claim in Task.objects.claim(by=ada, limit=5)}
        first = ticket.tasks.earliest("pk").pk
        fail(claims.pop(first), by=ada, kind="permanent")
        for claim in claims.values():
            Task.objects.release(claim.task, claim.fence, by=ada)
    Ticket.objects.advance_due()
    opened("free")
    for title in ("nobody can", "many"):
        spec = TicketSpec(title, tasks=[TaskSpec("x", capabilities=["cobol"])])
        Ticket.objects.open(project, spec, by=operator)
    shown = board(project)

    assert [(view, count) for view, _, count in shown.views] == [("", 5), ("attention", 3), ("stuck", 2)]
    assert shown.shared_causes[0].count == 2
    marked = {card.ticket.title: card.needs_attention for column in shown.columns for card in column.cards}
    assert marked == {
        "fails": True,
        "fails in part": True,
        "free": False,
        "nobody can": True,  # it stands for all that wait for such an agent
        "many": False,
    }
    assert set(cards(board(project, view="stuck"))) == {"fails", "nobody can"}


@pytest.mark.full
def test_a_finished_demo_says_so_and_shows_what_has_ended(page, project, operator):
    modules = [module["module"] for module in workspace.backlog()]
    for module in modules:
        assert "The demo has ended" not in page.get("/board/").content.decode(), (
            "others of its tickets are still to come"
        )
        last = Ticket.objects.open(
            project, TicketSpec(f"Add {module}", source="demo", source_id=module), by=operator
        )
        for to in ("DOING", "DONE"):
            Ticket.objects.move(last.pk, to, by=operator, reason="walked through by hand", force=True)

    shown = page.get("/board/").content.decode()

    assert "The demo has ended" in shown
    assert f'href="/tickets/{last.key}/#timeline"' in shown
    assert f'id="card-{last.key}"' in shown, "the column of what has ended is open"


def test_the_board_opens_the_project_last_used(page, project, operator):
    Project.objects.create_project(ProjectSpec("ZED", workflow="simple"), by=operator)
    assert page.get("/board/").context["project"] == project

    page.get("/board/?project=ZED")
    assert page.get("/board/").context["project"].key == "ZED"
    assert page.get("/board/").context["address"] == "/board/?project=ZED", (
        "a part that is asked for again stays with its project"
    )

    page.cookies["board_project"] = "NONE"
    assert page.get("/board/").context["project"] == project


def test_silent_agents_need_attention_once_for_all_work(project, opened, ada, operator):
    opened("first")
    opened("second")
    sql.rows("UPDATE agents_agentpresence SET last_seen_at = clock_timestamp() - interval '5 min'")

    assert [(view, count) for view, _, count in board(project).views] == [
        ("", 2),
        ("attention", 1),
        ("stuck", 1),
    ]


def test_views_and_filters_find_what_they_name(project, opened, ada, operator):
    fails, running = opened("fails", labels=["api"]), opened("running", priority=1)
    opened("ready", labels=["api", "slow"])
    waits = opened("waits")
    Need.objects.add(project.pk, [Edge(running.tasks.get().pk, waits.tasks.get().pk)], by=operator)
    for claim in Task.objects.claim(by=ada, limit=5):
        if claim.ticket == fails.key:
            fail(claim, by=ada, kind="permanent")
        elif claim.ticket != running.key:
            Task.objects.release(claim.task, claim.fence, by=ada)

    def cards_found(**query):
        return set(cards(board(project, **query)))

    assert cards_found() == {"fails", "running", "ready", "waits"}
    assert cards_found(q="RUN") == {"running"}
    assert cards_found(q=waits.key) == {"waits"}
    assert cards_found(priority="high") == {"running"}
    assert cards_found(label="api") == {"fails", "ready"}
    assert cards_found(label="api", q="fail") == {"fails"}
    assert {state: cards_found(state=state) for state in ("running", "ready", "waiting", "failed")} == {
        "running": {"running"},
        "ready": {"ready"},
        "waiting": {"waits", "fails"},
        "failed": {"fails"},
    }
    Ticket.objects.advance_due()
    assert cards_found(view="attention") == cards_found(view="stuck") == {"fails"}
    assert [(view, count) for view, _, count in board(project).views] == [
        ("", 4),
        ("attention", 1),
        ("stuck", 1),
    ]
    assert cards_found(priority="no such", state="nonsense", view="x") == {
        "fails",
        "running",
        "ready",
        "waits",
    }


def test_a_column_shows_fifty_and_then_more(project, operator):
    many(project, operator, 120)
    [todo, *_] = board(project).columns
    assert (todo.count, len(todo.cards), todo.left, todo.next_step) == (120, 50, 70, 70)
    [todo, *_] = board(project, show=[f"TODO.{todo.longer}"]).columns
    assert len(todo.cards) == 120
    [todo, *_] = board(project, show=["TODO.99999999", "x", "TODO.-1"]).columns
    assert len(todo.cards) == 120


def test_blocked_and_cancelled_columns_appear_with_their_tickets(project, opened, operator):
    assert [column.phase for column in board(project).columns] == ["TODO", "DOING", "DONE"]
    for ticket, verb, how in (
        (opened("a"), "block", {"cause": "environment"}),
        (opened("b"), "cancel", {}),
    ):
        with Ticket.objects.locked(pk=ticket.pk) as row:
            getattr(row, verb)(by=operator, reason="because", **how)
    columns = board(project).columns
    assert [(column.phase, column.folded) for column in columns] == [
        ("TODO", False),
        ("DOING", False),
        ("BLOCKED", False),
        ("DONE", True),
        ("CANCELLED", True),
    ]


def test_phases_of_several_workflows_stand_in_one_order(project, opened, operator):
    opened("simple")
    document = {
        "name": "reviewed",
        "phases": [
            {"name": "TODO", "to": ["REVIEW"]},
            {"name": "REVIEW", "to": ["DONE"]},
            {"name": "DONE", "to": []},
        ],
    }
    Ticket.objects.open(
        project,
        TicketSpec("reviewed", workflow=allow_workflow(project, Workflow.objects.install(document))),
        by=operator,
    )
    assert [column.phase for column in board(project).columns] == ["TODO", "DOING", "REVIEW", "DONE"]


def many(project, operator, count):
    """Tickets with one task each, brought in at once; every third needs the one before."""
    items = [Item(str(n), f"Ticket {n}", "text " * 100, n % 4, [f"l{n % 7}"]) for n in range(count)]
    needs = [Relation("needs", str(n), str(n - 1)) for n in range(1, count, 3)]
    bulk_import.import_backlog(
        Backlog("test", items, needs, kinds=RelationKinds(needs="needs")),
        project=project,
        workflow=Workflow.objects.latest_of("simple"),
        by=operator,
    )


@pytest.mark.django_db(transaction=True)
def test_a_ticket_that_moves_while_the_board_is_read_is_counted_where_it_is_shown(page, project, opened):
    ticket = opened("moves")

    def block():
        with Ticket.objects.locked(pk=ticket.pk) as row:
            row.block(by="system:test", reason="Which schema?", cause="clarification")

    blocks = Act(block)

    def move_before_the_cards(execute, statement, *rest):
        if "row_number" in statement and not blocks.ident:
            blocks.start()
            blocks.answer()
        return execute(statement, *rest)

    with connection.execute_wrapper(move_before_the_cards):
        answer = page.get("/board/?project=OMO")
    assert blocks.ident, "nothing moved"
    for column in answer.context["board"].columns:
        assert (column.left, column.count) == (0, len(column.cards)) or column.folded


@pytest.mark.full
@pytest.mark.parametrize("most", [1000, pytest.param(10_000, marks=pytest.mark.full)])
def test_a_large_board_costs_as_many_statements_as_a_small_one(page, ada, operator, most):
    """Test_page_cost holds what they read."""
    counts = []
    for key, count in (("SMALL", 10), ("BIG", most)):
        many(
            Project.objects.create_project(ProjectSpec(key, workflow="simple"), by=operator), operator, count
        )
        sql.rows("ANALYZE tickets_ticket, tickets_task")
        page.get(f"/board/?project={key}")
        with CaptureQueriesContext(connection) as asked:
            answer = page.get(f"/board/?project={key}")
        counts.append(len(asked))
        assert answer.status_code == 200
    assert counts[0] == counts[1] <= 15


def test_a_done_ticket_shows_the_time_it_spent(page, project, opened, ada):
    ticket = opened("quick")
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    Ticket.objects.advance_due()
    shown = page.get(f"/tickets/{ticket.key}/")
    assert [(step.phase, step.state) for step in shown.context["page"].steps] == [
        ("TODO", "done"),
        ("DOING", "done"),
        ("DONE", "done"),
    ]
    assert shown.context["page"].causes == []
