"""What every command of ours promises: one JSON document, plain refusals, an exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command, execute_from_command_line

from agents.models import Event, Key, Project
from omoi_site.errors import Invalid, Malformed, NotFound, OmoiError
from tests.support import cluster
from tickets.models import Ticket, UnknownWorkflow


def run(
    *words: str, environment: dict[str, str] | None = None, stdin: Any = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=settings.ROOT,
        env=environment or cluster.environment(),
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=170,
    )


def refusal(capsys, *words: str) -> str:
    """What a command writes to stderr, run as from the command line, in this process; it ends with 1."""
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(["manage.py", *words])
    assert ended.value.code == 1
    return capsys.readouterr().err


def json_output(capsys, *words: str) -> dict:
    call_command(*words, "--json")
    return json.loads(capsys.readouterr().out)


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_a_command_ends_with_0_when_done_1_when_refused_and_2_when_used_wrongly():
    assert [run("projects", "create", *words).returncode for words in (["CLI"], ["CLI"], [])] == [0, 1, 2]

    refused = run("projects", "create", "CLI", "--json")

    assert refused.returncode == 1
    assert json.loads(refused.stdout)["code"] == "invalid"
    assert "already" in json.loads(refused.stdout)["detail"]


@pytest.mark.full
def test_where_nothing_runs_a_command_says_how_to_start_it(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}

    refused = run("explain", "OMO-1", environment=environment | {"OMOI_HOME": str(tmp_path)})

    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        f"Omoi is not running in {tmp_path}.",
        "Start it with `python3 manage.py up`, or set DATABASE_URL.",
    ]


@pytest.mark.parametrize("wrong", ["", "KEY --no-such", "KEY --profile"])
@pytest.mark.full
def test_who_uses_a_verb_wrongly_sees_the_usage_of_that_verb(wrong):
    refused = run("projects", "create", *wrong.split())
    assert refused.returncode == 2
    assert refused.stderr.startswith("usage: manage.py projects create ")
    assert "manage.py projects create: error: " in refused.stderr


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        ("explain OMO-77", "Look for its key on the board"),
        ("approvals list OMO-77", "Look for its key on the board"),
        ("artifacts list OMO-77", "Look for its key on the board"),
        ("attention --project NOPE", "Existing ones: OMO."),
        ("tickets open NOPE Title", "Existing ones: OMO."),
        ("import beads no.such --project OMO", "Name a file"),
        ("workflows check no.such", "Name a file"),
        ("keys create --user nobody", "Existing ones: admin."),
        ("keys create --agent nobody", "agents create NAME"),
        ("login-link nobody", "These may: admin."),
        ("projects create OMO", "take another key"),
    ],
)
def test_a_refusal_says_what_to_do(project, capsys, words, way_out):
    assert way_out in refusal(capsys, *words.split())


@pytest.mark.django_db(transaction=True)
def test_who_registers_an_agent_twice_learns_how_to_get_it_another_key(ada, capsys):
    assert "keys create --agent ada" in refusal(capsys, "agents", "create", "ada")


@pytest.mark.full
@pytest.mark.parametrize(
    "words",
    [
        "explain OMO-1",
        "worker",
        "migrate",
        *(
            pytest.param(words, marks=pytest.mark.full)
            for words in (
                "projects create CLI",
                "agents create eve",
                "keys create --user admin",
                "login-link admin",
                "import beads LICENSE --project CLI",
                "workflows install LICENSE",
                "simulate --project CLI",
                "demo",
                "createsuperuser --noinput",
            )
        ),
    ],
)
def test_without_a_server_a_command_says_how_to_start_one(tmp_path, words):
    alone = {**os.environ, "OMOI_HOME": str(tmp_path)}
    alone.pop("DATABASE_URL", None)

    refused = run(*words.split(), environment=alone)

    assert refused.returncode == 1
    assert "python3 manage.py up" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.django_db
def test_an_agent_is_made_with_a_key_that_works(project, capsys):
    made = json_output(
        capsys, "agents", "create", "eve", "--capability", "Python ", "--capacity", "3", "--project", "OMO"
    )

    assert made["agent"] == {
        "name": "eve",
        "kind": "worker",
        "capabilities": ["python"],
        "phases": [],
        "tags": [],
        "capacity": 3,
        "pools": [],
        "projects": ["OMO"],
    }
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
    of_ada = json_output(capsys, "keys", "create", "--agent", "ada", "--scope", "work", "--expires-s", "60")
    of_admin = json_output(capsys, "keys", "create", "--user", "admin")

    assert Key.objects.bearing(of_ada["key"]).agent == ada
    assert datetime.fromisoformat(of_ada["expires_at"]).tzinfo
    assert "T" in of_ada["expires_at"]
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
    assert (
        json_output(capsys, "projects", "create", "CLI", "--name", "Tools", "--workflow", "simple")[
            "workflow"
        ]
        == "simple"
    )
    with pytest.raises(UnknownWorkflow):
        call_command("projects", "create", "CLJ", "--workflow", "nowhere")
    assert list(Project.objects.values_list("key", flat=True)) == ["CLI"]


@pytest.fixture
def backlog(tmp_path):
    lines = [
        {"id": "bd-1", "title": "First", "status": "closed"},
        {
            "id": "bd-2",
            "title": "Then",
            "dependencies": [
                {"depends_on_id": "bd-1", "type": "blocks"},
                {"depends_on_id": "bd-9", "type": "tracks"},
            ],
        },
    ]
    file = tmp_path / "issues.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


@pytest.mark.django_db
def test_an_import_makes_the_project_it_needs_but_not_in_a_dry_run(backlog, capsys):
    tried = json_output(capsys, "import", "beads", str(backlog), "--project", "CLI", "--dry-run")
    assert not Project.objects.exists()

    done = json_output(capsys, "import", "beads", str(backlog), "--project", "CLI")

    assert {**done, "dry_run": True} == tried
    assert (done["tickets"], done["needs"]) == ({"new": 2, "known": 0, "changed": 0}, 1)
    assert Ticket.objects.filter(project__key="CLI").count() == 2


@pytest.mark.django_db
def test_an_import_tells_people_what_it_did_and_what_it_left_out(backlog, capsys):
    call_command("import", "beads", str(backlog), "--project", "CLI")
    said = capsys.readouterr().out
    assert "CLI: 2 new tickets (0 imported before), 2 tasks, 1 need, 0 parents, 0 links, 0 comments." in said
    assert "Ready to claim: 1 task. Paused until somebody resumes them: 0 tickets." in said
    assert "Waiting: 1 edge to 1 id, not imported yet: 1 tracks." in said
    assert "tracks: bd-2 -> bd-9" in said


@pytest.mark.django_db
def test_a_refused_import_leaves_no_project(backlog):
    with pytest.raises(Invalid, match="capital"):
        call_command("import", "beads", str(backlog), "--project", "no key")
    with pytest.raises(UnknownWorkflow):
        call_command("import", "beads", str(backlog), "--project", "CLI", "--workflow", "nowhere")
    backlog.write_text(backlog.read_text() + "{")
    with pytest.raises(Malformed, match="line 3"):
        call_command("import", "beads", str(backlog), "--project", "CLI")
    with pytest.raises(NotFound, match="No such file"):
        call_command("import", "beads", f"{backlog}.gone", "--project", "CLI")
    with pytest.raises(CommandError):
        call_command("import", "jira", str(backlog), "--project", "CLI")
    assert not Project.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.full
def test_an_import_reads_standard_input_and_draws_nothing_there(backlog):
    with backlog.open("rb") as file:
        done = run("import", "beads", "-", "--project", "CLI", "--json", stdin=file)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["tickets"]["new"] == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.full
def test_a_refused_import_lists_the_first_faults_and_counts_the_others(tmp_path):
    file = tmp_path / "issues.jsonl"
    file.write_text('{"id": "bd-1"}\n' * 150)
    refused = run("import", "beads", str(file), "--project", "CLI")
    assert refused.returncode == 1
    lines = refused.stderr.splitlines()
    assert lines[0].startswith(f"{file}: Nothing was imported. line 1: title is missing; ")
    assert lines[0].endswith("; and 145 more")
    assert (lines[1], lines[95], lines[96]) == (
        "  line 6: title is missing",
        "  line 100: title is missing",
        "  … and 50 more",
    )

    refused = run("import", "beads", str(file), "--project", "CLI", "--json")
    assert (len(json.loads(refused.stdout)["errors"]), json.loads(refused.stdout)["more_errors"]) == (100, 50)


@pytest.mark.django_db
def test_a_link_is_made_again_that_signs_in_once(operator, client, capsys):
    made = json_output(capsys, "login-link", "admin")
    assert made["user"] == "admin"
    path = made["link"][made["link"].index("/login/once/") :]
    assert client.post(path).status_code == 302
    assert client.post(path).status_code == 410


@pytest.mark.django_db
def test_no_link_is_made_for_who_may_not_sign_in(operator):
    operator.is_active = False
    operator.save()
    for name in ("admin", "nobody"):
        with pytest.raises(NotFound, match="no user"):
            call_command("login-link", name)


@pytest.mark.django_db
@pytest.mark.parametrize("content", [b"", b"name: [", b"\xff\xfe\x00", b"name: x\nphases: 3\n"])
@pytest.mark.parametrize(
    "words",
    ["workflows check", "workflows install", "import --project=CLI beads", "import --project=CLI wfformat"],
)
def test_what_is_wrong_with_a_file_is_said_with_its_name(tmp_path, words, content):
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    for path in (file, tmp_path, tmp_path / "missing.yaml"):
        with pytest.raises(OmoiError) as refused:
            call_command(*words.split(), str(path))
        assert refused.value.message.startswith(f"{path}: ")
