"""Coordination over HTTP: split, sync, join and merge, added to a ticket by patterns."""

from __future__ import annotations

import pytest

from agents.models import Event
from omoi_site.database import sql
from tests.flows.conftest import titles
from tests.support.delivery import EVIDENCE, Delivery
from tickets.models import Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def apply(calls):
    """Apply a pattern to a ticket. Returns the tasks by their names in the pattern."""

    def apply(ticket, pattern, key="one", **more):
        answer = calls.post(f"/tickets/{ticket['key']}/patterns", {"pattern": pattern, "key": key, **more})
        assert answer.status_code == 201, answer.json()
        return {task["name"]: task for task in answer.json()["tasks"]}

    return apply


@pytest.fixture
def now(calls):
    """The task as it is now."""
    return lambda task: calls.get(f"/tasks/{task['id']}").json()


def finish(claim, complete, *results, limit=5):
    """Claim what is ready and complete it, with these results in order."""
    held = claim(limit)
    for claimed, result in zip(held, [*results, *[None] * len(held)], strict=False):
        complete(claimed, result)
    return titles(held)


def sync(*waiting, **more):
    return {"type": "sync", "id": "gathered", "waiting_task_ids": list(waiting), **more}


def split(source, *titles):
    tasks = [{"title": title} for title in titles]
    return {"type": "split", "id": "parts", "source_task_id": source["id"], "target_tasks": tasks}


def data_of(kind):
    return [event.data for event in Event.objects.filter(kind=kind).order_by("id")]


# -- J1, J2, J3: sync


def test_j1_a_sync_point_keeps_what_it_was_given(opened, apply, now):
    """As there: without a count it needs all, without a timeout it waits for ever. Here it is a task of the
    graph, and stored; there a count of 0 means all, here it is refused.
    """
    ticket, tasks = opened("a", "b", "c")
    ids = [task["id"] for task in tasks.values()]
    every = now(apply(ticket, sync(*ids))["gathered"])
    assert (every["operation"], every["join"], every["coordination"]["timeout_s"]) == ("sync", None, None)
    assert [need["task"] for need in every["needs"]] == ids
    two = now(apply(ticket, sync(*ids, required_count=2, timeout_seconds=60), key="two")["gathered"])
    assert (two["join"], two["coordination"]["timeout_s"]) == (2, 60)
    assert two["coordination"]["on_timeout"] == "fail"


@pytest.mark.parametrize("count", [0, 4])
def test_a_sync_of_none_or_of_more_than_there_are_is_refused(opened, calls, count):
    ticket, tasks = opened("a", "b", "c")
    pattern = sync(*[task["id"] for task in tasks.values()], required_count=count)
    answer = calls.post(f"/tickets/{ticket['key']}/patterns", {"pattern": pattern, "key": "x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_pattern")
    assert answer.json()["errors"][0]["field"] == "required_count"
    assert Task.objects.count() == 3


def test_j2_a_sync_of_two_is_ready_with_the_second(opened, apply, claim, complete, now):
    """There a caller asks again and again, and is told each time. Here the act that brings the last one
    completes the sync, which is told once.
    """
    ticket, tasks = opened("a", "b")
    gathered = apply(ticket, sync(tasks["a"]["id"], tasks["b"]["id"]))["gathered"]
    first, second = claim(5)
    assert now(gathered)["state"] == "pending"
    complete(first)
    assert (now(gathered)["state"], data_of("coordination.sync.ready")) == ("pending", [])
    complete(second)
    keys = [tasks["a"]["key"], tasks["b"]["key"]]
    came = {"required": 2, "of": 2, "completed": keys, "missing": []}
    assert (now(gathered)["state"], now(gathered)["result"]) == ("completed", came)
    assert data_of("coordination.sync.ready") == [came]


def test_j3_two_of_three_are_enough(opened, apply, claim, complete, now):
    ticket, tasks = opened("a", "b", "c")
    gathered = apply(ticket, sync(*[task["id"] for task in tasks.values()], required_count=2))["gathered"]
    first, second, third = claim(5)
    complete(first)
    complete(second)
    assert now(gathered)["state"] == "completed"
    assert now(gathered)["result"]["missing"] == [tasks["c"]["key"]]
    complete(third)
    assert len(data_of("coordination.sync.ready")) == 1


# -- J4: split


def test_j4_a_split_makes_tasks_that_need_the_source(opened, apply, claim, complete, now):
    """In their order, with the phase and priority of the source where they name none."""
    ticket, tasks = opened({"title": "plan", "priority": "high"})
    made = apply(ticket, split(tasks["plan"], "one", "two", "three"))
    assert [task["title"] for task in made.values()] == ["one", "two", "three"]
    for task in made.values():
        assert [need["task"] for need in now(task)["needs"]] == [tasks["plan"]["id"]]
        assert (task["phase"], task["priority"]) == (tasks["plan"]["phase"], "high")
    assert finish(claim, complete) == ["plan"]
    assert finish(claim, complete) == ["one", "two", "three"]
    [event] = Event.objects.filter(kind="coordination.split.created")
    assert event.subject == f"task:{tasks['plan']['id']}"
    assert event.data["tasks"] == [task["id"] for task in made.values()]


def test_j4_an_unknown_source_is_refused(opened, calls):
    """There: ValueError `Source task … not found`. Nothing is added."""
    ticket, _ = opened()
    answer = calls.post(
        f"/tickets/{ticket['key']}/patterns", {"pattern": split({"id": "4711"}, "one"), "key": "x"}
    )
    assert answer.status_code == 422
    assert "there is no task 4711 in this project" in answer.json()["detail"]
    assert Task.objects.count() == 0


# -- J5: join


def test_a_dry_run_says_how_long_a_sync_would_wait_and_what_then(opened, calls, apply):
    ticket, tasks = opened("a")
    pattern = sync(tasks["a"]["id"], timeout_seconds=60, on_timeout="continue")
    planned = calls.post(f"/tickets/{ticket['key']}/patterns", {"pattern": pattern, "dry_run": True}).json()
    for [task] in (planned["tasks"], apply(ticket, pattern).values()):
        assert (task["timeout_s"], task["on_timeout"]) == (60, "continue")


def join(*sources, strategy="all", **task):
    return {
        "type": "join",
        "id": "go_on",
        "source_task_ids": list(sources),
        "merge_strategy": strategy,
        "continuation_task": {"title": "go on", **task},
    }


def test_j5_a_join_makes_one_task_that_needs_all(opened, apply, now):
    ticket, tasks = opened("a", "b", "c")
    ids = [task["id"] for task in tasks.values()]
    made = apply(ticket, join(*ids, phase_id="PHASE_DOING", task_type="integrate"))["go_on"]
    assert (made["phase"], made["kind"], made["operation"]) == ("DOING", "integrate", "")
    assert [need["task"] for need in now(made)["needs"]] == ids
    assert now(made)["join"] is None


@pytest.mark.parametrize(("strategy", "count"), [("first", 1), ("majority", 2)])
def test_a_join_goes_on_with_the_first_or_with_most(opened, apply, claim, complete, now, strategy, count):
    """There the strategy is only told in the event; here it decides how many the task needs."""
    ticket, tasks = opened("a", "b", "c")
    made = apply(ticket, join(*[task["id"] for task in tasks.values()], strategy=strategy))["go_on"]
    held = claim(5)
    for done, claimed in enumerate(held, 1):
        complete(claimed)
        assert now(made)["ready"] == (done >= count)


def test_j5_unknown_sources_are_refused(opened, calls):
    """There: ValueError `Some source tasks not found`, also for one that is named twice."""
    ticket, tasks = opened("a")
    for sources, words in [([tasks["a"]["id"], "4711"], "no task 4711"), ([tasks["a"]["id"]] * 2, "twice")]:
        answer = calls.post(f"/tickets/{ticket['key']}/patterns", {"pattern": join(*sources), "key": "x"})
        assert answer.status_code == 422
        assert words in answer.json()["detail"]


# -- J6: merge


def merged(calls, ticket, sources, strategy, **more):
    answer = calls.post(
        f"/tickets/{ticket['key']}/merges", {"sources": sources, "strategy": strategy, **more}
    )
    assert answer.status_code == 201, answer.json()
    [task] = answer.json()["tasks"]
    return task


@pytest.mark.parametrize(
    ("strategy", "result"),
    [
        ("combine", {"a": 1, "b": 3, "c": 4}),
        ("union", {"a": 1, "b": [2, 3], "c": 4}),
        ("intersection", {"b": 3}),
        ("first", {"a": 1, "b": 2}),
    ],
)
def test_j6_a_merge_makes_one_result(opened, calls, claim, complete, now, strategy, result):
    """There union is the same as combine, and what comes first is not said. Here each strategy is what its
    name says.
    """
    ticket, tasks = opened("one", "two")
    finish(claim, complete, {"a": 1, "b": 2}, {"b": 3, "c": 4})
    made = merged(calls, ticket, [task["id"] for task in tasks.values()], strategy)
    assert (now(made)["state"], now(made)["result"]) == ("completed", result)
    [event] = data_of("coordination.merge.completed")
    assert event["result_keys"] == sorted(result)
    events = Event.objects.filter(subject=f"task:{made['id']}").order_by("number")
    assert [event.kind for event in events] == [
        "task.added",
        "coordination.merge.created",
        "need.added",
        "task.completed",
        "coordination.merge.completed",
    ]


def test_j6_a_merge_of_an_open_task_waits(opened, calls, claim, complete, now):
    """There it is an error. Here it waits for the task, and is made with its completion."""
    ticket, tasks = opened("one", "two")
    made = merged(calls, ticket, [task["id"] for task in tasks.values()], "combine")
    first, second = claim(5)
    complete(first, {"a": 1})
    assert now(made)["state"] == "pending"
    complete(second, {"b": 2})
    assert now(made)["result"] == {"a": 1, "b": 2}


# -- J7: from a document


def test_j7_the_four_types_are_applied_from_a_document(opened, apply):
    ticket, tasks = opened("a", "b")
    ids = [task["id"] for task in tasks.values()]
    merge = {"type": "merge", "id": "one", "source_task_ids": ids, "merge_strategy": "combine"}
    patterns = [split(tasks["a"], "x"), sync(*ids), join(*ids), merge]
    blocks = [
        task["block"]
        for number, pattern in enumerate(patterns)
        for task in apply(ticket, pattern, key=f"key {number}").values()
    ]
    assert blocks == ["split", "sync", "join", "merge"]


def test_j7_an_unknown_type_is_refused(opened, calls):
    """There: ValueError `Unknown pattern type`."""
    ticket, _ = opened()
    answer = calls.post(
        f"/tickets/{ticket['key']}/patterns", {"pattern": {"type": "loop", "id": "x"}, "key": "x"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_pattern")
    assert "`type` is loop; it must be one of split, sync, merge, join" in answer.json()["detail"]


# -- J8: end to end


def test_j8_split_sync_join_and_merge_of_three(opened, apply, claim, complete, now):
    ticket, tasks = opened("plan")
    pattern = {
        "name": "three",
        "pattern": split(tasks["plan"], "one", "two", "three"),
        "sync_points": [{"id": "gathered"}],
        "merge": {"id": "merged", "merge_strategy": "combine"},
        "join": {"id": "go_on", "continuation_task": {"title": "go on"}},
    }
    made = apply(ticket, pattern)
    assert finish(claim, complete) == ["plan"]
    assert finish(claim, complete, {"a": 1}, {"b": 2}, {"c": 3}) == ["one", "two", "three"]
    assert (now(made["gathered"])["state"], now(made["merged"])["state"]) == ("completed", "completed")
    assert now(made["merged"])["result"] == {"a": 1, "b": 2, "c": 3}
    [held] = claim(5)
    assert held["task"]["title"] == "go on"
    [given] = held["brief"]["inputs"]
    assert given["result"] == {"a": 1, "b": 2, "c": 3}


def test_j8_reviews_that_need_what_they_review(opened, apply, claim, complete):
    ticket, tasks = opened(
        {"ref": "a", "title": "a"},
        {"ref": "b", "title": "b"},
        {"title": "review a", "needs": ["a"]},
        {"title": "review b", "needs": ["b"]},
    )
    apply(ticket, join(tasks["review a"]["id"], tasks["review b"]["id"], strategy="combine"))
    assert finish(claim, complete) == ["a", "b"]
    assert finish(claim, complete, {"a": "good"}, {"b": "bad"}) == ["review a", "review b"]
    [held] = claim(5)
    assert held["brief"]["inputs"][0]["result"] == {"a": "good", "b": "bad"}


def test_j8_a_majority_of_two_then_a_join(opened, apply, claim, complete, now):
    ticket, tasks = opened("a", "b", "c")
    ids = [task["id"] for task in tasks.values()]
    pattern = {
        "name": "vote",
        "sync_points": [{"id": "enough", "waiting_task_ids": ids, "required_count": 2}],
        "merge": {"id": "vote", "source_task_ids": ids, "merge_strategy": "majority"},
        "join": {"id": "act", "source_task_ids": ids, "continuation_task": {"title": "act"}},
    }
    made = apply(ticket, pattern)
    first, second, third = claim(5)
    complete(first, {"take": "b", "by": "a"})
    complete(third, {"take": "b", "by": "c"})
    assert now(made["vote"])["result"] == {"take": "b"}
    assert now(made["vote"])["coordination"]["left_out"] == ["by"]
    assert titles(claim(5)) == ["act"]
    complete(second, {"take": "a"})
    assert now(made["vote"])["result"] == {"take": "b"}


def test_j8_a_join_over_a_chain_makes_no_cycle(opened, apply, claim, complete):
    ticket, tasks = opened({"ref": "a", "title": "a"}, {"title": "b", "needs": ["a"]})
    apply(ticket, join(tasks["a"]["id"], tasks["b"]["id"]))
    assert [finish(claim, complete) for _ in range(3)] == [["a"], ["b"], ["go on"]]


# -- timeouts of a sync


def pass_time(task, seconds):
    """What the sync has waited for its tasks grows by so many seconds."""
    Task.objects.time_out_syncs()
    sql.rows(
        "UPDATE tickets_operation SET since = since - %s * interval '1 s' WHERE task_id = %s",
        [seconds, int(task["id"])],
    )
    return Task.objects.time_out_syncs()


@pytest.mark.parametrize("done", [0, 1, 2])
@pytest.mark.parametrize("policy", ["fail", "continue"])
def test_a_sync_whose_time_is_over(opened, apply, claim, complete, now, done, policy):
    """With none, one or enough of three that have come. There the timeout is never looked at."""
    ticket, tasks = opened("a", "b", "c")
    ids = [task["id"] for task in tasks.values()]
    pattern = sync(*ids, required_count=2, timeout_seconds=3600, on_timeout=policy)
    gathered = apply(ticket, pattern)["gathered"]
    for claimed in claim(5)[:done]:
        complete(claimed, {})
    assert pass_time(gathered, 3000) == 0
    ended = pass_time(gathered, 900)
    task = now(gathered)
    assert ended == (done < 2)
    if done == 2:
        assert (task["state"], data_of("coordination.sync.timed_out")) == ("completed", [])
        return
    [event] = data_of("coordination.sync.timed_out")
    assert len(event["completed"]) == done
    if policy == "fail":
        assert task["state"] == "failed"
        assert task["error"].startswith(f"{done} of 3 tasks had ended as needed when its 3600 s were over")
    else:
        assert (task["state"], len(task["result"]["completed"])) == ("completed", done)
    assert pass_time(gathered, 3600) == 0


# -- what a merge waits for, what goes before, and what the graph shows


def test_a_merge_of_enough_does_not_wait_for_the_others(opened, calls, claim, complete, now):
    ticket, tasks = opened("one", "two", "three")
    made = merged(calls, ticket, [task["id"] for task in tasks.values()], "combine", required=2)
    first, _, third = claim(5)
    complete(first, {"a": 1})
    complete(third, {"c": 3})
    assert now(made)["result"] == {"a": 1, "c": 3}


def test_the_same_key_of_a_merge_adds_nothing_again(opened, calls):
    """A split repeated adds everything again there."""
    ticket, tasks = opened("one", "two")
    asked = {"sources": [task["id"] for task in tasks.values()], "strategy": "union", "key": "once"}
    answers = [calls.post(f"/tickets/{ticket['key']}/merges", asked) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()
    other = calls.post(f"/tickets/{ticket['key']}/merges", {**asked, "strategy": "combine"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")


def test_a_dry_run_says_what_would_be_added_and_adds_nothing(opened, calls):
    ticket, tasks = opened("plan")
    asked = {"pattern": split(tasks["plan"], "one", "two"), "dry_run": True}
    answer = calls.post(f"/tickets/{ticket['key']}/patterns", asked)
    assert (answer.status_code, answer.json()["dry_run"]) == (200, True)
    assert [(task["name"], task["id"], task["state"]) for task in answer.json()["tasks"]] == [
        ("split_task_1", None, None),
        ("split_task_2", None, None),
    ]
    assert [(edge["task"], edge["needs"]) for edge in answer.json()["edges"]] == [
        ("split_task_1", tasks["plan"]["id"]),
        ("split_task_2", tasks["plan"]["id"]),
    ]
    assert [source["key"] for source in answer.json()["sources"]] == [tasks["plan"]["key"]]
    assert Task.objects.count() == 1


def test_a_task_goes_before_a_pending_one_while_work_is_going_on(opened, calls, claim, complete):
    ticket, tasks = opened({"ref": "a", "title": "a"}, {"title": "b", "needs": ["a"]})
    [held] = claim()
    new = {"title": "between", "needs": [tasks["a"]["id"]], "needed_by": [tasks["b"]["id"]]}
    assert calls.post(f"/tickets/{ticket['key']}/tasks", {"tasks": [new]}).status_code == 201
    complete(held)
    assert [finish(claim, complete) for _ in range(2)] == [["between"], ["b"]]


@pytest.mark.parametrize(("before", "status", "code"), [("a", 409, "not_ready"), ("b", 409, "cycle")])
def test_a_task_does_not_go_before_one_that_has_begun_or_that_it_needs(
    opened, calls, claim, before, status, code
):
    ticket, tasks = opened("a", "b")
    claim(1)
    new = {"title": "late", "needs": [tasks["b"]["id"]], "needed_by": [tasks[before]["id"]]}
    answer = calls.post(f"/tickets/{ticket['key']}/tasks", {"tasks": [new]})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert Task.objects.count() == 2


def test_the_graph_shows_operations_runs_and_policies(opened, apply, calls):
    ticket, tasks = opened("a", "b")
    ids = [task["id"] for task in tasks.values()]
    pattern = sync(*ids, timeout_seconds=60, on_timeout="continue", when="always", on_failure="cancel")
    made = apply(ticket, pattern, key="wait")["gathered"]
    graph = calls.get(f"/tickets/{ticket['key']}/graph").json()
    nodes = {node["id"]: node for node in graph["nodes"]}
    shown = nodes[made["id"]]
    assert shown["operation"] == "sync"
    assert (shown["coordination"]["timeout_s"], shown["coordination"]["on_timeout"]) == (60, "continue")
    assert shown["pattern"] == {"key": "wait", "pattern": "gathered", "name": "gathered", "block": "sync"}
    assert [nodes[pk]["pattern"] for pk in ids] == [None, None]
    assert {(edge["when"], edge["on_failure"]) for edge in graph["edges"]} == {("always", "cancel")}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"pattern": 3, "key": "x"},
        {"pattern": "", "key": "x"},
        {"pattern": {}, "key": "x"},
        {"pattern": {"type": "sync", "id": "x", "waiting_task_ids": [["1"]]}, "key": "x"},
        {"pattern": "majority_vote", "key": "x", "arguments": {"question": {"a": 1}}},
        {"pattern": "majority_vote", "key": "x", "arguments": []},
        {"pattern": "majority_vote", "key": "x", "phases": {"A": 1}},
        {"pattern": {"type": "split", "id": "x", "source_task_id": "1", "target_tasks": []}, "key": "x"},
        {"pattern": {"name": "x", "join": [1]}, "key": "x"},
        {"pattern": {"name": "x", "sync_points": {"id": "x"}}, "key": "x"},
    ],
)
def test_a_bad_body_is_refused_with_its_faults(opened, calls, body):
    ticket, _ = opened("a")
    answer = calls.post(f"/tickets/{ticket['key']}/patterns", body)
    assert answer.status_code == 422, answer.json()
    assert answer.json()["errors"]
    assert Task.objects.count() == 1


def test_a_merge_hands_over_nothing_that_its_tasks_have_not(project, calls, agent):
    """What a phase knows is what its tasks have said, once."""
    delivery = Delivery(calls, agent)
    delivery.go("REQUIREMENTS")
    delivery.work_off(result={"summary": "Asked", "context": {"decisions": ["Ask first"]}})
    [task] = calls.get("/tasks", ticket=delivery.at.rpartition("/")[2]).json()["results"]
    made = calls.post(f"{delivery.at}/merges", {"sources": [task["id"]], "strategy": "combine"})
    assert made.json()["tasks"][0]["state"] == "completed"
    for kind, content in EVIDENCE["REQUIREMENTS"].items():
        delivery.submit(kind, content)
    assert delivery.go("DESIGN").status_code == 200
    [version] = calls.get(f"{delivery.at}/context", phase="REQUIREMENTS").json()["phases"]
    assert [task["summary"] for task in version["content"]["tasks"]] == ["Asked"]
