"""The demo's parts: steps that produce what the gates need, and a scenario that opens nothing twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from agents import profiles
from agents.executors.job import Ending, Job
from agents.executors.job_folder import shared_folder
from agents.executors.run import run
from agents.executors.stop_signal import Stop
from agents.models import Project, ProjectSpec
from omoi_site.setup import paths
from tests.support.external import unavailable
from tests.support.up_process import short_home
from tickets.demo import scenario, workspace
from tickets.gates import evidence
from tickets.models import Task, Ticket, Workflow
from tickets.workflows import document as workflow

SPLIT = "Split an amount without losing a cent"


@pytest.fixture
def ground(settings) -> Iterator[Path]:
    """An OMOI_HOME of this test, with the workspace and the repository."""
    if not shutil.which("git"):
        unavailable("git", "the demo needs git: apt install git")
    with short_home("omoi-demo-") as home:
        settings.OMOI_HOME = home
        (home.parent / "pytest.ini").write_text(
            "[pytest]\naddopts = -p no.such.plugin\n"
        )  # as when OMOI_HOME lies in a checkout
        workspace.lay_out()
        workspace.repository()
        yield paths.data_folder(home)


def step(name: str, key: str = "DEMO-2", title: str = SPLIT) -> Ending:
    profile = profiles.named(f"demo_{name}")
    words, slots = profile.filled({"seconds": 0})
    job = Job(
        name,
        profile.kind,
        words,
        {"ticket": {"key": key, "title": title}},
        slots,
        folders=[profile.folder],
        artifacts=profile.artifacts,
        isolation=profile.isolation,
    )
    return run(job, Stop())


@pytest.mark.full
def test_the_steps_make_what_the_gates_want(ground):
    made = {name: step(name) for name in ("branch", "requirements", "design", "code", "coverage")}
    assert not [ending.error for ending in made.values() if not ending.ok]

    document = evidence.document(made["requirements"].files[0].content.read())
    assert document.length >= 500
    assert {"scope", "acceptance_criteria"} <= document.sections
    assert evidence.has_tests(evidence.changed_files(made["code"].files[0].content.read()))
    assert evidence.coverage(made["coverage"].files[0].content.read()) < 80

    made = {name: step(name) for name in ("mend", "coverage", "tests", "merge")}
    assert not [ending.error for ending in made.values() if not ending.ok]
    assert evidence.coverage(made["coverage"].files[0].content.read()) > 80
    report = evidence.tests(made["tests"].files[0].content.read())
    assert (report.total, report.failed) == (4, 0)
    assert made["tests"].files[1].content.read()

    again = [step(name).error for name in ("branch", "requirements", "design", "mend", "merge")]
    assert again == [""] * 5
    log = git(ground, "log", "--first-parent", "--format=%s", "main").splitlines()
    assert log == [f"Merge DEMO-2: {SPLIT}", "Begin a ledger"]


def test_code_that_builds_on_what_is_not_merged_is_not_written(ground):
    settle = {"key": "DEMO-3", "title": "Settle up after a shared evening"}
    assert step("branch", **settle).ok
    assert "split.py is not on main yet" in step("code", **settle).error


def test_the_repository_of_a_version_with_one_home_for_all_jobs_is_brought_along(ground):
    assert step("branch").ok
    new = shared_folder("demo") / "ledger.git"
    old = ground / "executors" / "home" / "demo" / "ledger.git"
    old.parent.mkdir(parents=True)
    shutil.move(new, old)
    for path in (old, *old.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.chown(path, paths.EXECUTOR_UID if os.geteuid() == 0 else -1, -1)

    assert workspace.repository() == str(new)

    assert not old.exists()
    assert "DEMO-2" in git(ground, "branch", "--list")
    assert step("requirements").ok


def test_only_the_demos_own_tickets_can_be_worked_by_it(ground):
    assert "the demo has no ticket Something else" in step("requirements", title="Something else").error


@pytest.mark.full
def test_every_piece_is_covered_by_its_tests(tmp_path):
    assert {module["module"] for module in workspace.backlog()} | {
        f"test_{module['module']}" for module in workspace.backlog()
    } == {file.stem for file in workspace.MODULES}
    for file in workspace.MODULES:
        folder = tmp_path / ("tests" if file.stem.startswith("test_") else "ledger")
        folder.mkdir(exist_ok=True)
        shutil.copy(file, folder)
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(tmp_path)}
    words = ["coverage", "run", "--include=ledger/*", "-m", "pytest", "-q", "-c", os.devnull, "tests"]
    for said in (words, ["coverage", "report", "--fail-under=90"]):
        done = subprocess.run(
            [sys.executable, "-m", *said], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.django_db
def test_the_play_opens_its_tickets_once():
    for upto in (2, 2, 100, 100):
        project = scenario.open_project("/somewhere/ledger.git")
        assert scenario.open_tickets(project, upto) == min(upto, len(workspace.backlog()))
    assert project.tickets.count() == len(workspace.backlog())
    assert Task.objects.count() == len(workspace.backlog())
    assert Workflow.objects.filter(name="demo_delivery").count() == 1


@pytest.mark.django_db
def test_a_project_of_somebody_elses_is_left_alone(operator):
    Project.objects.create_project(ProjectSpec("DEMO"), by=operator)
    with pytest.raises(workspace.Impossible, match="did not create"):
        scenario.open_project("/somewhere/ledger.git")
    assert not Ticket.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_ticket_that_builds_on_another_is_blocked_until_that_one_is_done(operator):
    project = scenario.open_project("/somewhere/ledger.git")
    scenario.open_tickets(project, scenario.AT_ONCE)
    split, settle = (Ticket.objects.get(source_id=name) for name in ("split", "settle"))
    assert not scenario.over(project, "settle", "split")
    force(settle, "DESIGN", operator)

    assert not scenario.over(project, "settle", "split")
    settle.refresh_from_db()
    assert (settle.phase, settle.blocked_class) == ("BLOCKED", "dependency")
    assert split.key in settle.blocked_reason
    assert not scenario.over(project, "settle", "split")

    force(split, "DONE", operator)
    assert not scenario.over(project, "settle", "split")
    assert scenario.over(project, "settle", "split")
    settle.refresh_from_db()
    assert settle.phase == "DESIGN"


def test_its_workflow_is_software_delivery_with_work_of_its_own():
    ours, shipped = (
        workflow.read(scenario.DOCUMENT),
        workflow.read(workflow.SHIPPED / "software_delivery.yaml"),
    )
    assert [(phase.name, phase.to, phase.gate) for phase in ours.phases] == [
        (phase.name, phase.to, phase.gate) for phase in shipped.phases
    ]
    assert all(phase.tasks and phase.automatic == "on_completion" for phase in ours.phases[:-1])


def test_without_git_up_refuses_before_anything_is_begun(settings, tmp_path, monkeypatch):
    settings.OMOI_HOME = tmp_path / "home"
    monkeypatch.setattr(workspace, "SYSTEM_PATH", str(tmp_path))
    with pytest.raises(CommandError, match="apt install git"):
        call_command("up", "--demo", "--port", "0")
    assert not settings.OMOI_HOME.exists()


@pytest.mark.full
@pytest.mark.django_db
def test_run_once_more_after_its_end_the_demo_says_that_it_has_ended(ground, operator, capsys):
    project = scenario.open_project(workspace.repository())
    scenario.open_tickets(project, workspace.count())
    for ticket in project.tickets.all():
        with Ticket.objects.locked(pk=ticket.pk) as row:
            row.cancel(by=operator, reason="to have it ended in a test")
    call_command("demo")
    assert "DEMO has 13 tickets: the demo has ended." in capsys.readouterr().out


def force(ticket: Ticket, to: str, by: object) -> None:
    with Ticket.objects.locked(pk=ticket.pk) as row:
        row.force(to, by=by, reason="to have it there in a test")


def git(ground: Path, *words: str) -> str:
    repository = ground / "executors" / "shared" / "demo" / "files" / "ledger.git"
    return subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", repository, *words],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
