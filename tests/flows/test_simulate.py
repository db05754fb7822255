"""`python3 manage.py simulate`: scripted agents in their own processes against a real server."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import call_command

from agents.models import Agent, Event, Key, Project, ProjectSpec
from tests.support import cluster
from tests.support.lossy_proxy import losing_answers
from tests.support.up_process import Up, short_home
from tests.support.wait import until
from tickets.management.commands.simulate import Command, NoServer, NotSure
from tickets.models import Edge, Need, Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.simulation import run
from tickets.simulation.agent import AgentOptions
from tickets.simulation.agent_processes import AgentProcesses
from tickets.simulation.fault_injection import FaultInjector, kill_child
from tickets.simulation.roster import register_agents

PLAIN = {
    "name": "plain",
    "phases": [{"name": "OPEN", "to": ["DONE"]}, {"name": "DONE", "to": []}],
}  # no ticket moves by itself


@pytest.fixture
def backlog(operator):
    """A project with 30 open tasks, of which 20 need an earlier one."""
    Workflow.objects.install(PLAIN)
    project = Project.objects.create_project(ProjectSpec("SIM", workflow="plain"), by=operator)
    specs = [
        TaskSpec(f"task {number}", capabilities=["python"] if number % 3 else []) for number in range(30)
    ]
    ticket = Ticket.objects.open(project, TicketSpec("A backlog", tasks=specs), by=operator)
    tasks = list(Task.objects.filter(ticket=ticket).order_by("id").values_list("id", flat=True))
    chance = random.Random(3)
    Need.objects.add(
        project.pk, [Edge(chance.choice(tasks[:place]), tasks[place]) for place in range(10, 30)], by=operator
    )
    return project


def simulate(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "simulate", *words],
        cwd=settings.ROOT,
        env=cluster.environment(),
        capture_output=True,
        text=True,
    )


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_a_backlog_is_done_once_and_in_order_over_http(backlog, web):
    ended = simulate(
        "--project",
        "SIM",
        "--agents",
        "3",
        "--work-ms",
        "5",
        "--url",
        f"http://{web.host}",
        "--sure",
        "--json",
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads(ended.stdout)
    expected = {"tasks": 30, "done": 30, "done_twice": 0, "order_violations": 0}
    expected |= {"refused": 0, "kills": 0, "lost": 0}
    assert {name: report[name] for name in expected} == expected
    assert 0 < report["claim_ms"]["p50"] <= report["claim_ms"]["p95"]
    assert 0.05 <= report["bound_s"] <= report["makespan_s"] <= report["seconds"]
    assert Task.objects.filter(project=backlog, state="completed").count() == 30
    assert set(Agent.objects.values_list("state", flat=True)) == {"retired"}
    assert not Key.objects.filter(revoked_at=None).exists()
    assert Event.objects.filter(kind="task.claimed").values("actor").distinct().count() == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.full
def test_what_a_pause_holds_is_not_awaited_nor_what_needs_it(backlog, web, operator):
    held = Ticket.objects.open(backlog, TicketSpec("Held", tasks=[TaskSpec("held")]), by=operator)
    after = Ticket.objects.open(backlog, TicketSpec("After", tasks=[TaskSpec("after")]), by=operator)
    Need.objects.add(backlog.pk, [Edge(held.tasks.get().pk, after.tasks.get().pk)], by=operator)
    Ticket.objects.act(held.pk, "pause", by=operator, reason="beads: blocked")

    ended = simulate("--project", "SIM", "--agents", "3", "--url", f"http://{web.host}", "--sure", "--json")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads(ended.stdout)
    assert {name: report[name] for name in ("tasks", "done", "held")} == {"tasks": 30, "done": 30, "held": 2}


@pytest.mark.django_db(transaction=True)
@pytest.mark.full
def test_a_call_whose_answer_was_lost_is_repeated_and_has_one_effect(backlog, web):
    with losing_answers("127.0.0.1", web.port, every=4) as url:
        ended = simulate("--project", "SIM", "--agents", "3", "--url", url, "--sure", "--json")

    report = json.loads(ended.stdout)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert report["unanswered"] >= 10
    assert (report["done"], report["done_twice"], report["lost"], report["refused"]) == (30, 0, 0, 0)
    assert (
        Event.objects.filter(kind="task.claimed").count() == 30
    )  # the repeated claim got the first one's task


@pytest.mark.django_db(transaction=True)
@pytest.mark.full
def test_what_is_not_done_within_the_limit_is_told_with_exit_status_1(backlog, web):
    url = f"http://{web.host}"
    ended = simulate(
        "--project",
        "SIM",
        "--agents",
        "1",
        "--work-ms",
        "60000",
        "--limit-s",
        "1",
        "--url",
        url,
        "--sure",
        "--json",
    )

    report = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert report["done"] == 0
    assert "limit of 1 s" in report["ended"]
    assert not Task.objects.filter(state="claimed").exists()  # given back, not left to lapse


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_a_standstill_ends_the_run_and_names_what_to_ask_about(task, web, monkeypatch, capsys):
    Task.objects.update(held=True)  # as while its ticket is paused
    monkeypatch.setattr(run, "NOTHING_MOVES_S", 1)

    with pytest.raises(SystemExit):
        call_command("simulate", project="OMO", agents=1, url=f"http://{web.host}", sure=True, json=True)

    assert json.loads(capsys.readouterr().out)["ended"].endswith(
        f"to see why, run `python3 manage.py explain {task.key}`"
    )


@pytest.mark.django_db(transaction=True)
def test_a_project_in_which_somebody_else_has_claimed_is_refused(task, ada):
    Task.objects.claim(by=ada)

    with pytest.raises(NotSure, match=r"Others have worked in OMO .ada."):
        call_command("simulate", project="OMO")


@pytest.mark.django_db
def test_a_server_that_up_did_not_start_here_is_refused(project, tmp_path, settings):
    settings.OMOI_HOME = tmp_path

    with pytest.raises(NoServer):
        call_command("simulate", project="OMO")
    with pytest.raises(NotSure, match="was not started by `up`"):
        call_command("simulate", project="OMO", url="http://127.0.0.1:9")
    with pytest.raises(NoServer, match="--chaos needs a server started"):
        call_command("simulate", project="OMO", url="http://127.0.0.1:9", sure=True, chaos=True)
    assert not Agent.objects.exists()


@pytest.mark.django_db
def test_agents_of_a_killed_run_are_retired_by_the_next(project):
    [(left, _)] = register_agents(project, 1, keys_for=timedelta(minutes=1))
    [(busy, _)] = register_agents(project, 1, keys_for=timedelta(minutes=1))  # a run beside it is left alone
    Key.objects.filter(agent=left).update(expires_at="2020-01-01T00:00Z")

    register_agents(project, 1, keys_for=timedelta(minutes=1))

    assert Agent.objects.get(pk=left.pk).state == "retired"
    assert Agent.objects.get(pk=busy.pk).state == "available"


@pytest.mark.parametrize(
    "words",
    [["--agents", "0"], ["--agents", "101"], ["--work-ms", "-1"], ["--limit-s", "soon"], ["--kills", "3"]],
)
@pytest.mark.django_db
def test_wrong_use_ends_with_2(words):
    with pytest.raises(SystemExit) as ended:
        Command().run_from_argv(["manage.py", "simulate", "--project", "SIM", *words])

    assert ended.value.code == 2


def test_only_children_of_the_server_are_killed(tmp_path):
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        assert not kill_child(stranger.pid, of=os.getppid())
        assert stranger.poll() is None
        assert kill_child(stranger.pid, of=os.getpid())
        os.waitid(os.P_PID, stranger.pid, os.WEXITED | os.WNOWAIT)
        assert not kill_child(stranger.pid, of=os.getpid())  # a dead one is not killed again
    finally:
        stranger.kill()
        stranger.wait()


def test_kills_are_spread_over_the_work(tmp_path):
    chaos = FaultInjector(tmp_path, kills=4, tasks=100)
    due = []
    for _ in range(4):
        due.append(chaos.due)
        chaos.killed["web"] += 1

    assert due == [10, 30, 50, 70]


def test_agents_end_with_whoever_started_them():
    with AgentProcesses([AgentOptions("http://127.0.0.1:9", "omoi_none", "SIM")] * 2) as crew:
        assert until(
            lambda: any(line["what"] == "unanswered" for line in crew.news())
        )  # at work, though nobody answers
        for process in crew.processes:
            process.stdin.close()
        assert until(lambda: not crew.working)


@pytest.mark.alone  # so that the server is up again between one kill and the next
@pytest.mark.parametrize(
    ("tasks", "kills"),
    [pytest.param(60, 4, marks=pytest.mark.full), pytest.param(150, 10, marks=pytest.mark.campaign)],
)
def test_nothing_is_lost_or_done_twice_while_processes_are_killed(tasks, kills):
    with short_home(ready=True) as home:
        up = Up(home).ready()
        environment = {**os.environ, "OMOI_HOME": str(home)}
        try:
            backlog = home.parent / "backlog.jsonl"
            backlog.write_text("\n".join(json.dumps(issue) for issue in issues(tasks)))
            subprocess.run(
                [sys.executable, "manage.py", "import", "beads", str(backlog), "--project", "CH"],
                cwd=settings.ROOT,
                env=environment,
                check=True,
            )
            ended = subprocess.run(
                [sys.executable, "manage.py", "simulate", "--project", "CH", "--work-ms", "100",
                 "--chaos", "--kills", str(kills), "--json"],
                cwd=settings.ROOT, env=environment, capture_output=True, text=True,
            )  # fmt: skip
        finally:
            up.stop()

    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads(ended.stdout)
    assert (
        report["tasks"],
        report["done"],
        report["done_twice"],
        report["order_violations"],
        report["lost"],
    ) == (tasks, tasks, 0, 0, 0)
    assert report["kills"] == kills
    assert set(report["killed"]) == {"web", "worker", "clock"}


def issues(count: int) -> list[dict]:
    """A backlog in which half of the issues wait for an earlier one."""
    chance = random.Random(5)
    return [
        {
            "id": f"ch-{number}", "title": f"Issue {number}",
            "status": "open", "priority": number % 5, "issue_type": "task",
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
            "dependencies": [
                {"issue_id": f"ch-{number}", "depends_on_id": f"ch-{chance.randrange(number)}",
                 "type": "blocks"}
            ] if number % 2 else [],
        }
        for number in range(count)
    ]  # fmt: skip
