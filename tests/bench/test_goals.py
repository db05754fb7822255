"""The goals, and what counts as reached."""

from __future__ import annotations

import json

import pytest

from bench.goals import BENCHES, GOALS, Goal, table
from tests.site.test_commands import run

HTTP = {
    "ratios": {
        "claim of 1, 20 agents": {"median": 0.7},
        "claim of 1, 400 agents": {"median": 0.6},
        "claim of 50, 400 agents": {"median": 0.2},
    }
}


def test_the_worst_of_several_measures_counts():
    goal = Goal("claims", "http", "claim of 1,", goal=1.0, needed=0.55)

    [row] = table([goal], {"http": HTTP})

    assert (row["value"], row["reached"], row["enough"]) == (0.6, False, True)


@pytest.mark.parametrize(
    ("value", "reached", "enough"), [(4, True, True), (6, False, True), (9, False, False)]
)
def test_a_cost_must_stay_below_its_goal(value, reached, enough):
    goal = Goal("CPU", "cpu", "", goal=5, needed=8, more=False)

    [row] = table([goal], {"cpu": {"ratios": {"claim": {"median": value}}}})

    assert (row["reached"], row["enough"]) == (reached, enough)


def test_a_bench_that_failed_reaches_nothing_and_one_that_was_not_asked_for_has_no_row():
    goals = [Goal("claims", "http", "claim of 1,", 1.0, 0.55), Goal("CPU", "cpu", "", 5, 8, more=False)]

    [row] = table(goals, {"http": {}})

    assert (row["name"], row["value"], row["enough"]) == ("claims", None, False)


def test_a_figure_may_count_by_itself():
    goal = Goal("moves", "costs", "statements", goal=10, needed=30, more=False, absolute=True)

    [row] = table([goal], {"costs": {"systems": {"omoi": {"statements, 40 tickets": {"median": 12.0}}}}})

    assert (row["value"], row["enough"]) == (12.0, True)


def test_every_goal_belongs_to_a_bench_and_what_is_needed_is_no_more_than_the_goal():
    assert {goal.bench for goal in GOALS} == {*BENCHES, "memory"}
    assert all((goal.needed <= goal.goal) == goal.more for goal in GOALS)


def test_an_unknown_bench_is_refused():
    refused = run("bench", "goals", "--only", "http,rust")

    assert refused.returncode == 2
    assert "there is no bench rust" in refused.stderr


@pytest.mark.full
def test_the_exit_status_says_whether_what_is_needed_was_reached():
    done = run("bench", "goals", "--json", "--quick", "--only", "pages")
    document = json.loads(done.stdout)

    assert [row["name"] for row in document["goals"]] == [
        goal.name for goal in GOALS if goal.bench == "pages"
    ]
    assert all(row["value"] for row in document["goals"]), document
    assert done.returncode == (0 if all(row["enough"] for row in document["goals"]) else 1)
