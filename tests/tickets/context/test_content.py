"""What is kept of a phase: results of any shape, bounds, secrets."""

from __future__ import annotations

import json
import secrets

import pytest

from omoi_site.database import sql
from omoi_site.redaction import REDACTED
from tests.factories import complete
from tickets.models import ContextNote, PhaseContext, Task, TaskSpec, Ticket, TicketSpec
from tickets.models.context import content
from tickets.models.context.fit import fitted, size_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def done(project, operator, ada):
    """Complete tasks of a ticket in TODO with these results, force it on, and give its content."""

    def done(*results, **spec):
        ticket = Ticket.objects.open(project, TicketSpec("Capture payments"), by=operator)
        for number, result in enumerate(results):
            Task.objects.add(ticket, [TaskSpec(f"Task {number}", phase="TODO", **spec)], by=operator)
            [claim] = Task.objects.claim(by=ada)
            complete(claim, by=ada, result=result)
        move(ticket, "DOING", operator)
        return PhaseContext.objects.get(ticket=ticket, phase="TODO").content

    return done


def move(ticket, to, by):
    Ticket.objects.move(ticket.pk, to, by=by, force=True, reason="it has to go on")


def texts(items):
    return [item["text"] for item in items]


@pytest.mark.parametrize(
    "result",
    [
        None,
        5,
        "done",
        ["a"],
        {"summary": {"a": 1}, "context": "x"},
        {"summary": 7, "context": [1]},
        {"context": {"decisions": None, "risks": {}, "notes": [None, [], {}, True, "", "\u200b \u3164"]}},
        {"outputs": None, "context": {"decisions": 1e-5 > 1}},
    ],
)
def test_a_result_of_another_shape_keeps_no_ticket_from_moving(done, result):
    kept = done(result)

    assert [task["summary"] for task in kept["tasks"]] == ["Task 0"]
    assert [kept[name] for name in content.LISTS] == [[], [], []]
    assert "outputs" not in kept["tasks"][0]


def test_items_that_are_no_texts_are_written_down(done):
    kept = done({"context": {"decisions": ["a", 7, {"text": "b"}, {"why": "c"}, ["d"]], "risks": 3.5}})

    assert texts(kept["decisions"]) == ["a", "7", "b", '{"why": "c"}', '["d"]']
    assert texts(kept["risks"]) == ["3.5"]


def test_secrets_are_removed_wherever_they_are(done):
    secret = "ghp_" + "a1B2" * 9
    kept = done(
        {
            "summary": f"Used {secret}",
            "outputs": {"env": {"API_KEY": "letmein", "url": "https://joe:hunter2@example.org"}},
            "context": {"decisions": [f"Rotate {secret}", {"password": "hunter2"}]},
        }
    )

    written = json.dumps(kept)
    for word in (secret, "letmein", "hunter2"):
        assert word not in written
    assert kept["tasks"][0]["outputs"]["env"]["API_KEY"] == REDACTED
    assert kept["tasks"][0]["summary"] == f"Used {REDACTED}"


def test_markup_is_kept_as_it_is_written(done):
    kept = done({"context": {"risks": ["<script>alert(1)</script>"]}})

    assert texts(kept["risks"]) == ["<script>alert(1)</script>"]


def test_five_megabytes_are_cut_and_counted(done, project, operator, ada):
    """More than a request may bring, as a worker might store it."""
    big = {"outputs": {"log": "x" * 5_000_000}, "context": {"decisions": ["y" * 500_000] * 10}}
    kept = done({"outputs": {"n": 1}}, big)

    assert size_of(kept) <= content.SIZE
    assert kept["omitted"] == [{"what": "results", "count": 1}]
    assert kept["tasks"][0]["outputs"] == {"n": 1}  # one result that is too long takes none of the others


def test_a_phase_of_many_long_results_keeps_the_newest(done):
    each = {"outputs": {"text": ["z" * 1_900] * 20}}
    kept = done(*[each] * 9)

    assert size_of(kept) <= content.SIZE
    assert [("outputs" in task) for task in kept["tasks"]] == [False] * 3 + [True] * 6
    assert kept["omitted"] == [{"what": "outputs", "count": 3}]


def test_of_many_stored_results_only_so_much_is_read_the_newest_first(done, monkeypatch):
    monkeypatch.setattr(content, "STORED", 1_000)
    small, large = {"outputs": {"n": 1}}, {"outputs": {"text": secrets.token_hex(400)}}

    kept = done(small, small, *[{"outputs": {"text": secrets.token_hex(150)}}] * 3, large)

    assert [("outputs" in task) for task in kept["tasks"]] == [False, False, False, True, True, False]
    assert kept["omitted"] == [{"what": "results", "count": 4}]


def test_outputs_are_cut_in_depth_and_length(done):
    deep: dict = {"end": 1}
    for _ in range(25):
        deep = {"in": deep}
    kept = done({"outputs": {"deep": deep, "list": list(range(2_000)), "text": "t" * 9_000}})

    outputs = kept["tasks"][0]["outputs"]
    assert "[too deep]" in json.dumps(outputs["deep"])
    assert len(outputs["list"]) == content.ITEMS
    assert len(outputs["text"]) == content.TEXT


def test_tasks_stand_in_the_order_they_ended_those_without_a_time_last(done, project, operator, ada):
    ticket = Ticket.objects.open(project, TicketSpec("Order"), by=operator)
    tasks = Task.objects.add(ticket, [TaskSpec(f"T{n}", phase="TODO") for n in range(4)], by=operator)
    for claim in Task.objects.claim(by=ada, limit=4):
        complete(claim, by=ada)
    for task, ended in zip(tasks, ("2026-03-01", None, "2026-01-01", None), strict=True):
        sql.rows("UPDATE tickets_task SET ended_at = %s WHERE id = %s", [ended, task.pk])

    move(ticket, "DOING", operator)

    kept = PhaseContext.objects.get(ticket=ticket).content
    assert [task["title"] for task in kept["tasks"]] == ["T2", "T0", "T1", "T3"]


def test_one_text_stands_once_and_says_where_it_came_from_first(done, project, operator, ada):
    ticket = Ticket.objects.open(project, TicketSpec("Twice"), by=operator)
    Task.objects.add(ticket, [TaskSpec("A", phase="TODO")], by=operator)
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada, result={"context": {"decisions": ["Same", "Same", "Other"]}})
    ContextNote.objects.add(ticket, "TODO", {"decision": ["Same", "Third"]}, by=operator)

    move(ticket, "DOING", operator)

    kept = PhaseContext.objects.get(ticket=ticket).content
    assert [(item["text"], item["from"], item["by"]) for item in kept["decisions"]] == [
        ("Same", "task", "agent:ada"),
        ("Other", "task", "agent:ada"),
        ("Third", "note", "user:admin"),
    ]


def test_the_oldest_detail_goes_first_when_contents_are_cut():
    def phase(name):
        items = [{"text": f"{name} {n}" * 20, "from": "note", "by": "user:x"} for n in range(3)]
        tasks = [{"title": "t", "outputs": {"a": "b" * 300}} for _ in range(2)]
        return {
            "tasks": tasks,
            "decisions": items,
            "risks": items,
            "notes": items,
            "artifacts": [],
            "summary": name * 50,
        }

    phases = [("OLD", phase("old")), ("NEW", phase("new"))]
    whole = sum(size_of(found) for _, found in phases)
    seen = []
    for size in range(whole, 0, -50):
        kept, omitted = fitted(phases, size)
        assert sum(size_of(found) for found in kept) <= max(size, 250)
        seen += [
            (item["phase"], item["what"]) for item in omitted if (item["phase"], item["what"]) not in seen
        ]

    assert seen == [
        (phase, what)
        for step in (("outputs",), ("tasks",), ("summary",), ("notes",), ("risks",), ("decisions",))
        for phase in ("OLD", "NEW")
        for what in step
    ]
    assert "outputs" in phases[0][1]["tasks"][0]  # what came in is not changed
