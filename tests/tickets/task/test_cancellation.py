"""Cancelling a task: what becomes of those that need it, asked before or decided with it."""

from __future__ import annotations

import pytest

from tests.factories import states
from tests.support.api_client import api_of
from tickets.models import Edge, Need, Task, TaskSpec

pytestmark = pytest.mark.django_db


@pytest.fixture
def graph(ticket, operator):
    """`root`, and tasks that need it: each by another policy, one for its failure, and one further down."""
    names = ["root", "holds", "cancels", "continues", "mends", "below", "other", "both"]
    added = Task.objects.add(ticket, [TaskSpec(name) for name in names], by=operator)
    tasks = dict(zip(names, added, strict=True))
    root = tasks["root"].pk
    edges = [
        Edge(root, tasks["holds"].pk),
        Edge(root, tasks["cancels"].pk, on_failure="cancel"),
        Edge(root, tasks["continues"].pk, on_failure="continue"),
        Edge(root, tasks["mends"].pk, when="failure"),
        Edge(tasks["cancels"].pk, tasks["below"].pk, on_failure="cancel"),
        Edge(root, tasks["both"].pk, on_failure="continue"),
        Edge(tasks["other"].pk, tasks["both"].pk),
    ]
    Need.objects.add(ticket.project_id, edges, by=operator)
    return tasks


def then(document):
    return {each["title"]: each["then"] for each in document["dependants"]}


AS_EACH_SAYS = {
    "holds": "held",
    "cancels": "cancelled",
    "below": "cancelled",
    "continues": "ready",
    "mends": "ready",
    "both": "waits",
}
DECIDED = {
    "hold": {name: "held" for name in ("holds", "cancels", "continues", "both")} | {"mends": "ready"},
    "cancel": {name: "cancelled" for name in ("holds", "cancels", "continues", "both", "below")}
    | {"mends": "ready"},
    "continue": {name: "ready" for name in ("holds", "cancels", "continues", "mends")} | {"both": "waits"},
}


@pytest.mark.parametrize("claimed", [False, True])
def test_one_can_ask_what_would_become_of_them_and_nothing_happens(graph, operator, ada, claimed):
    if claimed:
        Task.objects.claim(by=ada)
    before = list(Task.objects.order_by("pk").values())
    needs = list(Need.objects.order_by("pk").values())
    calls = api_of(operator)

    assert then(calls.get(f"/tasks/{graph['root'].pk}/cancellation").json()) == AS_EACH_SAYS
    for policy, expected in DECIDED.items():
        answer = calls.get(f"/tasks/{graph['root'].pk}/cancellation", dependants=policy).json()
        assert (then(answer), answer["more_dependants"]) == (expected, 0)

    assert list(Task.objects.order_by("pk").values()) == before
    assert list(Need.objects.order_by("pk").values()) == needs


def standing(graph):
    """What became of each, read from its row."""
    found = {}
    for name, task in graph.items():
        task.refresh_from_db()
        found[name] = (
            task.state
            if task.state != "pending"
            else "held"
            if task.unsatisfiable
            else "ready"
            if task.is_ready
            else "waits"
        )
    return found


@pytest.mark.parametrize("policy", ["", *DECIDED])
def test_what_was_announced_is_what_happens(graph, operator, policy):
    calls, path = api_of(operator), f"/tasks/{graph['root'].pk}/cancellation"
    how = {"dependants": policy} if policy else {}
    announced = then(calls.get(path, **how).json())

    answer = calls.post(path, {"reason": "not needed", **how})

    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    found = standing(graph)
    assert {name: found[name] for name in announced} == announced


def test_a_caller_that_asks_is_refused_with_the_list_and_nothing_is_cancelled(graph, operator):
    calls, path = api_of(operator), f"/tasks/{graph['root'].pk}/cancellation"

    refused = calls.post(path, {"reason": "not needed", "dependants": "ask"})

    assert (refused.status_code, refused.json()["code"]) == (409, "dependants_undecided")
    assert then(refused.json()) == AS_EACH_SAYS
    assert "hold, cancel or continue" in refused.json()["next_action"]
    assert set(states(*graph.values())) == {"pending"}
    assert calls.post(path, {"reason": "not needed", "dependants": "hold"}).status_code == 200


def test_a_caller_that_asks_is_not_refused_where_all_can_go_on(graph, operator):
    path = f"/tasks/{graph['other'].pk}/cancellation"
    Need.objects.filter(parent=graph["other"]).update(on_failure="continue")
    assert api_of(operator).post(path, {"reason": "no", "dependants": "ask"}).status_code == 200


def test_a_decision_holds_when_the_task_is_retried(graph, operator):
    """The needs keep it: what is cancelled again has the same effect."""
    Task.objects.act(graph["root"].pk, "cancel", by=operator, reason="no", dependants="continue")
    Task.objects.act(graph["root"].pk, "retry", by=operator, reason="after all")
    assert standing(graph)["holds"] == "waits"
    Task.objects.act(graph["root"].pk, "cancel", by=operator, reason="no")
    assert standing(graph)["holds"] == "ready"


@pytest.mark.parametrize("policy", ["", "ask", "hold"])
def test_what_has_ended_cannot_be_cancelled(graph, operator, policy):
    Task.objects.act(graph["root"].pk, "cancel", by=operator, reason="no")
    calls, path = api_of(operator), f"/tasks/{graph['root'].pk}/cancellation"
    how = {"dependants": policy} if policy else {}
    assert calls.post(path, {"reason": "no", **how}).json()["code"] == "not_ready"
    assert calls.get(path).json()["code"] == "not_ready"


def test_who_may_not_cancel_may_not_try(graph, bob):
    path = f"/tasks/{graph['root'].pk}/cancellation"
    assert api_of(bob, "work").get(path).status_code == 403
    assert api_of(bob, "work").post(path, {"reason": "no"}).status_code == 403
    assert set(states(*graph.values())) == {"pending"}


@pytest.mark.parametrize("dependants", ["", "all", 5, ["hold"], None])
def test_a_decision_that_cannot_be_is_refused(graph, operator, dependants):
    path = f"/tasks/{graph['root'].pk}/cancellation"
    refused = api_of(operator).post(path, {"reason": "no", "dependants": dependants})
    assert refused.status_code == 422
    assert [fault["field"] for fault in refused.json()["errors"]] == ["dependants"]


def test_a_long_list_is_cut_and_counted(ticket, operator):
    root, *children = Task.objects.add(ticket, [TaskSpec(f"t{n}") for n in range(231)], by=operator)
    Need.objects.add(ticket.project_id, [Edge(root.pk, child.pk) for child in children], by=operator)
    answer = api_of(operator).get(f"/tasks/{root.pk}/cancellation").json()
    assert (len(answer["dependants"]), answer["more_dependants"]) == (200, 30)
