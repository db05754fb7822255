"""The three pattern files of OmoiOS, run to their end by agents over HTTP, with a failure in each branch."""

from __future__ import annotations

import pytest
import yaml

from tests.flows.conftest import titles
from tests.support.coordination import of_omoios

pytestmark = pytest.mark.django_db

WAIT_FOR_ALL = ["parallel_implementation", "review_feedback_loop"]
PHASES = {"INITIAL": "DOING", "IMPLEMENTATION": "DOING", "INTEGRATION": "DOING"}


def named_in(document):
    parts = [*document["pattern"]["target_tasks"], document["join"]["continuation_task"]]
    return {part["phase_id"].removeprefix("PHASE_") for part in parts}


@pytest.fixture
def begun(opened, claim, complete, calls):
    """Apply one of them to a task and complete that task. Returns the tasks of the pattern by name, and the
    claims of its three branches.
    """

    def begun(name):
        ticket, tasks = opened("the whole")
        document = yaml.safe_load(of_omoios(name))
        asked = {
            "pattern": document,
            "key": name,
            "arguments": {"source_task_id": tasks["the whole"]["id"]},
            "phases": {phase: PHASES[phase] for phase in named_in(document)},
        }
        answer = calls.post(f"/tickets/{ticket['key']}/patterns", asked)
        assert answer.status_code == 201, answer.json()
        complete(claim()[0])
        return {task["name"]: task["id"] for task in answer.json()["tasks"]}, claim(5)

    return begun


@pytest.fixture
def state(calls):
    return lambda task: calls.get(f"/tasks/{task}").json()["state"]


def fail(agent, held):
    body = {"fence": held["fence"], "error": "it cannot be done", "kind": "permanent"}
    assert agent.post(f"/tasks/{held['task']['id']}/failure", body).status_code == 200


def finish_last(claim, complete, state, tasks):
    """The task that goes on, with the merged result as its input."""
    [held] = claim(5)
    last = list(tasks)[-1]
    assert held["task"]["id"] == tasks[last]
    [merged] = held["brief"]["inputs"]
    complete(held, {"done": True})
    assert state(tasks[last]) == "completed"
    return merged["result"]


@pytest.mark.parametrize("name", WAIT_FOR_ALL)
def test_three_branches_are_merged_and_gone_on_with(begun, claim, complete, state, name):
    tasks, held = begun(name)
    for number, branch in enumerate(held):
        complete(branch, {f"module {number}": "written", "by": number})
    assert finish_last(claim, complete, state, tasks) == {
        "module 0": "written",
        "module 1": "written",
        "module 2": "written",
        "by": 2,
    }


@pytest.mark.parametrize("failing", [0, 1, 2])
@pytest.mark.parametrize("name", WAIT_FOR_ALL)
def test_a_branch_that_fails_holds_the_rest_until_somebody_retries_it(
    begun, claim, complete, state, agent, calls, name, failing
):
    """In OmoiOS, what needs a failed task waits for ever, and nobody is told."""
    tasks, held = begun(name)
    for number, branch in enumerate(held):
        if number == failing:
            fail(agent, branch)
        else:
            complete(branch, {f"module {number}": "written"})
    assert claim(5) == []
    failed = held[failing]["task"]
    waiting = calls.get(f"/tasks/{list(tasks.values())[3]}/explain").json()
    assert waiting["waiting_on"] == "operator"
    assert f"{failed['key']} failed" in waiting["causes"][0]["what"]
    kinds = {item["kind"] for item in calls.get("/attention").json()["results"]}
    assert "task_failed" in kinds

    assert calls.post(f"/tasks/{failed['id']}/retry", {"reason": "once more"}).status_code == 200
    [again] = claim(5)
    complete(again, {f"module {failing}": "written"})
    assert sorted(finish_last(claim, complete, state, tasks)) == ["module 0", "module 1", "module 2"]


def test_a_vote_is_decided_by_the_first_two(begun, claim, complete, state):
    tasks, held = begun("majority_vote")
    complete(held[0], {"option": "b", "confidence": 0.5})
    complete(held[2], {"option": "b", "confidence": 0.9})
    assert finish_last(claim, complete, state, tasks) == {"option": "b"}
    complete(held[1], {"option": "a"})
    assert state(tasks["split_task_2"]) == "completed"


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_vote_does_without_one_that_fails(begun, claim, complete, state, agent, failing):
    tasks, held = begun("majority_vote")
    fail(agent, held.pop(failing))
    for branch in held:
        complete(branch, {"option": "b"})
    assert finish_last(claim, complete, state, tasks) == {"option": "b"}


def test_a_vote_without_a_majority_fails_and_says_so(begun, claim, complete, state, calls):
    tasks, held = begun("majority_vote")
    complete(held[0], {"option": "a"})
    complete(held[1], {"option": "b"})
    vote = calls.get(f"/tasks/{tasks['vote_merge']}").json()
    assert vote["state"] == "failed"
    assert vote["error"] == "no value is that of more than half of the 2 tasks, neither of option"
    assert claim(5) == []
    complete(held[2], {"option": "b"})
    assert calls.post(f"/tasks/{vote['id']}/retry", {"reason": "all have voted now"}).status_code == 200
    assert finish_last(claim, complete, state, tasks) == {"option": "b"}


def test_the_branch_that_goes_on_may_fail_too(begun, claim, complete, state, agent, calls):
    tasks, held = begun("parallel_implementation")
    for branch in held:
        complete(branch, {"a": 1})
    [last] = claim(5)
    assert titles([last]) == ["Integrate all modules together"]
    fail(agent, last)
    assert calls.post(f"/tasks/{last['task']['id']}/retry", {"reason": "once more"}).status_code == 200
    assert finish_last(claim, complete, state, tasks) == {"a": 1}
