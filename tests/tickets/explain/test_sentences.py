"""The sentences of every obstacle: singular for one, addressed to the one who must act, and with a route,
command or button that exists.
"""

from __future__ import annotations

import re

import pytest
from django.core.management import get_commands
from django.urls import resolve

from omoi_site import humanize
from tickets.models.explain import task_obstacles, task_sentences, ticket_obstacles, ticket_sentences
from tickets.pages.actions import TASK, TICKET

EVERY = [
    *task_obstacles.OBSTACLES,
    *(each for each in ticket_obstacles.OBSTACLES if each is not ticket_obstacles.TASKS),
]
BUTTONS = {action.label for action in (*TICKET, *TASK)}
PRESSED = re.compile(r"\b[Pp]ress ([A-Z]\w*(?: [a-z-]+){0,2})")
ROUTE = re.compile(r"\b(GET|POST|PATCH|DELETE) (/[\w./-]+[\w])")
COMMAND = re.compile(r"python3 manage\.py ([\w-]+)")
PLURAL_FOR_ONE = re.compile(
    r"\b1 (tasks|workers|agents)\b|^(?!.*, ).*\bcould (do|take) it, but (\w+ )?(have|hold|are)\b"
)


def values(count: int, who: str) -> dict:
    """The columns of a task or ticket, with `count` of whatever is counted."""
    keys, names = ["OMO-1.2", "OMO-1.3"][:count], ["ada", "bob"][:count]
    return {
        "id": 1, "key": "OMO-1.1", "operation": "", "open_needs": count,
        "on_failure": "", "on_page": " on the page of OMO-1",
        "ticket": "OMO-1", "project": "OMO", "who": who, "holder": "ada",
        "phase": "Doing", "ticket_phase": "Todo", "attempts": count, "max_attempts": count, "error": "broken",
        "failure": "", "rate_limits": 5, "pool_reset": "in 1 hour",
        "barred": {"pool": "anthropic:team", "why": "closed", "limit": count, "reason": "", "until": None},
        "lease_end": "4 minutes ago", "lease_ends": "ends in 4 minutes", "due_at": "1 second ago",
        "due": "in 2 hours", "held_for": "5 minutes", "timeout": "1 minute",
        "capabilities": ["rust"],
        "holder_silent": "4 minutes", "inactive": "35 minutes", "taken": "in 5 minutes",
        "all_silent": "4 minutes", "ready_for": "3 minutes", "worker_deaths": count, "runs_alone": False,
        "freeze_reason": "it costs too much", "all_frozen": count > 1,
        "max_agents": count, "max_tickets": count, "avoided": "ada", "avoid_for": "20 minutes",
        "phase_name": "DOING", "phase_reason": "", "pause_reason": "", "project_reason": "",
        "blocked_class": "dependency", "blocked_reason": "no keys",
        "open_keys": keys, "left_open": count, "unmet": [f"{key} failed" for key in keys],
        "has_profile": False, "absent": [], "able": count, "able_names": names, "free": count,
        "free_names": names, "busy": count, "busy_names": names, "quiet": count, "quiet_names": names,
        "kept": [
            {"agent": name, "pool": "anthropic:team", "why": "tried", "limit": None, "reason": "",
             "reset": "", "until": None}
            for name in names
        ],
        "move_fault": "no",
        "failed": count, "failed_keys": keys, "errors": [["broken", count]], "unsatisfiable": count,
        "unsatisfiable_keys": keys, "total": count, "moves_late": None,
        "approved": 0, "gated": True, "approvals": {"count": count, "role": "approver"},
        "full_phase": {
            "phase": "REVIEW", "is_full": True, "wip": {"limit": count, "oldest_s": 3600, "holds": ["DOING"]},
            "key": "OMO-7", "since": None, "who": "approver", "circle": False,
        },
        "silent": {
            "tasks": count, "holders": names, "more": False, "silent_s": 300.0, "lease_s": 60.0,
        },
        "last_refusal": {"decision": "reject", "by": "user:bea", "reason": "no tests"},
    }  # fmt: skip


VARIANTS = [
    {},
    {"runs_alone": True},
    {"taken": ""},
    {"absent": ["eve is draining"]},
    {"has_profile": True},
    {"open_keys": None, "left_open": 0},
    {"all_silent": "", "holder_silent": ""},
    {"approved": 9},
    {"gated": False},
    {"failure": "validation_repeated"},
    {"failure": "validation_rounds"},
    {"moves_late": {"waiting": 1, "age": 300.0}},
    *(
        {
            "full_phase": {
                "phase": "REVIEW",
                "is_full": True,
                "wip": {"limit": 1},
                "key": "OMO-7",
                "who": None,
                "circle": circle,
            }
        }
        for circle in (False, True)
    ),
    {
        "full_phase": {
            "phase": "REVIEW",
            "is_full": False,
            "wip": {"limit": 1, "oldest_s": 3600},
            "key": "OMO-7",
            "who": "approver",
            "circle": False,
        }
    },
    {"barred": {"pool": "anthropic:team", "why": "full", "limit": 1}},
    {"barred": {"pool": "anthropic:team", "why": "tried", "limit": None}},
    {"pool_reset": ""},
    {"error": ""},
]


WHO = [
    "operator",
    "approver",
    "admin",
    "agents",
    "clock",
    "agent:ada",
    "user:eve",
    "task:OMO-1.2",
    "ticket:OMO-1",
]


def said(obstacle):
    """Every (who, what, how) of an obstacle."""
    for who in WHO:
        if f"'{who.partition(':')[0]}" not in obstacle.who:
            continue
        for count in (1, 2):
            for variant in VARIANTS:
                row = {**values(count, who), **variant}
                yield who, obstacle.say(obstacle.what, row), obstacle.say(obstacle.how, row)


@pytest.mark.parametrize("obstacle", EVERY, ids=lambda each: each.code)
def test_every_remedy_speaks_to_the_one_who_must_act_and_names_a_door_that_exists(obstacle):
    sentences_said = list(said(obstacle))
    assert sentences_said
    for who, what, how in sentences_said:
        pressed = PRESSED.findall(how)
        assert pressed or ROUTE.search(how) or COMMAND.search(how), how
        assert all(any(words.startswith(label) for label in BUTTONS) for words in pressed), how
        for _method, path in ROUTE.findall(how):
            resolve(f"/api/v1{path.replace('/ID', '/1')}")
        assert set(COMMAND.findall(how)) <= set(get_commands()), how
        assert not re.search(rf"\b[Ww]ait for {re.escape(humanize.who(who))}\b", how), how
        assert not PLURAL_FOR_ONE.search(what), what
        assert how[0].isupper(), how
        assert how.endswith("."), how
        assert not what.endswith("."), what


def test_one_is_told_in_the_singular_and_two_in_the_plural():
    one, two = values(1, "agents"), values(2, "agents")

    assert task_sentences.full(one) == "ada could do it, but has no free capacity"
    assert task_sentences.full(two) == "ada, bob could do it, but have no free capacity"
    barred = {"pool": "anthropic:team", "why": "full", "limit": 1}
    assert task_sentences.barred({**one, "barred": barred}) == (
        "the pool anthropic:team allows 1 claim at once, and has no room"
    )
    assert "allows 2 claims at once" in task_sentences.barred({**two, "barred": {**barred, "limit": 2}})
    assert ticket_sentences.failed_tasks(one) == "1 task failed: OMO-1.2 (broken)"
    assert ticket_sentences.failed_tasks(two) == "2 tasks failed: OMO-1.2, OMO-1.3 (broken)"
    assert ticket_sentences.retry_failed(one).endswith("without it: Force a transition.")
    assert ticket_sentences.cancelled(one) == "it is cancelled, and 1 task of it is still open"
    assert ticket_sentences.cancelled(two) == "it is cancelled, and 2 tasks of it are still open"
    assert ticket_sentences.all_silent(one) == (
        "agent ada holds 1 task of it, but has not been heard from for 5 minutes; the first lease ends in 1"
        " minute"
    )
    assert "POST /agents/ada/retire" in ticket_sentences.retire_silent(one)
    assert "POST /agents/NAME/retire" in ticket_sentences.retire_silent(two)
