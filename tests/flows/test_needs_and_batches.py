"""Needs and batches over HTTP: a task is granted once its needs are met, and one claim may take several
tasks.
"""

from __future__ import annotations

import pytest

from tests.flows.conftest import titles

pytestmark = pytest.mark.django_db


def chain(*titles):
    """Tasks of which each needs the one before."""
    return [
        {"ref": title, "title": title, "needs": [titles[place - 1]] if place else []}
        for place, title in enumerate(titles)
    ]


def test_needs_are_stored_and_read_back(opened):
    """OmoiOS keeps the ids in `{"depends_on": [...]}`, or null. Here a need is an edge: the task, the awaited
    outcome, and what happens if it fails; without needs the list is empty.
    """
    _, tasks = opened(*chain("first", "second"))
    assert tasks["first"]["needs"] == []
    [need] = tasks["second"]["needs"]
    assert (need["task"], need["when"], need["on_failure"]) == (tasks["first"]["id"], "success", "hold")


def test_a_more_urgent_task_waits_for_its_need(opened, claim, complete):
    """It is not offered to anybody before, whatever its priority."""
    opened(
        {"ref": "low", "title": "low", "priority": "low"},
        {"title": "critical", "priority": "critical", "needs": ["low"]},
    )
    [held] = claim(5)
    assert titles([held]) == ["low"]
    complete(held)
    assert titles(claim(5)) == ["critical"]


def test_whether_its_needs_are_met_is_told_before_and_after(opened, claim, complete, calls):
    """OmoiOS answers `dependencies_complete`. Here a task says whether it is `ready`, and how many needs are
    open.
    """
    _, tasks = opened(*chain("first", "second"))
    second = f"/tasks/{tasks['second']['id']}"
    assert (calls.get(second).json()["ready"], calls.get(second).json()["open_needs"]) == (False, 1)
    complete(claim()[0])
    assert (calls.get(second).json()["ready"], calls.get(second).json()["open_needs"]) == (True, 0)


def test_with_two_needs_both_must_be_completed(opened, claim, complete):
    opened({"ref": "a", "title": "a"}, {"ref": "b", "title": "b"}, {"title": "both", "needs": ["a", "b"]})
    one, two = claim(5)
    complete(one)
    assert claim(5) == []
    complete(two)
    assert titles(claim(5)) == ["both"]


def test_all_tasks_a_task_holds_up_are_listed(opened, calls):
    """OmoiOS has a list of the tasks that one blocks. Here each task lists its needs, so the ticket's list
    shows who waits for it.
    """
    ticket, tasks = opened(
        {"ref": "a", "title": "a"}, {"title": "b", "needs": ["a"]}, {"title": "c", "needs": ["a"]}, "d"
    )
    listed = calls.get("/tasks", ticket=ticket["key"]).json()["results"]
    assert {
        task["title"] for task in listed if tasks["a"]["id"] in [need["task"] for need in task["needs"]]
    } == {"b", "c"}


def test_a_cycle_of_three_is_refused_and_named(opened, calls):
    """OmoiOS finds a cycle when it is asked, and stores it all the same. Here the edge that would close it is
    refused with the tasks of the cycle, and nothing is changed.
    """
    ticket, tasks = opened(*chain("t1", "t2", "t3"))
    refused = calls.post(
        f"/tickets/{ticket['key']}/edges", {"task": tasks["t1"]["id"], "needs": tasks["t3"]["id"]}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "cycle")
    assert set(refused.json()["cycle"]) == {task["key"] for task in tasks.values()}
    assert calls.get(f"/tasks/{tasks['t1']['id']}").json()["needs"] == []

    born = calls.post(
        f"/tickets/{ticket['key']}/tasks",
        {"tasks": [{"ref": "x", "title": "x", "needs": ["y"]}, {"ref": "y", "title": "y", "needs": ["x"]}]},
    )
    assert (born.status_code, born.json()["code"]) == (409, "cycle")


def test_a_phase_without_tasks_gives_an_empty_batch(opened, claim):
    opened("Write it")
    assert claim(5, phases=["TESTING"]) == []


def test_one_ready_task_is_a_batch_of_one(opened, claim):
    opened(*chain("first", "second"))
    assert titles(claim(5)) == ["first"]


def test_of_five_ready_tasks_a_limit_of_three_gives_three(opened, claim, calls):
    """OmoiOS lists three that stay pending, so that two agents take the same task. Here finding and claiming
    is one act: the three are held, and the others stay pending.
    """
    opened(*"abcde")
    assert titles(claim(3)) == ["a", "b", "c"]
    assert {task["title"] for task in calls.get("/tasks", state="pending").json()["results"]} == {"d", "e"}


def test_of_a_chain_one_at_a_time(opened, claim, complete):
    opened(*chain("a", "b", "c"))
    for title in "abc":
        held = claim(5)
        assert titles(held) == [title]
        complete(held[0])
    assert claim(5) == []


def test_of_a_diamond_all_sides_at_once_and_then_its_end(opened, claim, complete):
    opened(
        {"ref": "a", "title": "a"},
        *[{"ref": side, "title": side, "needs": ["a"]} for side in "bcd"],
        {"title": "e", "needs": ["b", "c", "d"]},
    )
    [first] = claim(5)
    complete(first)
    sides = claim(5)
    assert set(titles(sides)) == {"b", "c", "d"}
    for side in sides:
        assert claim(5) == [] or side is sides[-1]
        complete(side)
    assert titles(claim(5)) == ["e"]


def test_a_batch_is_in_order_of_priority(opened, claim):
    opened(*[{"title": priority, "priority": priority} for priority in ("low", "critical", "medium")])
    assert titles(claim(3)) == ["critical", "medium", "low"]
