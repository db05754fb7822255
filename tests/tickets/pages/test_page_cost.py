"""What the pages cost: statements, rows and buffers by the size of what they show, counted."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, AgentSpec, Project, ProjectSpec
from omoi_site.database import sql
from tests.support.costs import cost_of
from tests.support.vacuum import vacuum
from tests.tickets.pages.test_board import many
from tickets.models import Edge, Need, Task, TaskSpec, Ticket, TicketSpec
from tickets.pages.task_list import ROWS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    client.get("/board/")  # the session notes that it is in use
    return client


@pytest.fixture
def sized(project, ada, operator):
    """Open a ticket with so many tasks, of which half wait for others and some run."""

    def opened(count):
        ticket = Ticket.objects.open(
            project, TicketSpec(f"{count}", tasks=[TaskSpec(f"task {n}") for n in range(count)]), by=operator
        )
        ids = list(ticket.tasks.order_by("id").values_list("pk", flat=True))
        half = count // 2
        edges = [Edge(ids[n - half], ids[n]) for n in range(half, count)]
        Need.objects.add(project.pk, edges, by=operator)
        Task.objects.claim(by=ada, limit=2)
        return ticket

    return opened


def visit(page, address):
    """The statements of one page, and its text."""
    with CaptureQueriesContext(connection) as asked:
        answer = page.get(address)
    assert answer.status_code == 200
    return [query["sql"] for query in asked], answer.content.decode()


def test_a_ticket_page_takes_as_many_statements_for_500_tasks_as_for_5(page, sized):
    few, _ = visit(page, f"/tickets/{sized(5).key}/")
    much, _ = visit(page, f"/tickets/{sized(500).key}/")
    assert len(much) <= len(few) <= 20  # few are drawn as a graph


def rows_in(text):
    return [int(pk) for pk in re.findall(r'<li class="task [^>]*id="task-(\d+)"', text)]


def test_a_long_list_of_tasks_has_pages(page, sized):
    large, larger = sized(2 * ROWS + 20), sized(4 * ROWS + 20)
    address = f"/tickets/{large.key}/?view=list"
    pages = [visit(page, f"{address}&tasks={number}")[1] for number in (1, 2, 3)]

    assert [len(rows_in(text)) for text in pages] == [ROWS, ROWS, 20]
    assert len({pk for text in pages for pk in rows_in(text)}) == 2 * ROWS + 20
    assert f"{ROWS + 1} to {2 * ROWS} of {2 * ROWS + 20}" in pages[1]
    assert [("Previous</a>" in text, "Next</a>" in text) for text in pages] == [
        (False, True),
        (True, True),
        (True, False),
    ]
    _, waiting = visit(page, f"/tickets/{larger.key}/?view=list&tasks=4")  # its rows wait, as those of page 2
    assert len(waiting) <= 1.1 * len(pages[1])
    for nonsense in ("0", "4", "-1", "all", "9" * 30, "٣"):
        assert rows_in(visit(page, f"{address}&tasks={nonsense}")[1]) == rows_in(pages[0])


def test_a_link_to_a_task_leads_to_the_page_with_its_row(page, sized, ada, operator):
    large = sized(2 * ROWS + 20)
    address = f"/tickets/{large.key}/?view=list"
    [last] = rows_in(visit(page, f"{address}&tasks=3")[1])[-1:]
    [parent] = Need.objects.filter(child=last).values_list("parent", flat=True)

    _, text = visit(page, f"{address}&task={last}")

    assert last in rows_in(text)
    assert parent not in rows_in(text)
    assert f'href="?view=list&amp;task={parent}#task-{parent}"' in text
    assert parent in rows_in(visit(page, f"{address}&task={parent}")[1])
    for nonsense in ("0", "9" * 30, "x"):
        assert rows_in(visit(page, f"{address}&task={nonsense}")[1]) == rows_in(visit(page, address)[1])


def test_beside_a_large_graph_stands_only_the_row_that_was_asked_for(page, sized):
    few, large = sized(20), sized(300)
    address = f"/tickets/{large.key}/?view=graph"
    small, graph = visit(page, f"/tickets/{few.key}/")[1], visit(page, address)[1]
    [asked] = Task.objects.filter(ticket=large).order_by("-pk").values_list("pk", flat=True)[:1]

    assert (small.count('class="node '), len(rows_in(small))) == (20, 20)
    assert (graph.count('class="node '), rows_in(graph)) == (300, [])
    assert f'href="?view=graph&amp;task={asked}#task-{asked}"' in graph
    assert rows_in(visit(page, f"{address}&task={asked}")[1]) == [asked]
    assert len(graph) - len(small) <= 280 * 900  # the markup of a node and its needs


def test_only_tasks_that_are_shown_are_read_whole(page, sized):
    large = sized(300)
    statements, _ = visit(page, f"/tickets/{large.key}/")
    rows = [statement for statement in statements if "t.progress" in statement]
    assert [len(sql.tuples(statement.replace("%", "%%"))) for statement in rows] == [ROWS]


def buffers(statements):
    """Buffers of all these statements, run once more."""
    return sum(
        cost_of(statement.replace("%", "%%")).buffers
        for statement in statements
        if statement.lstrip(" (\n").startswith(("SELECT", "WITH", "--"))
    )


@pytest.mark.full
def test_a_ticket_page_grows_with_its_tasks_and_a_board_with_its_tickets(page, project, sized, operator):
    for number in range(50):
        Agent.objects.register(AgentSpec(f"agent-{number}"), projects=[project], by=operator)
    costs = defaultdict(list)
    for count in (250, 500, 1000):
        board = Project.objects.create_project(ProjectSpec(f"B{count}", workflow="simple"), by=operator)
        many(board, operator, 4 * count)
        ticket = sized(count)
        vacuum()
        for name, address in (
            ("ticket", f"/tickets/{ticket.key}/"),
            ("board", f"/board/?project={board.key}"),
            ("attention", f"/board/?project={board.key}&view=stuck"),
        ):
            statements, _ = visit(page, address)
            costs[name].append((len(statements), round(buffers(statements) / count, 1)))
    print(dict(costs))
    for name, figures in costs.items():
        assert len({statements for statements, _ in figures}) == 1, (name, figures)
        assert figures[-1][1] <= 1.2 * figures[0][1], (name, figures)
