"""`manage.py projects`: how long without progress a claim may be, and what is paused."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from agents.models import Member
from omoi_site.errors import Invalid, NotFound, OmoiError
from tests.support.api_client import api_of
from tickets.models import Task

pytestmark = pytest.mark.django_db


def run(capsys, *words):
    call_command("projects", "stall", *words)
    return capsys.readouterr().out


def test_a_pause_says_what_is_paused_now(capsys, project):
    said = []
    for words in (
        "pause OMO DOING",
        "pause OMO",
        "pause OMO TODO",
        "resume OMO",
        "resume OMO DOING",
        "resume OMO TODO",
    ):
        call_command("projects", *words.split())
        said.append(capsys.readouterr().out)
    assert said == [
        "Paused phases of OMO: DOING.\n",
        "OMO is paused as a whole.\nPaused phases of OMO: DOING.\n",
        "OMO is paused as a whole.\nPaused phases of OMO: DOING, TODO.\n",
        "Paused phases of OMO: DOING, TODO.\n",
        "Paused phases of OMO: TODO.\n",
        "Nothing is paused in OMO.\n",
    ]


def test_what_is_not_said_stays_as_it_is(capsys, project):
    assert "after 1800 s without progress, and taken back 600 s later" in run(capsys, "OMO")
    assert "after 60 s without progress, and taken back 600 s later" in run(capsys, "OMO", "--after", "60")
    told = json.loads(run(capsys, "omo", "--grace", "30", "--json"))
    assert (told["stall_after_s"], told["stall_grace_s"]) == (60, 30)
    assert "No claim of OMO is stalled" in run(capsys, "OMO", "--after", "0")

    project.refresh_from_db()
    assert (project.stall_after_s, project.stall_grace_s) == (0, 30)


@pytest.mark.parametrize("seconds", ["-1", "99999999", "1" + "0" * 30])
def test_what_is_no_time_is_refused_and_changes_nothing(capsys, project, seconds):
    with pytest.raises(OmoiError, match="stall_after_s"):
        run(capsys, "OMO", "--after", seconds)
    project.refresh_from_db()
    assert project.stall_after_s == 1800


def test_words_and_strangers_are_refused(capsys, project):
    with pytest.raises(CommandError, match="invalid int value"):
        run(capsys, "OMO", "--after", "soon")
    with pytest.raises(NotFound, match="no project NONE"):
        run(capsys, "NONE")


def test_a_phase_that_no_workflow_has_is_neither_paused_nor_resumed(capsys, project, operator):
    for verb in ("pause", "resume"):
        with pytest.raises(Invalid, match="no workflow has a phase NOPE; there are "):
            call_command("projects", verb, "OMO", "NOPE")
    call_command("projects", "resume", "OMO", "TODO")
    call_command("projects", "pause", "OMO", "TODO", "--reason", "lunch", "--json")
    [paused] = json.loads(capsys.readouterr().out.splitlines()[-1])["paused_phases"]
    assert (paused["phase"], paused["reason"], paused["at"][-1]) == ("TODO", "lunch", "Z")
    assert api_of(operator).get("/projects/OMO").json()["paused_phases"] == [paused]


def test_projects_are_listed_and_shown_with_their_people_and_work(capsys, project, operator, task, ada):
    Member.objects.set(project, operator, "admin", by=operator)
    Task.objects.claim(by=ada)

    call_command("projects", "list")
    assert capsys.readouterr().out == "OMO: 1 member, 1 agent, 0 open tickets, 1 claim\n"
    call_command("projects", "show", "omo")
    said = capsys.readouterr().out
    assert "Workflows: simple\n" in said
    assert "admin is an admin.\n" in said
    call_command("projects", "show", "OMO", "--json")
    shown = json.loads(capsys.readouterr().out)
    assert (shown["people"], shown["claims"]) == ([{"user": "admin", "role": "admin"}], 1)
    with pytest.raises(NotFound):
        call_command("projects", "show", "GONE")


def test_without_projects_the_list_says_how_to_create_one(capsys):
    call_command("projects", "list")
    assert capsys.readouterr().out.startswith("There are none. Create one:")
