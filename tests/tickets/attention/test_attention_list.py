"""The attention list: what is on it, for whom, and the act that helps."""

from __future__ import annotations

import pytest

from agents.api.view import written
from agents.models import Agent, Project
from tests.factories import fail
from tests.support.api_client import api_of
from tests.tickets.attention.conftest import do, listed, only
from tickets.models import Task, TaskSpec, Ticket
from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import Query

pytestmark = pytest.mark.django_db


@pytest.fixture
def failed(task, ada):
    """A task that failed for good."""
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, kind="permanent", error="the disk is full")
    return task


def test_without_trouble_nothing_needs_anybody(task, ada, operator):
    assert listed(operator) == []
    assert attention_list.count(Query(), by=operator) == 0


def test_a_task_that_failed_for_good_can_be_retried(failed, operator):
    item = only(operator)

    assert (item["kind"], item["subject"], item["who"]) == ("task_failed", failed.key, "operator")
    assert item["what"] == "it failed after 1 of 3 attempts: the disk is full"
    assert item["people"] == ["admin"]
    assert do(item["act"], by=operator).status_code == 200
    assert Task.objects.get(pk=failed.pk).state == "pending"
    assert listed(operator) == []


def test_work_that_nobody_can_do_is_one_item_for_all_such_tasks(ticket, ada, operator):
    specs = [TaskSpec(f"{n}", capabilities=["rust"]) for n in range(3)]
    first, *_ = Task.objects.add(ticket, specs, by=operator)

    item = only(operator)

    assert (item["kind"], item["subject"], item["who"]) == ("nobody_able", first.key, "admin")
    assert item["what"] == "no agent of OMO works in Doing and can do rust; 3 tasks wait"
    assert do(item["act"], by=operator).status_code == 201
    assert listed(operator) == []


def test_many_of_one_kind_leave_room_for_the_others(ticket, ada, operator):
    """And fill what the others leave, in the order of the list."""
    broken = [TaskSpec(f"{n}", max_attempts=1) for n in range(5)]
    rare = TaskSpec("rare", capabilities=["rust"])
    *failed, unable = Task.objects.add(ticket, [*broken, rare], by=operator)
    for claim in Task.objects.claim(by=ada, limit=5):
        fail(claim, by=ada)

    def shown(limit, of_kind=0):
        items, more = attention_list.page(Query(), by=operator, limit=limit, of_kind=of_kind)
        return [item.task for item in items], more

    failed_ids = [task.pk for task in failed]
    in_order, _ = shown(50)
    assert sorted(in_order) == sorted([*failed_ids, unable.pk])
    first = [pk for pk in in_order if pk != unable.pk]
    some = set(first[:2]) | {unable.pk}
    assert shown(3, of_kind=2) == ([pk for pk in in_order if pk in some], True)
    some |= {first[2]}
    assert shown(4, of_kind=2) == ([pk for pk in in_order if pk in some], True)
    assert shown(6, of_kind=2) == (in_order, False)
    assert shown(3) == (in_order[:3], True)


def test_an_agent_that_is_away_can_be_made_available_again(task, ada, bob, operator):
    for agent in (ada, bob):
        Agent.objects.act(agent.pk, "make_unavailable", by=operator)

    item = only(operator)

    assert item["what"].startswith("no agent that could do it is available: ada is maintenance")
    assert do(item["act"], by=operator).status_code == 200
    assert listed(operator) == []


@pytest.mark.parametrize(
    ("role", "mine"),
    [
        ("viewer", set()),
        ("operator", {"task_failed"}),
        ("approver", {"task_failed"}),
        ("admin", {"task_failed", "nobody_able"}),
    ],
)
def test_members_see_all_of_their_project_and_what_their_role_can_act_on(
    role, mine, failed, ticket, operator, person
):
    Task.objects.add(ticket, [TaskSpec("Port it", capabilities=["rust"])], by=operator)
    member = person(role)

    assert {kind for kind, _ in listed(member)} == {"task_failed", "nobody_able"}
    assert {kind for kind, _ in listed(member, mine=True)} == mine
    assert attention_list.count(Query(mine=True), by=member) == len(mine)
    shown = api_of(member).get("/attention").json()["results"]
    assert {item["kind"] for item in shown if item["mine"]} == mine


def test_who_must_act_is_named(failed, ticket, operator, person):
    """First those whose role it is, then those above; without a member, the operators of the installation."""
    Task.objects.add(ticket, [TaskSpec("Port it", capabilities=["rust"])], by=operator)
    for role, name in (("viewer", "vera"), ("operator", "olga"), ("approver", "abe")):
        person(role, name)

    items, _ = attention_list.page(Query(), by=operator, limit=50)

    assert {item.kind.name: list(item.people) for item in items} == {
        "task_failed": ["olga", "abe"],
        "nobody_able": ["admin"],
    }


def test_others_see_nothing(failed, django_user_model):
    stranger = django_user_model.objects.create_user("eve")

    assert listed(stranger) == []
    assert api_of(stranger).get("/attention", project="OMO").status_code == 404


def test_a_key_narrows_what_is_mine(failed, ticket, ada, operator, person):
    Task.objects.add(ticket, [TaskSpec("Port it", capabilities=["rust"])], by=operator)
    boss = person("admin", "boss")
    operator.key_scopes = frozenset({"tickets:write"})

    assert [kind for kind, _ in listed(operator, mine=True)] == ["task_failed"]
    boss.key_scopes = frozenset({"tickets:write"})
    assert [kind for kind, _ in listed(boss, mine=True)] == ["task_failed"]
    assert (len(listed(ada)), listed(ada, mine=True)) == (2, [])  # an agent has no role


def test_nothing_stopped_on_purpose_is_listed(failed, operator, project):
    for stop, go_on in (("pause", "resume"), ("archive", "restore")):
        Ticket.objects.act(failed.ticket_id, stop, by=operator)
        assert listed(operator) == []
        Ticket.objects.act(failed.ticket_id, go_on, by=operator)
    assert len(listed(operator)) == 1
    Project.objects.act(project.pk, "pause", by=operator)
    assert listed(operator) == []


def test_it_has_pages(ticket, ada, operator):
    specs = [TaskSpec(f"{n}", max_attempts=1) for n in range(5)]
    tasks = Task.objects.add(ticket, specs, by=operator)
    Task.objects.add(ticket, [TaskSpec("Port it", capabilities=["rust"], max_attempts=1)], by=operator)
    for claim in Task.objects.claim(by=ada, limit=5):
        fail(claim, by=ada, kind="transient")
    Task.objects.filter(pk__in=[task.pk for task in tasks[:3]]).update(ended_at="2026-01-01T00:00Z")

    seen, cursor = [], {}
    while True:
        page = api_of(operator).get("/attention", limit=2, **cursor).json()
        seen += [item["subject"] for item in page["results"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}

    assert len(seen) == len(set(seen)) == 6
    assert seen[1:4] == [task.key for task in tasks[:3]]  # the oldest first, of each kind


@pytest.mark.parametrize(
    "query",
    [
        {"kind": "nothing"},
        {"cursor": "x"},
        {"cursor": written("task_failed 1 2026-01-01")},
        {"cursor": written(f"task_failed {10**30} 2026-01-01T00:00:00+00:00")},
        {"limit": 0},
        {"mine": "perhaps"},
        {"who": "ada"},
    ],
)
def test_what_cannot_be_asked_is_refused(query, operator):
    assert api_of(operator).get("/attention", **query).status_code in (400, 422)


def test_a_page_takes_as_many_statements_for_many_items_as_for_one(
    ticket, ada, operator, django_assert_max_num_queries
):
    Task.objects.add(ticket, [TaskSpec(f"{n}") for n in range(30)], by=operator)
    for expected in (1, 30):
        for claim in Task.objects.claim(by=ada, limit=expected):
            fail(claim, by=ada, kind="permanent")
        with django_assert_max_num_queries(2):
            attention_list.page(Query(), by=operator, limit=50)
