"""Histories of the fleet: after each act the database does what the model says."""

from __future__ import annotations

import random

import pytest

from tests.histories.run import history_of, run
from tests.support.kept_plans import kept_plans

pytestmark = pytest.mark.django_db(transaction=True)
# Short ones, each with a mechanism that random ones meet seldom. A task is named by its number, a ticket by
# `t` and its number.
NAMES_NO_TASK = {"claim", "set_state", "hear", "close_pool", "limit", "freeze", "thaw", "pass_time", "cut"}
ADD = ("add", "t0", "DOING", [], [], ("success", "hold"))
STORIES = {
    "an old fence": [
        *(ADD, ("claim", "ada", 1), ("settle", "ada", 0, 0, "completed"), ("renew", "ada", 0, 0, "")),
        *(("release", "ada", 0, 1), ("claim", "bob", 1), ("settle", "ada", 0, 1, "completed")),
        *(("progress", "bob", 0, 1), ("settle", "bob", 0, 2, "completed")),
    ],
    "a lease that ends": [
        *(ADD, ("claim", "ada", 1), ("pass_time", 3), ("renew", "ada", 0, 1, ""), ("progress", "ada", 0, 1)),
        *(("sweep",), ("settle", "ada", 0, 1, "completed"), ("settle", "ada", 0, 1, "completed")),
    ],
    "used up attempts": [
        *(ADD, ("claim", "ada", 1), ("pass_time", 3), ("claim", "ada", 1), ("pass_time", 3), ("sweep",)),
        *(("claim", "ada", 1), ("retry", 0), ("claim", "ada", 1)),
    ],
    "what was taken away is not completed late": [
        *(ADD, ("claim", "ada", 1), ("pass_time", 3), ("sweep",), ("advance", "t0"), ("send_back", "t0")),
        ("settle", "ada", 0, 1, "completed"),
    ],
    "capacity": [ADD, ADD, ADD, ("claim", "bob", 3), ("claim", "bob", 1), ("claim", "ada", 3)],
    "where a retry stands": [
        *(ADD, ("claim", "ada", 1), ("pass_time", 3), ("sweep",), ("claim", "ada", 1)),
        ("settle", "ada", 0, 2, "rate_limited"),
    ],
    "one need of two is enough": [
        *(ADD, ADD, ("add", "t0", "DOING", [], [0, 1], ("success", "hold"), 1), ("cancel", 0, "")),
        *(("claim", "ada", 1), ("settle", "ada", 1, 1, "completed"), ("claim", "ada", 1)),
    ],
    "no need of two is left": [
        *(ADD, ADD, ("add", "t0", "DOING", [], [0, 1], ("success", "cancel"), 1), ("cancel", 0, "")),
        ("cancel", 1, ""),
    ],
    "what others need": [
        *(ADD, ("add", "t0", "DOING", [], [], ("success", "hold"), None, 0), ("claim", "ada", 2)),
        *(("settle", "ada", 1, 1, "completed"), ("claim", "ada", 2)),
        ("add", "t0", "DOING", [], [], ("success", "hold"), None, 0),
    ],
    "messages and a cut": [
        *(
            ADD,
            ("cut", "eve"),
            ("set_state", "eve", "retire"),
            ("cut", "eve"),
            ("set_state", "eve", "make_available"),
        ),
        *(("claim", "eve", 1), ("fill_phases", ["t0"]), ("advance_tickets", ["t1"])),
        *(("advance_tickets", ["t0"]), ("settle", "eve", 0, 1, "completed"), ("advance_tickets", ["t0"])),
    ],
    "a freeze": [
        *(ADD, ("freeze", False), ("claim", "ada", 1), ("assign", 0, "user:dan"), ("thaw", False)),
        *(("freeze", True), ("claim", "bob", 1), ("thaw", False), ("claim", "bob", 1)),
    ],
    "a need that ended badly, and its retry": [
        *(ADD, ("add", "t0", "DOING", [], [0], ("success", "hold")), ("cancel", 0, ""), ("retry", 0)),
        *(("claim", "ada", 2), ("settle", "ada", 0, 1, "completed"), ("claim", "ada", 2)),
    ],
    "a need retried while its child is claimed": [
        *(ADD, ("add", "t0", "DOING", [], [0], ("failure", "hold")), ("cancel", 0, ""), ("claim", "bob", 1)),
        *(("retry", 0), ("release", "bob", 1, 1), ("claim", "ada", 2)),
    ],
    "a probe": [
        *(ADD, ADD, ADD, ("close_pool", "team", False), ("claim", "ada", 1), ("pass_time", 3)),
        *(
            ("claim", "ada", 2),
            ("claim", "ada", 1),
            ("settle", "ada", 0, 1, "completed"),
            ("claim", "ada", 2),
        ),
    ],
    "a full phase": [
        *(("add", "t1", "DOING", [], [], ("success", "hold")), ("advance", "t0"), ("advance", "t0")),
        *(("claim", "bob", 1), ("advance", "t1"), ("advance", "t2"), ("advance", "t2"), ("advance", "t0")),
        *(("claim", "bob", 1), ("settle", "bob", 0, 1, "completed"), ("sweep",)),
    ],
    "a cycle": [ADD, ADD, ("connect", 0, 1, "success", "hold"), ("connect", 1, 0, "success", "hold")],
    "failed by one agent": [
        *(ADD, ("claim", "ada", 1), ("settle", "ada", 0, 1, "transient"), ("edit", 0, "not_before", False)),
        *(("claim", "ada", 1), ("hear", "bob", False), ("hear", "eve", False), ("claim", "ada", 1)),
    ],
    "limits": [
        *(ADD, ADD, ("add", "t1", "DOING", [], [], ("success", "hold")), ("limit", "max_tickets", 1)),
        *(
            ("claim", "ada", 2),
            ("claim", "eve", 3),
            ("limit", "max_tickets", None),
            ("limit", "max_agents", 1),
        ),
        *(("claim", "eve", 1), ("limit", "max_agents", None), ("claim", "eve", 1)),
    ],
}

# The claimed task waits for a failure; then what it waits for is tried again, and is completed.
LOST = [
    *(ADD, ("add", "t0", "DOING", [], [0], ("failure", "hold")), ("cancel", 0, ""), ("claim", "bob", 1)),
    *(("retry", 0), ("claim", "ada", 1), ("settle", "ada", 0, 1, "completed")),
]
STORIES |= {
    f"a need lost while its child is claimed, {name}": [*LOST, *end]
    for name, end in {
        "and released": [("release", "bob", 1, 1)],
        "and limited": [("settle", "bob", 1, 1, "rate_limited")],
        "and lapsed": [("pass_time", 3), ("sweep",)],
        "and revoked": [("set_state", "bob", "quarantine")],
    }.items()
}


@pytest.fixture(scope="module")
def plans(django_db_setup, django_db_blocker):
    """Those of the long statements, for all stories."""
    with django_db_blocker.unblock(), kept_plans():
        yield


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.usefixtures("plans")
def test_a_story(operator, name):
    history = history_of(operator)()
    for act, *args in STORIES[name]:
        if act not in NAMES_NO_TASK:
            args = [_meant(history, act, place, arg) for place, arg in enumerate(args)]
        history.do(act, *args)
    history.teardown()


def _meant(history, act, place, arg):
    if isinstance(arg, str) and arg[:1] == "t" and arg[1:].isdigit():
        return history.ticket(int(arg[1:]))
    if isinstance(arg, list):
        return [
            history.task(each) if isinstance(each, int) else _meant(history, act, place, each) for each in arg
        ]
    if (act, place) == ("add", 6) and arg is not None:
        return history.task(arg)
    of_task = place == (1 if act in ("settle", "renew", "progress", "release") else 0) or act == "connect"
    return history.task(arg) if of_task and isinstance(arg, int) else arg


@pytest.mark.full
@pytest.mark.parametrize(
    "acts", [pytest.param(100, id="100"), pytest.param(2_000, id="2000", marks=pytest.mark.full)]
)
def test_the_fleet_does_what_the_model_says(operator, acts):
    seed, done = random.randrange(2**32), []
    print(f"again: python3 -m tests.histories --acts {acts} --seed {seed} --processes 1")

    run(operator, acts, seed, note=lambda: done.append(1))

    assert len(done) >= acts
