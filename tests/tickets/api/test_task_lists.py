"""Lists of tasks: PostgreSQL makes the page, reads only what it shows, and shows only what is seen."""

from __future__ import annotations

import itertools
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, AgentSpec, Project, ProjectSpec
from agents.models.json_page import reader_params
from bench.claim import measure
from omoi_site.database import sql
from tests.factories import complete, fail
from tests.support.api_client import api_of
from tests.support.many_tickets import many_tickets
from tickets.api.tasks import TaskOut
from tickets.models import Edge, Need, Task, TaskSpec, Ticket, TicketSpec
from tickets.models.task import documents
from tickets.models.task.documents import TaskQuery

pytestmark = pytest.mark.django_db(transaction=True)

DEADLINES = [datetime(year, 1, 1, 0, 0, 0, 1, UTC) for year in (1970, 2001, 2002, 2199)]
SIZES = [1_000, pytest.param(8_000, marks=pytest.mark.full)]  # tickets of ten tasks


def pages(query, *, by, limit=3):
    """The ids of all pages in turn; None if the project is not seen."""
    found, after = [], 0
    while page := Task.objects.page_json(query, by=by, limit=limit, after=after):
        ids = [int(task["id"]) for task in json.loads(page.results)]
        assert len(ids) <= limit
        found += ids
        after = page.following
        if after is None:
            return found
    return None


@pytest.fixture
def crowd(operator, project, ada):
    """Tasks of two projects in all states, and readers of every kind."""
    dice = random.Random(5)
    other = Project.objects.create_project(ProjectSpec("PAY", workflow="simple"), by=operator)
    readers = {"ada": ada, "operator": operator, "worker": Agent.objects.worker("w", capacity=1)}
    readers["both"] = Agent.objects.register(AgentSpec("both"), projects=[project, other], by=operator)
    readers["outsider"] = type(operator).objects.create_user("mallory")
    for number in range(8):
        ticket = Ticket.objects.open(
            dice.choice([project, other]), TicketSpec(f"Ticket {number}"), by=operator
        )
        if dice.random() < 0.5:
            Ticket.objects.move(ticket.pk, "DOING", by=operator)
        kinds = [["skill"], []]
        Task.objects.add(
            Ticket.objects.get(pk=ticket.pk),
            [TaskSpec(f"t{n}", capabilities=dice.choice(kinds)) for n in range(5)],
            by=operator,
        )
    Agent.objects.filter(pk=ada.pk).update(capacity=20, capabilities=["skill"])
    for place, claim in enumerate(Task.objects.claim(by=ada, limit=9)):
        if place % 3 == 0:
            complete(claim, by=ada)
        elif place % 3 == 1:
            fail(claim, by=ada, kind="permanent")
    for task in Task.objects.filter(state="pending")[::7]:
        Task.objects.act(task.pk, "cancel", by=operator, reason="not needed")
    for task in Task.objects.all():
        Task.objects.filter(pk=task.pk).update(deadline=dice.choice([None, *DEADLINES]))
    return readers


def expected(query, by):
    """The same list by the ORM, which asks the database row by row."""
    tasks = Task.objects.seen_by(by)
    for name, field in (
        ("project", "project__key"),
        ("ticket", "ticket_key"),
        ("holder", "holder__name"),
        ("state", "state"),
        ("phase", "phase"),
    ):
        if value := getattr(query, name):
            tasks = tasks.filter(**{field: value})
    if query.capability:
        tasks = tasks.filter(capabilities__contains=[query.capability])
    if query.overdue:
        return list(tasks.overdue().order_by("deadline", "pk").values_list("pk", flat=True))
    return list(tasks.order_by("pk").values_list("pk", flat=True))


@pytest.mark.full
@pytest.mark.parametrize("examined", [7, 5_000])
def test_a_list_shows_what_the_reader_sees_and_the_filters_leave(crowd, monkeypatch, examined):
    """However few tasks a page examines: all pages together are the whole list, each task once."""
    monkeypatch.setattr(documents, "EXAMINED", examined)
    filters = {
        "project": ["", "OMO"],
        "ticket": ["", "", "OMO-1", "PAY-1", "omo-1"],
        "holder": ["", "", "ada"],
        "state": ["", "pending", "failed"],
        "phase": ["", "TODO"],
        "capability": ["", "skill"],
        "overdue": [False, True],
    }
    queries = [
        TaskQuery(**dict(zip(filters, values, strict=True)))
        for values in itertools.product(*filters.values())
    ]
    some = random.Random(7).sample(queries, 15)
    assert {task.state for task in Task.objects.all()} == set(Task.State.values)
    often = [
        TaskQuery(),
        TaskQuery(phase="TODO"),
        TaskQuery(project="OMO", capability="skill"),
        TaskQuery(overdue=True),
        TaskQuery(ticket="OMO-1", overdue=True),
        TaskQuery(capability="skill", overdue=True),
    ]
    for query, (name, reader) in itertools.product([*often, *some], crowd.items()):
        found = pages(query, by=reader)
        if found is None:
            assert query.project, name
            assert name == "outsider"
        else:
            assert found == expected(query, reader), (name, query)


def test_a_task_in_a_list_is_the_task_by_itself(ticket, ada, operator):
    """Each field as clients knew it: order, nulls, times with a Z, results of any form."""
    first, second = Task.objects.add(
        ticket,
        [TaskSpec('A "b" \\ \u2028\x01 é', capabilities=["ui"], description="x"), TaskSpec("second")],
        by=operator,
    )
    Need.objects.add(ticket.project_id, [Edge(first.pk, second.pk)], by=operator)
    Agent.objects.filter(pk=ada.pk).update(capabilities=["ui"])
    [claim] = Task.objects.claim(by=ada)
    api = api_of(ada)

    running, waiting = api.get("/tasks").json()["results"]

    alone = [api.get(f"/tasks/{task.pk}").json() for task in (first, second)]
    known = [{name: task[name] for name in TaskOut().fields} for task in alone]
    for task, other in zip((running, waiting), known, strict=True):
        assert task["waiting_on_at"] < other["waiting_on_at"]  # who it waits on is as of each answer
        assert task == {**other, "waiting_on_at": task["waiting_on_at"]}
    assert running.keys() == waiting.keys() == TaskOut().fields.keys()
    [need] = Need.objects.all()
    assert waiting["needs"] == [
        {"id": str(need.pk), "task": str(first.pk), "when": "success", "on_failure": "hold"}
    ]
    assert {task["id"]: task["waiting_on"] for task in (running, waiting)} == {
        str(pk): who for pk, who in Task.objects.waits([first.pk, second.pk]).items()
    }
    row = Task.objects.get(pk=first.pk)
    times = {
        name: (value := getattr(row, name)) and value.isoformat().replace("+00:00", "Z")
        for name in documents.TIMES
    }
    assert times["claimed_at"]
    assert running == {
        "id": str(row.pk),
        "key": row.key,
        "ticket": ticket.key,
        "title": row.title,
        "description": "x",
        "kind": "task",
        "phase": "DOING",
        "priority": "medium",
        "capabilities": ["ui"],
        "operation": "",
        "coordination": None,
        "profile": "",
        "slots": {},
        "state": "claimed",
        "ready": False,
        "join": None,
        "open_needs": 0,
        "fence": claim.fence,
        "attempts": row.attempts,
        "max_attempts": 3,
        "timeout_s": None,
        "stall_after_s": None,
        "work_s": None,
        **times,
        "runs_alone": False,
        "result": None,
        "error": "",
        "failure": "",
        "progress": {},
        "checkpoint": None,
        "tried": [],
        "holder": "ada",
        "needs": [],
        "waiting_on": "agent:ada",
        "waiting_on_at": running["waiting_on_at"],
    }
    complete(claim, by=ada, result={"a": [1, 2.5, None, "x"]})
    [ended, ready] = api.get("/tasks").json()["results"]
    assert (ended["result"], ended["waiting_on"], ended["ready"]) == ({"a": [1, 2.5, None, "x"]}, None, False)
    assert (ready["ready"], ready["open_needs"]) == (True, 0)


def test_a_list_is_one_statement_however_long_the_page(ticket, ada):
    many_tickets(ticket.project, 10, tasks=10)
    api = api_of(ada)
    api.get("/tasks")  # presence and the use of the key are noted
    for limit in (1, 50):
        with CaptureQueriesContext(connection) as seen:
            assert len(api.get("/tasks", project="OMO", limit=limit).json()["results"]) == limit
        assert len([query for query in seen if "tickets_task" in query["sql"]]) == 1


@pytest.mark.full
@pytest.mark.parametrize("size", SIZES)
def test_a_list_reads_as_little_among_many_tasks(ticket, task, ada, operator, size):
    """A project in the middle, of which one task is claimed and the others wait."""
    before, after = (
        Project.objects.create_project(ProjectSpec(key, workflow="simple"), by=operator)
        for key in ("PAY", "WEB")
    )
    for project in (before, after):
        Ticket.objects.open(project, TicketSpec("first"), by=operator)
    many_tickets(before, size, tasks=10)
    [claim] = Task.objects.claim(by=ada)
    many_tickets(ticket.project, size, tasks=10)
    many_tickets(after, size, tasks=10)
    sql.rows("UPDATE tickets_task SET state = 'cancelled', ended_at = now() WHERE ticket_key = 'WEB-2'")
    costs = {
        str(query): cost_of(query, by=ada, limit=1)
        for query in (
            TaskQuery(),
            TaskQuery(project="OMO"),
            TaskQuery(project="OMO", state="pending"),
            TaskQuery(project="OMO", state="claimed"),
            TaskQuery(project="OMO", state="failed"),
            TaskQuery(ticket=ticket.key),
            TaskQuery(holder="ada"),
        )
    }
    assert max(costs.values()) <= 100, costs
    assert [claim.task] == pages(TaskQuery(holder="ada"), by=ada)


@pytest.mark.parametrize("size", [100, pytest.param(1_000, marks=pytest.mark.full)])
def test_a_page_of_overdue_tasks_reads_only_what_it_shows(ticket, ada, operator, size):
    """In the middle of two projects of thousands of them, and where a filter leaves few."""
    other = Project.objects.create_project(ProjectSpec("PAY", workflow="simple"), by=operator)
    Ticket.objects.open(other, TicketSpec("first"), by=operator)
    for project in (ticket.project, other):
        many_tickets(project, size, tasks=10, deadline=DEADLINES[1])
    tasks = Task.objects.exclude(deadline=None).order_by("deadline", "id").values("deadline", "id")
    middle = tasks[len(tasks) // 2]
    microseconds = (middle["deadline"] - documents.EPOCH) // timedelta(microseconds=1)
    place = documents.DeadlinePlace(microseconds, middle["id"])
    costs = {
        (query.project, after): cost_of(query, by=operator, limit=1, after=after)
        for query in (TaskQuery(overdue=True), TaskQuery(project="OMO", overdue=True))
        for after in (0, place)
    }
    assert max(costs.values()) <= 100, costs
    page = Task.objects.page_json(TaskQuery(overdue=True), by=operator, limit=200, after=place)
    following = [str(task["id"]) for task in tasks[len(tasks) // 2 + 1 :][:200]]
    assert [task["id"] for task in json.loads(page.results)] == following


def test_a_page_is_linear_in_what_it_shows(ticket, ada):
    many_tickets(ticket.project, 40, tasks=10)
    ten, all_of_them = (cost_of(TaskQuery(project="OMO"), by=ada, limit=limit) for limit in (10, 200))
    assert all_of_them <= 20 * ten


def cost_of(query, *, by, limit, after=0):
    """Buffers of the page with its generic plan."""
    params = {**reader_params(by), **documents.page_params(query, limit=limit, after=after)}
    return sum(measure(documents.page_statement(query), params).values())


def test_refusals_of_addresses_and_words_say_what_there_is(project, task, operator):
    calls = api_of(operator)
    for answer in (
        calls.get(f"/tasks/{task.key}"),
        calls.post(f"/tasks/{task.key}/completion", {"fence": 1, "reason": "done"}),
    ):
        assert answer.status_code == 404
        assert answer.json()["next_action"].endswith(f"the id, not the key: /tasks/{task.pk}.")
    assert "next_action" not in calls.get("/tasks/999999").json()
    for answer, named in (
        (calls.get("/tasks", stat="pending"), "there is no such field; there are limit, cursor, project"),
        (calls.get("/tasks", state="gone"), "Choose one of pending, claimed, completed, failed, cancelled."),
        (
            calls.post("/projects/OMO/members", {"user": "admin", "role": "boss"}),
            "viewer, operator, approver",
        ),
        (calls.patch(f"/tasks/{task.pk}", {"priority": "boss"}), "critical, high, medium, low"),
        (calls.patch(f"/tasks/{task.pk}", {"capabilities": ["x\x01y"]}), "U+0001"),
    ):
        assert answer.status_code == 422
        assert named in answer.json()["errors"][0]["message"]
