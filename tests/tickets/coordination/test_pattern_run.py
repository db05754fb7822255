"""Patterns applied to tickets: once under a key, all or nothing, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Event
from omoi_site.errors import Forbidden, Invalid, NotFound
from tests.factories import allow_workflow, complete, fail
from tests.support import ROOT, cluster
from tests.support.concurrency import race
from tests.support.coordination import of_omoios
from tickets.models import (
    Need,
    PatternRequest,
    PatternRun,
    Task,
    TaskSpec,
    Ticket,
    TicketSpec,
    Workflow,
)
from tickets.models.coordination.pattern_run import KeyUsed
from tickets.models.task.graph import graph
from tickets.models.task.task_spec import NeedSpec
from tickets.models.ticket.past_phases import PhaseLeft
from tickets.patterns import document as documents
from tickets.patterns.document import InvalidPattern, read
from tickets.patterns.schema import MOST_NEEDS

pytestmark = pytest.mark.django_db

THREE = ["majority_vote", "parallel_implementation", "review_feedback_loop"]


def split(source, number=3):
    return {
        "name": "parts",
        "pattern": {
            "id": "parts",
            "source_task_id": str(source),
            "target_tasks": [{"title": f"part {place}"} for place in range(number)],
        },
        "sync_points": [{"id": "gathered"}],
        "join": {"id": "go_on", "merge_strategy": "combine", "continuation_task": {"title": "go on"}},
    }


@pytest.fixture
def request_of(task):
    return lambda **more: PatternRequest(split(task.pk), **{"key": "one", **more})


def states_of(made):
    tasks = Task.objects.in_bulk([one.pk for one in made.tasks])
    return [(one.name, tasks[one.pk].state) for one in made.tasks]


def rows():
    return [model.objects.count() for model in (Task, Need, PatternRun, Event)]


def test_the_same_request_under_the_same_key_adds_nothing_again(ticket, operator, request_of):
    made, new = PatternRun.objects.apply(ticket, request_of(), by=operator)
    assert new
    before = rows()
    again, new = PatternRun.objects.apply(ticket, request_of(), by=operator)
    assert (new, rows()) == (False, before)
    assert again == made


def test_another_request_under_the_same_key_is_refused(ticket, task, operator, request_of):
    PatternRun.objects.apply(ticket, request_of(), by=operator)
    before = rows()
    for other in (PatternRequest(split(task.pk, 2), "one"), request_of(phases={"X": "DOING"})):
        with pytest.raises(KeyUsed, match="belongs to another request: parts"):
            PatternRun.objects.apply(ticket, other, by=operator)
    assert rows() == before


def test_another_key_adds_another_set(ticket, operator, request_of):
    PatternRun.objects.apply(ticket, request_of(), by=operator)
    assert PatternRun.objects.apply(ticket, request_of(key="two"), by=operator)[1]
    assert Task.objects.count() == 1 + 2 * 6


def test_a_preview_is_what_would_be_added_and_adds_nothing(ticket, operator, request_of):
    before = rows()
    seen = PatternRun.objects.preview(ticket, request_of(), by=operator)
    assert rows() == before
    made, _ = PatternRun.objects.apply(ticket, request_of(), by=operator)
    shown = ("name", "block", "title", "kind", "phase", "priority", "operation", "strategy", "join")
    assert [[getattr(task, name) for name in shown] for task in seen.tasks] == [
        [getattr(task, name) for name in shown] for task in made.tasks
    ]
    assert sorted(map(str, seen.edges)) == sorted(map(str, made.edges))
    assert [source.pk for source in seen.sources] == [source.pk for source in made.sources]


def test_a_preview_is_refused_as_the_act_would_be(ticket, operator, task):
    unknown = {
        **split(task.pk),
        "join": {"id": "j", "continuation_task": {"title": "x", "profile": "nobody"}},
    }
    for asked in (unknown, split(4711)):
        refusals = []
        for act in (PatternRun.objects.preview, PatternRun.objects.apply):
            with pytest.raises(InvalidPattern) as refused:
                act(ticket, PatternRequest(asked, "x"), by=operator)
            refusals.append(refused.value.more["errors"])
        assert refusals[0] == refusals[1]


def test_a_fault_of_a_task_names_its_place_in_the_document(ticket, operator, task):
    asked = {**split(task.pk), "join": {"id": "j", "continuation_task": {"title": "x", "profile": "nobody"}}}
    with pytest.raises(InvalidPattern) as refused:
        PatternRun.objects.apply(ticket, PatternRequest(asked, "x"), by=operator)
    [error] = refused.value.more["errors"]
    assert error["field"] == "join.continuation_task.profile"
    assert error["message"].startswith("j: there is no profile nobody")


def test_nothing_is_added_without_the_right(ticket, ada, request_of):
    ada.key_scopes = frozenset({"work"})
    with pytest.raises(Forbidden):
        PatternRun.objects.apply(ticket, request_of(), by=ada)
    with pytest.raises(Forbidden):
        PatternRun.objects.preview(ticket, request_of(), by=ada)


def test_an_unknown_pattern_is_refused(ticket, operator):
    with pytest.raises(NotFound, match="there is no pattern majority_votes; did you mean majority_vote"):
        PatternRun.objects.apply(ticket, PatternRequest("majority_votes", "x"), by=operator)


@pytest.mark.parametrize("key", ["", " ", "a\u200bb", "\u2800", "x" * 101])
def test_a_key_is_one_line_of_visible_characters(ticket, operator, request_of, key):
    with pytest.raises(Exception, match="a key is one line of 1 to 100 visible characters"):
        PatternRun.objects.apply(ticket, request_of(key=key), by=operator)


def test_a_cancelled_ticket_takes_no_pattern_and_cancels_its_sync(ticket, operator, request_of):
    made, _ = PatternRun.objects.apply(ticket, request_of(), by=operator)
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.cancel(by=operator, reason="not wanted")
    assert set(Task.objects.values_list("state", flat=True)) == {"cancelled"}
    with pytest.raises(PhaseLeft, match="is cancelled and takes no more tasks"):
        PatternRun.objects.apply(Ticket.objects.get(pk=ticket.pk), request_of(key="two"), by=operator)
    again, new = PatternRun.objects.apply(Ticket.objects.get(pk=ticket.pk), request_of(), by=operator)
    assert (new, [task.pk for task in again.tasks]) == (False, [task.pk for task in made.tasks])


def test_a_sync_of_a_cancelled_ticket_times_out_no_more(ticket, operator, task):
    sync = {"type": "sync", "id": "s", "waiting_task_ids": [task.pk], "timeout_seconds": 1}
    made, _ = PatternRun.objects.apply(ticket, PatternRequest(sync, "s"), by=operator)
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.cancel(by=operator, reason="not wanted")
    assert Task.objects.time_out_syncs() == 0
    row = Task.objects.select_related("coordination").get(pk=made.tasks[0].pk)
    assert (row.state, row.coordination.waits) == ("cancelled", False)


@pytest.mark.parametrize("shipped", documents.shipped(), ids=lambda pattern: pattern.name)
def test_a_shipped_pattern_is_done_to_its_end(ticket, task, ada, operator, shipped):
    arguments = {name: name for name in shipped.arguments} | {"source_task_id": str(task.pk)}
    made, _ = PatternRun.objects.apply(ticket, PatternRequest(shipped.name, "x", arguments), by=operator)
    while claims := Task.objects.claim(by=ada, limit=5):
        for claim in claims:
            complete(claim, by=ada, result={"answer": "b"})
    assert {state for _, state in states_of(made)} == {"completed"}
    assert made.tasks[-1].block == "join"


# -- phases


@pytest.mark.parametrize("name", THREE)
def test_phases_that_the_workflow_lacks_are_named_until_they_are_mapped(ticket, operator, task, name):
    asked = {
        "pattern": read(of_omoios(name)).document,
        "key": name,
        "arguments": {"source_task_id": str(task.pk)},
    }
    with pytest.raises(InvalidPattern) as refused:
        PatternRun.objects.apply(ticket, PatternRequest(**asked), by=operator)
    lacking = {
        error["message"].split(" has no phase ")[1].split(";")[0] for error in refused.value.more["errors"]
    }
    assert lacking <= {"INITIAL", "IMPLEMENTATION", "INTEGRATION"}
    assert Task.objects.count() == 1
    phases = {f"PHASE_{phase}": "doing" for phase in lacking}
    made, _ = PatternRun.objects.apply(ticket, PatternRequest(**asked, phases=phases), by=operator)
    assert {task.phase for task in made.tasks} == {"DOING"}


def test_a_phase_that_the_pattern_does_not_name_is_no_mapping(ticket, operator, request_of):
    with pytest.raises(InvalidPattern, match="the pattern names no phase FOO"):
        PatternRun.objects.apply(ticket, request_of(phases={"foo": "DOING"}), by=operator)


def test_tasks_without_a_phase_go_where_what_they_need_is(project, operator):
    workflow = Workflow.objects.install(
        {
            "name": "three",
            "phases": [
                {"name": "PLAN", "to": ["BUILD"]},
                {"name": "BUILD", "to": ["DONE"]},
                {"name": "DONE", "to": []},
            ],
        }
    )
    allow_workflow(project, workflow)
    ticket = Ticket.objects.open(project, TicketSpec("x", workflow="three"), by=operator)
    plan, build = Task.objects.add(
        ticket, [TaskSpec("plan"), TaskSpec("build", phase="BUILD", priority=0)], by=operator
    )
    early, _ = PatternRun.objects.apply(ticket, PatternRequest(split(plan.pk), "early"), by=operator)
    late, _ = PatternRun.objects.apply(ticket, PatternRequest(split(build.pk), "late"), by=operator)
    assert {(task.phase, task.priority) for task in early.tasks} == {("PLAN", 2)}
    assert {(task.phase, task.priority) for task in late.tasks} == {("BUILD", 0)}


# -- at the same time, and ended in the middle


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_graph(ticket, operator, request_of):
    [answers] = race(1, *[lambda _: PatternRun.objects.apply(ticket, request_of(), by=operator)] * 4)
    assert sorted(new for _, new in answers) == [False, False, False, True]
    assert len({tuple(task.pk for task in made.tasks) for made, _ in answers}) == 1
    assert (PatternRun.objects.count(), Task.objects.count()) == (1, 7)


KILLED = """
import os, signal, django
django.setup()
from django.db import connection
from tickets.models import PatternRequest, PatternRun, Task, Ticket
from tickets.models.coordination import pattern_run
setattr({where}, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
asked = PatternRequest({pattern!r}, "one")
PatternRun.objects.apply(Ticket.objects.get(pk={ticket}), asked, by="system:tests")
"""


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "where",
    [
        'pattern_run, "_split"',
        'Task.objects.__class__, "_refuse_faults"',
        'PatternRun.objects.__class__, "create"',
    ],
)
def test_one_that_is_killed_in_the_middle_leaves_nothing_and_can_be_repeated(
    ticket, task, operator, request_of, where
):
    before = rows()
    code = KILLED.format(where=where, ticket=ticket.pk, pattern=split(task.pk))
    environment = {**os.environ, **cluster.environment(), "DJANGO_SETTINGS_MODULE": "omoi_site.settings"}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert rows() == before
    _, new = PatternRun.objects.apply(ticket, request_of(), by=operator)
    assert (new, Task.objects.count()) == (True, 7)


# -- large, and gone wrong


def test_tasks_with_more_needs_than_one_act_may_add_are_refused(ticket, operator, task):
    specs = [TaskSpec("x", needs=[NeedSpec(task.pk)] * 1_000) for _ in range(MOST_NEEDS // 1_000)]
    more = TaskSpec("y", needed_by=[task.pk])
    with pytest.raises(Invalid, match="they have 10001 needs in all; at most 10000 are allowed"):
        Task.objects.add(ticket, [*specs, more], by=operator)
    assert Task.objects.count() == 1


@pytest.mark.full
def test_a_pattern_of_a_thousand_tasks_costs_as_many_statements_as_a_small_one(ticket, operator, task, ada):
    def statements(number):
        with CaptureQueriesContext(
            connection,
        ) as seen:
            PatternRun.objects.apply(ticket, PatternRequest(split(task.pk, number), f"{number}"), by=operator)
        return len(seen)

    assert statements(10) == statements(100)
    large = statements(997)
    assert large <= statements(11) + 2
    assert Task.objects.count() == 1 + 13 + 103 + 1000 + 14


def test_a_join_whose_tasks_are_cancelled_is_held_and_asks(ticket, task, ada, operator, request_of):
    made, _ = PatternRun.objects.apply(ticket, request_of(), by=operator)
    complete(Task.objects.claim(by=ada)[0], by=ada)
    parts = {one.name: one.pk for one in made.tasks}
    Task.objects.act(parts["split_task_2"], "cancel", by=operator, reason="not needed")
    sync = Task.objects.get(pk=parts["gathered"])
    assert (sync.state, sync.unsatisfiable) == ("pending", True)
    [cause] = Task.objects.explanations([sync.pk])[sync.pk]["causes"]
    assert cause["what"].startswith("its needs can no longer be met")
    Task.objects.act(parts["split_task_2"], "retry", by=operator, reason="after all")
    for claim in Task.objects.claim(by=ada, limit=5):
        complete(claim, by=ada, result={})
    assert [claim.task for claim in Task.objects.claim(by=ada)] == [parts["go_on"]]


@pytest.mark.parametrize("policy", ["cancel", "continue"])
def test_a_part_says_what_happens_when_a_task_fails(ticket, task, ada, operator, policy):
    asked = split(task.pk)
    asked["sync_points"][0]["on_failure"] = policy
    asked["join"]["on_failure"] = policy
    made, _ = PatternRun.objects.apply(ticket, PatternRequest(asked, "x"), by=operator)
    complete(Task.objects.claim(by=ada)[0], by=ada)
    first, *others = Task.objects.claim(by=ada, limit=5)
    fail(first, by=ada, kind="permanent")
    for claim in others:
        complete(claim, by=ada, result={"a": 1})
    states = dict(states_of(made))
    after = ("cancelled",) * 3 if policy == "cancel" else ("completed", "completed", "pending")
    assert (states["gathered"], states["go_on_merge"], states["go_on"]) == after


def test_the_graph_names_operations_runs_and_policies(ticket, operator, request_of):
    made, _ = PatternRun.objects.apply(ticket, request_of(), by=operator)
    shown = graph(ticket)
    names = {one.pk: one.name for one in made.tasks}
    assert {pk: run["name"] for pk, run in shown.runs.items()} == names
    assert {names[pk]: row.strategy for pk, row in shown.operations.items()} == {
        "gathered": "",
        "go_on_merge": "combine",
    }
