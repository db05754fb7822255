"""When each step of a graph ends, and what decides it."""

from __future__ import annotations

import random

import pytest

from tickets.models.estimate.critical_path import Step, Wait, ends
from tickets.models.task.readiness import met

GRAPHS = 2_000


def at(steps):
    found = ends(steps)
    return {key: found.known[key].at if key in found.known else None for key in steps}


def on(*parents, **more):
    return [Wait(parent, **more) for parent in parents]


def test_a_step_begins_when_all_that_it_needs_has_ended():
    steps = {"a": Step(3), "b": Step(5), "c": Step(2, needs=on("a", "b"), needed=2)}

    found = ends(steps)

    assert at(steps) == {"a": 3, "b": 5, "c": 7}
    assert found.chain("c") == ["b", "c"]


@pytest.mark.parametrize(("needed", "ended", "by"), [(1, 12, "a"), (2, 15, "b"), (3, 19, "c")])
def test_a_join_waits_for_the_nth_that_ends(needed, ended, by):
    steps = {"a": Step(2), "b": Step(5), "c": Step(9)}
    steps["d"] = Step(10, needs=on("c", "a", "b"), needed=needed)

    assert ends(steps).known["d"].at == ended
    assert ends(steps).chain("d") == [by, "d"]


def test_what_runs_only_after_a_failure_never_begins():
    steps = {"a": Step(1), "b": Step(2, needs=on("a", when="failure"), needed=1)}

    assert at(steps) == {"a": 1, "b": None}


def test_a_need_whose_policy_is_to_cancel_ends_the_step_at_once():
    steps = {
        "a": Step(1),
        "b": Step(9, needs=on("a", when="failure", on_failure="cancel"), needed=1),
        "c": Step(2, needs=on("b"), needed=1),
        "d": Step(2, needs=on("b", when="always"), needed=1),
        "e": Step(2, needs=on("b", when="failure"), needed=1),
    }

    assert at(steps) == {"a": 1, "b": 1, "c": None, "d": 3, "e": 3}


def test_it_begins_no_sooner_than_it_is_due():
    steps = {"a": Step(1), "b": Step(2, earliest=10, needs=on("a"), needed=1)}

    assert ends(steps).known["b"].at == 12
    assert ends(steps).chain("b") == ["b"]


def test_it_begins_after_all_that_ever_ends():
    steps = {"a": Step(4), "b": Step(1, needs=on("a", when="failure"), needed=1)}
    steps["c"] = Step(1, after=["a", "b"])

    assert ends(steps).known["c"].at == 5
    assert ends(steps).chain("c") == ["a", "c"]


def test_what_waits_in_a_circle_never_ends():
    steps = {"a": Step(1, after=["b"]), "b": Step(1, needs=on("a"), needed=1), "c": Step(1)}

    assert at(steps) == {"a": None, "b": None, "c": 1}


def test_ten_thousand_steps_in_a_row_are_no_deep_recursion():
    steps = {0: Step(1)} | {number: Step(1, needs=on(number - 1), needed=1) for number in range(1, 10_000)}

    found = ends(steps)

    assert found.known[9_999].at == 10_000
    assert len(found.chain(9_999)) == 10_000


def test_random_graphs_end_as_a_simulation_of_them_does():
    chance = random.Random(7)
    for _ in range(GRAPHS):
        steps = graph(chance)

        assert at(steps) == simulated(steps), steps


def test_the_times_of_a_chain_add_up():
    chance = random.Random(11)
    for _ in range(GRAPHS):
        steps = graph(chance)
        found = ends(steps)
        for key, end in found.known.items():
            chain = found.chain(key)
            spent = sum(found.known[each].at - found.begin(each) for each in chain)
            assert steps[chain[0]].earliest + spent <= end.at
            if not any(steps[each].earliest for each in chain):
                assert spent == end.at


def graph(chance):
    """A few steps with needs of all kinds, each on earlier ones."""
    steps = {}
    for key in range(chance.randint(2, 9)):
        parents = chance.sample(range(key), chance.randint(0, min(key, 4)))
        needs = [
            Wait(
                parent,
                chance.choice(["success", "success", "failure", "always"]),
                chance.choice(["hold", "cancel", "continue"]),
            )
            for parent in parents
        ]
        needed = chance.randint(1, len(needs)) if needs else 0
        steps[key] = Step(chance.randint(0, 5), chance.choice([0, 0, 0, 7]), needs, needed)
    return steps


def simulated(steps):
    """When each ends, moment by moment, as tasks would."""
    now, ended, running, hopeless = 0, {}, {}, {}
    while True:
        changed = True
        while changed:
            changed = False
            for key, step in steps.items():
                if key in ended or key in running:
                    continue
                decided = [need for need in step.needs if need.parent in ended]
                good = [need for need in decided if met(need.when, need.on_failure, ended[need.parent][1])]
                bad = [need for need in decided if need not in good]
                if len(good) >= step.needed:
                    running[key], changed = max(now, step.earliest) + step.takes, True
                elif len(bad) > len(step.needs) - step.needed:
                    since = hopeless.setdefault(key, now)
                    if any(need.on_failure == "cancel" and ended[need.parent][0] >= since for need in bad):
                        ended[key], changed = (now, "cancelled"), True
        if not running:
            return {key: ended[key][0] if key in ended else None for key in steps}
        now = min(running.values())
        for key in [key for key, end in running.items() if end == now]:
            del running[key]
            ended[key] = (now, "completed")
