"""A text has one limit and a time one range, whatever door it comes by."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest

from agents.models import Project
from omoi_site import field_limits
from omoi_site.errors import Invalid
from tests.factories import allow_workflow
from tests.support.api_client import api_of
from tests.support.backlog_files import import_issues, issue
from tickets import interchange
from tickets.models import Cycle, Task, TaskSpec, Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db

LONGEST = field_limits.longest(Ticket, "description")


def flow(description):
    tasks = [{"id": "a", "name": "a"}]
    return json.dumps(
        {"name": "x", "description": description, "workflow": {"specification": {"tasks": tasks}}}
    ).encode()


def by_api(project, operator, text):
    answer = api_of(operator).post("/tickets", {"project": project.key, "title": "x", "description": text})
    if answer.status_code != 201:
        raise Invalid(errors=answer.json()["errors"])


DOORS = {
    "verb": lambda project, operator, text: Ticket.objects.open(
        project, TicketSpec("x", description=text), by=operator
    ),
    "api": by_api,
    "beads": lambda project, operator, text: import_issues(project, issue("bd-1", description=text)),
    "wfformat": lambda project, operator, text: interchange.run(
        "wfformat", io.BytesIO(flow(text)), project=project, by=operator
    ),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_a_description_is_as_long_as_the_model_takes_it_and_no_longer(project, operator, door):
    with pytest.raises(Invalid, match="description"):
        door(project, operator, "x" * (LONGEST + 1))
    assert not Ticket.objects.exists()
    door(project, operator, "x" * LONGEST)
    assert len(Ticket.objects.get().description) == LONGEST


def test_parts_of_a_description_are_measured_together(project):
    half = "x" * (LONGEST // 2)
    with pytest.raises(Invalid, match="line 1: its description: at most 500000 characters"):
        import_issues(project, issue("bd-1", description=half, design=half))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "x" * 301),
        ("description", "x" * 100_001),
        ("kind", "x" * 61),
        ("profile", "x" * 61),
        ("capabilities", ["x"] * 101),
        ("capabilities", ["x" * 101]),
    ],
)
def test_a_task_is_held_to_the_same_limits_by_api_and_verb(ticket, operator, name, value):
    with pytest.raises(Invalid, match=name):
        Task.objects.add(ticket, [TaskSpec(**{"title": "x", name: value})], by=operator)
    refused = api_of(operator).post(f"/tickets/{ticket.key}/tasks", {"tasks": [{"title": "x", name: value}]})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"].startswith(f"tasks.0.{name}")
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    "moment",
    ["2027-01-31T09:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-11:00", "1969-12-31T00:00:00Z"],
)
@pytest.mark.parametrize("field", ["not_before", "deadline"])
def test_a_time_without_zone_or_sense_is_refused_by_its_field(ticket, task, operator, field, moment):
    calls = api_of(operator)
    added = calls.post(f"/tickets/{ticket.key}/tasks", {"tasks": [{"title": "x", field: moment}]})
    assert (added.status_code, [fault["field"] for fault in added.json()["errors"]]) == (
        422,
        [f"tasks.0.{field}"],
    )
    edited = calls.patch(f"/tasks/{task.pk}", {field: moment})
    assert (edited.status_code, [fault["field"] for fault in edited.json()["errors"]]) == (422, [field])

    value = datetime.fromisoformat(moment)
    with pytest.raises(Invalid, match=field):
        Task.objects.add(ticket, [TaskSpec("x", **{field: value})], by=operator)
    with pytest.raises(Invalid, match=field):
        Task.objects.edit(task.pk, by=operator, **{field: value})
    assert list(Task.objects.values_list(field, flat=True)) == [None]


def test_a_time_with_a_zone_is_kept(ticket, operator):
    calls = api_of(operator)
    calls.post(
        f"/tickets/{ticket.key}/tasks", {"tasks": [{"title": "x", "deadline": "2027-01-31T09:00:00+01:00"}]}
    )
    assert Task.objects.get().deadline == datetime(2027, 1, 31, 8, tzinfo=UTC)


LONG = "x" * (field_limits.REASON + 1)


@pytest.mark.parametrize(
    "act",
    {
        "pause": lambda ticket, task, by, reason: Ticket.objects.act(
            ticket.pk, "pause", by=by, reason=reason
        ),
        "pause a project": lambda ticket, task, by, reason: Project.objects.act(
            ticket.project_id, "pause", by=by, reason=reason
        ),
        "cancel a task": lambda ticket, task, by, reason: Task.objects.filter(pk=task.pk).cancel(
            by=by, reason=reason
        ),
        "bump": lambda ticket, task, by, reason: Task.objects.filter(pk=task.pk).bump(by=by, reason=reason),
        "block": lambda ticket, task, by, reason: Ticket.objects.move(
            ticket.pk, "BLOCKED", by=by, reason=reason, cause="clarification"
        ),
    }.values(),
)
def test_a_reason_has_one_limit(ticket, task, operator, act):
    with pytest.raises(Invalid, match="at most 2000"):
        act(ticket, task, operator, LONG)
    act(ticket, task, operator, LONG[:-1])


def test_a_reason_is_as_long_by_the_api(ticket, operator):
    calls = api_of(operator)
    assert calls.post(f"/tickets/{ticket.key}/pause", {"reason": LONG}).status_code == 422
    assert calls.post(f"/tickets/{ticket.key}/pause", {"reason": LONG[:-1]}).status_code == 200
    assert Ticket.objects.get().pause_reason == LONG[:-1]


def test_a_seeded_title_that_becomes_too_long_is_cut(project, operator):
    phases = [
        {"name": "DOING", "tasks": [{"title": "Review {title}"}], "to": ["DONE"]},
        {"name": "DONE", "to": []},
    ]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "seeding", "phases": phases}))
    Ticket.objects.open(project, TicketSpec(workflow=workflow, title="x" * 300), by=operator)
    assert Task.objects.get().title == f"Review {'x' * 292}…"


# -- cycles


def test_a_cycle_of_a_batch_is_told_by_its_refs(project, operator, ticket):
    tasks = [
        {"ref": "a", "title": "x", "needs": ["c"]},
        {"ref": "b", "title": "x", "needs": ["a"]},
        {"ref": "c", "title": "x", "needs": ["b"]},
    ]
    calls = api_of(operator)
    for refused in (
        calls.post("/tickets", {"project": "OMO", "title": "x", "tasks": tasks}),
        calls.post(f"/tickets/{ticket.key}/tasks", {"tasks": tasks}),
    ):
        told = refused.json()
        assert (refused.status_code, told["code"], set(told["cycle"])) == (409, "cycle", {"a", "b", "c"})
        assert " -> ".join(told["cycle"]) in told["detail"]


def test_a_long_cycle_is_told_in_few_words_and_named_whole(project, operator):
    tasks = [{"ref": f"t{n}", "title": "x", "needs": [f"t{(n + 1) % 2000}"]} for n in range(2000)]
    told = api_of(operator).post("/tickets", {"project": "OMO", "title": "x", "tasks": tasks}).json()
    assert len(told["cycle"]) == 2001
    assert len(told["detail"]) <= 500


def test_a_cycle_with_what_is_here_is_told_by_ids_of_the_backlog(project):
    import_issues(project, issue("bd-1", ("blocks", "bd-2")), issue("bd-2"))
    with pytest.raises(Cycle) as refused:
        import_issues(project, issue("bd-2", ("blocks", "bd-3")), issue("bd-3", ("blocks", "bd-1")))
    assert set(refused.value.more["cycle"]) == {"bd-1", "bd-2", "bd-3"}


def test_a_cycle_of_parents_is_told_by_ids_of_the_backlog(project):
    import_issues(project, issue("bd-1", ("parent-child", "bd-2")), issue("bd-2"))
    with pytest.raises(Cycle) as refused:
        import_issues(
            project, issue("bd-2", ("parent-child", "bd-3")), issue("bd-3", ("parent-child", "bd-1"))
        )
    assert set(refused.value.more["cycle"]) == {"bd-1", "bd-2", "bd-3"}
