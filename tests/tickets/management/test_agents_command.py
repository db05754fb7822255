"""`manage.py agents`: the states of agents, from the command line."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from agents.models import Agent, Pool
from omoi_site.errors import NotFound, OmoiError
from tickets.models import Task

pytestmark = pytest.mark.django_db


def run(capsys, *words):
    call_command("agents", *words)
    return capsys.readouterr().out


def test_agents_are_listed_with_their_states(capsys, ada, bob):
    run(capsys, "drain", "ada", "--reason", "the machine is replaced")

    assert run(capsys, "list") == "ada is draining: the machine is replaced.\nbob is available.\n"
    assert run(capsys, "list", "--state", "available") == "bob is available.\n"
    [listed] = json.loads(run(capsys, "list", "--state", "draining", "--json"))["agents"]
    assert (listed["name"], listed["state"], listed["state_by"]) == ("ada", "draining", "system:cli")


def test_without_agents_the_list_says_how_to_register_one(capsys):
    assert run(capsys, "list").startswith("There are none. Register one: python3 manage.py agents create")


@pytest.mark.parametrize(
    ("word", "state", "held"),
    [
        ("unavailable", "maintenance", 1),
        ("drain", "draining", 1),
        ("quarantine", "quarantined", 0),
        ("retire", "retired", 0),
    ],
)
def test_each_verb_changes_the_state_and_what_it_holds(capsys, task, ada, word, state, held):
    Task.objects.claim(by=ada)

    warning = "" if held else f"Nobody else can do 1 open task: {task.key}.\n"
    assert run(capsys, word, "ada", "--reason", "for a look") == f"ada is {state}: for a look.\n{warning}"
    assert Task.objects.filter(holder=ada).count() == held
    if state == "retired":
        with pytest.raises(OmoiError):
            run(capsys, "available", "ada")
    else:
        assert run(capsys, "available", "ada") == "ada is available.\n"


def test_an_unknown_agent_is_refused_with_advice(capsys):
    with pytest.raises(NotFound, match="there is no agent eve") as refused:
        run(capsys, "drain", "eve")
    assert "agents list" in refused.value.next_action


def test_an_agent_is_registered_with_its_pools(capsys, project, operator):
    Pool.objects.create_pool("acme", by=operator)
    made = json.loads(run(capsys, "create", "cleo", "--project", "OMO", "--pool", "acme", "--json"))
    assert made["agent"]["pools"] == ["acme"]
    assert Agent.objects.get(name="cleo").pools == ["acme"]
    with pytest.raises(OmoiError, match="nowhere"):
        run(capsys, "create", "dora", "--project", "OMO", "--pool", "nowhere")
    assert not Agent.objects.filter(name="dora").exists()


def test_what_an_agent_holds_is_taken_back_by_hand(capsys, ada, task):
    [claim] = Task.objects.claim(by=ada)

    assert run(capsys, "requeue", "ada", "--reason", "It is lost") == f"{task.key} is back in the queue.\n"
    assert not Task.objects.filter(holder=ada).exists()
    assert run(capsys, "requeue", "ada", "--reason", "It is lost") == "ada holds no task.\n"
    assert json.loads(run(capsys, "requeue", "ada", "--reason", "x", "--json")) == {
        "agent": "ada",
        "tasks": [],
    }
    with pytest.raises(OmoiError):
        call_command("agents", "requeue", "ada", "--reason", "\u200b")
    assert claim.fence
