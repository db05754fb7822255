"""What every command of ours promises: one JSON document, plain refusals, an exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from agents.models import Event, Key, Project
from omoi_site.errors import Invalid, NotFound
from tests import cluster
from tickets.models import UnknownWorkflow


def run(*words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words], cwd=settings.ROOT, env=environment or cluster.environment(), capture_output=True, text=True
    )


def told(capsys, *words: str) -> dict:
    call_command(*words, "--json")
    return json.loads(capsys.readouterr().out)


@pytest.mark.django_db(transaction=True)
def test_a_command_ends_with_0_when_done_1_when_refused_and_2_when_used_wrongly():
    assert [run("projects", "create", *words).returncode for words in (["CLI"], ["CLI"], [])] == [0, 1, 2]

    refused = run("projects", "create", "CLI", "--json")

    assert refused.returncode == 1
    assert json.loads(refused.stdout)["code"] == "invalid"
    assert "already" in json.loads(refused.stdout)["detail"]


def test_without_a_server_a_command_says_how_to_start_one(tmp_path):
    alone = {**os.environ, "OMOI_HOME": str(tmp_path)}
    alone.pop("DATABASE_URL", None)

    refused = run("projects", "create", "CLI", environment=alone)

    assert refused.returncode == 1
    assert "manage.py up" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.django_db
def test_an_agent_is_made_with_a_key_that_works(project, capsys):
    made = told(capsys, "agents", "create", "eve", "--capability", "Python ", "--capacity", "3", "--project", "OMO")

    assert made["agent"] == {
        "name": "eve", "kind": "worker", "capabilities": ["python"], "phases": [], "tags": [], "capacity": 3, "projects": ["OMO"],
    }  # fmt: skip
    key = Key.objects.bearing(made["key"])
    assert (key.agent.name, key.scopes) == ("eve", ["work"])
    assert Event.objects.get(kind="agent.registered").actor == "system:cli"


@pytest.mark.django_db
def test_an_agent_of_an_unknown_project_is_not_made(project):
    with pytest.raises(NotFound, match="NOPE"):
        call_command("agents", "create", "eve", "--project", "OMO", "--project", "NOPE")
    assert not Key.objects.exists()


@pytest.mark.django_db
def test_a_key_is_printed_once_for_an_agent_or_a_person(ada, operator, capsys):
    of_ada = told(capsys, "keys", "create", "--agent", "ada", "--scope", "work", "--expires-s", "60")
    of_admin = told(capsys, "keys", "create", "--user", "admin")

    assert Key.objects.bearing(of_ada["key"]).agent == ada
    assert of_ada["expires_at"]
    assert Key.objects.bearing(of_admin["key"]).user == operator


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (["--agent", "nobody"], NotFound),
        (["--agent", "ada", "--scope", "everything"], Invalid),
        (["--agent", "ada", "--expires-s", "0"], Invalid),
        (["--agent", "ada", "--expires-s", "99999999999"], Invalid),
        (["--agent", "ada", "--expires-s", "9" * 30], CommandError),
        (["--agent", "ada", "--user", "admin"], CommandError),
        ([], CommandError),
    ],
)
def test_a_key_that_cannot_be_is_refused(ada, words, refusal):
    with pytest.raises(refusal):
        call_command("keys", "create", *words)
    assert not Key.objects.exists()


@pytest.mark.django_db
def test_a_project_follows_a_workflow_that_is_there(capsys):
    assert told(capsys, "projects", "create", "CLI", "--name", "Tools", "--workflow", "simple")["workflow"] == "simple"
    with pytest.raises(UnknownWorkflow):
        call_command("projects", "create", "CLJ", "--workflow", "nowhere")
    assert list(Project.objects.values_list("key", flat=True)) == ["CLI"]
