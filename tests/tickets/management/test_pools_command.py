"""`manage.py pools`: list, create, limit, close, open, remove."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from agents.models import Agent, Event, Pool
from omoi_site.errors import Invalid, NotFound
from tickets.models import Task

pytestmark = pytest.mark.django_db

POOL = "anthropic:team"


def run(capsys, *words):
    call_command("pools", *words)
    return capsys.readouterr().out


def document(capsys, *words):
    return json.loads(run(capsys, *words, "--json"))


def test_a_pool_is_created_limited_and_removed(capsys, project):
    assert "There are no pools. Create one: manage.py pools create NAME" in run(capsys, "list")

    made = document(capsys, "create", POOL, "--limit", "20", "--project", project.key)
    assert (made["name"], made["project"], made["limit"], made["state"]) == (POOL, "OMO", 20, "open")
    assert run(capsys, "limit", POOL, "2") == f"{POOL}  open  claims: 0 of 2\n"
    assert run(capsys, "limit", POOL, "none") == f"{POOL}  open  claims: 0\n"
    assert [pool["name"] for pool in document(capsys, "list")["pools"]] == [POOL]

    assert run(capsys, "remove", POOL) == f"Removed {POOL}.\n"
    assert not Pool.objects.exists()
    assert {event.actor for event in Event.objects.filter(topic=f"pool:{POOL}")} == {"system:cli"}


def test_a_pool_is_closed_and_opened(capsys, task, ada):
    run(capsys, "create", POOL)
    Agent.objects.filter(pk=ada.pk).update(pools=[POOL])

    told = run(capsys, "close", POOL, "--reason", "the card expired")
    assert told == f"{POOL}  closed  claims: 0  the card expired\n"
    assert Task.objects.claim(by=ada) == []
    told = run(capsys, "close", POOL, "--reason", "until then", "--until", "2099-01-01T00:00Z")
    assert f"{POOL}  closed  claims: 0  reset: in " in told
    assert told.endswith("until then\n")
    assert run(capsys, "open", POOL, "--reason", "a new card") == f"{POOL}  open  claims: 0\n"
    assert len(Task.objects.claim(by=ada)) == 1
    assert run(capsys, "list") == f"{POOL}  open  claims: 1\n"


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (["close", "no:such", "--reason", "x"], NotFound, "there is no pool no:such"),
        (["open", "no:such"], NotFound, "there is no pool no:such"),
        (["limit", "no:such", "3"], NotFound, "there is no pool no:such"),
        (["remove", "no:such"], NotFound, "there is no pool no:such"),
        (["create", POOL], Invalid, f"there is a pool {POOL} already"),
        (["create", "No Such"], Invalid, "use 1 to 63 of a-z"),
        (["create", "more", "--limit", "0"], Invalid, "greater than or equal to 1"),
        (["create", "more", "--limit", "9999999999"], Invalid, "less than or equal to 100000"),
        (["create", "more", "--project", "NONE"], NotFound, "NONE"),
        (["limit", POOL, "-1"], Invalid, "greater than or equal to 1"),
        (["close", POOL, "--reason", ""], Invalid, "say why it is closed"),
        (["close", POOL, "--reason", "x", "--until", "soon"], Invalid, "soon is not a time"),
        (["close", POOL, "--reason", "x", "--until", "2099-01-01T00:00"], Invalid, "has no zone"),
        (["close", POOL, "--reason", "x", "--until", "2099-13-01T00:00Z"], Invalid, "is not a time"),
        (["close", POOL, "--reason", "x", "--until", "9999-01-01T00:00Z"], Invalid, "between the years"),
        (["close", POOL, "--reason", "x", "--until", "2020-01-01T00:00Z"], Invalid, "is over already"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(capsys, operator, words, error, says):
    Pool.objects.create_pool(POOL, by=operator)
    with pytest.raises(error, match=says):
        run(capsys, *words)
    assert list(Pool.objects.values_list("name", "limit", "closed_at")) == [(POOL, None, None)]


def test_a_pool_that_an_agent_names_is_not_removed(capsys, ada):
    run(capsys, "create", POOL)
    Agent.objects.filter(pk=ada.pk).update(pools=[POOL])
    with pytest.raises(Exception, match=f"ada names {POOL}"):
        run(capsys, "remove", POOL)
    assert Pool.objects.exists()


@pytest.mark.parametrize("until", [(), ("--until", "2099-01-01T00:00Z")])
def test_a_pool_that_is_closed_so_already_keeps_its_first_reason(capsys, until):
    run(capsys, "create", POOL)
    run(capsys, "close", POOL, "--reason", "first", *until)
    closed = document(capsys, "close", POOL, "--reason", "second", *until)
    assert (closed["reason"], closed["resets_at"]) == ("first", "2099-01-01T00:00:00Z" if until else None)
    assert Event.objects.filter(kind="pool.closed").count() == 1
