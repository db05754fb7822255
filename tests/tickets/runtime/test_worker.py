"""Workers: real processes that carry out tasks with a profile."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.core.management import call_command

from omoi_site.database import sql
from omoi_site.errors import Invalid
from tests.factories import install_profile, shell_tasks, states
from tests.support import ROOT, cluster
from tests.support.api_client import api_of
from tests.support.wait import until
from tests.support.worker_process import running_worker
from tickets.models import Outcome, Task, TaskSpec, Ticket, TicketSpec

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker():
    with running_worker() as process:
        yield process


@pytest.fixture
def mark() -> str:
    """A word that no process but this test's carries."""
    return f"omoi-{uuid.uuid4().hex}"


def running(marker: str) -> bool:
    return marker in subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True).stdout


def test_a_worker_carries_out_a_command_and_its_ticket_moves_on(project, operator, worker):
    ticket = Ticket.objects.open(
        project,
        TicketSpec("Say it", tasks=[TaskSpec("Say", profile="echo", slots={"text": "hello; $HOME"})]),
        by=operator,
    )

    until(lambda: Ticket.objects.get(pk=ticket.pk).done, why=worker.last_words)

    task = Task.objects.get(ticket=ticket)
    assert (task.state, task.fence, task.result["output"]) == ("completed", 1, "hello; $HOME\n")


@pytest.mark.full
def test_as_many_tasks_run_at_once_as_a_worker_has_threads(ticket, operator, shared):
    """Each of six waits for the other five: fewer threads would never end."""
    six = shell_tasks(
        ticket,
        *["touch $OMOI_SHARED/$OMOI_TASK; while [ $(ls $OMOI_SHARED | wc -l) -lt 6 ]; do sleep 0.05; done"]
        * 6,
        by=operator,
    )

    with running_worker(threads=6) as worker:
        until(lambda: states(*six) == ["completed"] * 6, why=worker.last_words)


@pytest.mark.full
def test_what_a_task_says_is_stored_and_what_goes_wrong_is_told(ticket, operator, worker):
    said, failed = shell_tasks(
        ticket, r"printf 'a\000\377'", "echo sorry; exit 3", by=operator, max_attempts=1
    )
    [paused] = Task.objects.add(
        ticket, [TaskSpec("Pause", profile="pause", slots={"seconds": 0})], by=operator
    )

    until(lambda: not Task.objects.open().exists(), why=worker.last_words)

    assert Task.objects.get(pk=said.pk).result["output"] == "a\ufffd\ufffd"
    assert Task.objects.get(pk=failed.pk).error == "exit status 3\nsorry"
    assert Task.objects.get(pk=paused.pk).result["value"] == {"paused_s": 0.0}


@pytest.mark.full
def test_a_profile_that_is_gone_fails_its_task_for_good(ticket, operator):
    install_profile("soon-gone", words=["true"])
    [task] = Task.objects.add(ticket, [TaskSpec("Try", profile="soon-gone")], by=operator)
    (Path(settings.OMOI_HOME) / "profiles" / "soon-gone.yaml").unlink()

    with running_worker() as worker:
        until(lambda: states(task) == ["failed"], why=worker.last_words)

    assert "no profile soon-gone" in Task.objects.get(pk=task.pk).error


@pytest.mark.full
def test_a_killed_workers_tasks_come_back_by_lease_and_are_done_once(ticket, operator, shared, mark):
    two = shell_tasks(
        ticket,
        *[
            f"echo begun >> $OMOI_SHARED/$OMOI_TASK; until [ -e $OMOI_SHARED/go ]; do sleep 0.1; : {mark};"
            " done; echo done >> $OMOI_SHARED/$OMOI_TASK"
        ]
        * 2,
        by=operator,
    )
    with running_worker("w1") as first:
        until(lambda: len(list(shared.iterdir())) == 2, why=first.last_words)
        first.kill()
        until(lambda: not running(mark))  # nobody goes on working for a worker that is gone
        sql.rows(
            "UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE state ="
            " 'claimed'"
        )
        (shared / "go").touch()

        with running_worker("w2") as second:
            until(lambda: states(*two) == ["completed"] * 2, why=second.last_words)

    for task in two:
        assert (shared / str(task.pk)).read_text() == "begun\nbegun\ndone\n"
        assert Task.objects.filter(pk=task.pk, fence=2, attempts=2).exists()


@pytest.mark.full
def test_a_restarted_worker_keeps_nothing_of_the_dead_one_alive(ticket, operator, shared):
    [task] = shell_tasks(
        ticket, "touch $OMOI_SHARED/$OMOI_ATTEMPT; [ $OMOI_ATTEMPT = 2 ] || sleep 300", by=operator
    )
    with running_worker("w1", threads=1) as first:
        until(lambda: (shared / "1").exists(), why=first.last_words)
        first.kill()
    with running_worker("w1", threads=1) as again:
        until(
            lambda: states(task) == ["completed"], why=again.last_words
        )  # its lease of a minute is not waited for


@pytest.mark.full
def test_a_killed_broker_connection_only_delays(ticket, operator):
    """Polls are off here: what is done was hinted."""
    keep_open(ticket, by=operator)
    [first] = shell_tasks(ticket, "exit 0", by=operator)
    with running_worker(OMOI_WORKER_POLL_S="600", OMOI_WORKER_BEAT_S="600") as worker:
        until(lambda: states(first) == ["completed"], why=worker.last_words)
        assert cluster.end_sessions("application_name = 'omoi-broker'")

        [second] = shell_tasks(ticket, "exit 0", by=operator)
        until(lambda: states(second) == ["completed"], why=worker.last_words, seconds=30)


def keep_open(ticket, *, by):
    """The ticket does not go on to DONE, where it takes no more tasks."""
    Task.objects.add(ticket, [TaskSpec("What nobody can do", capabilities=["flying"])], by=by)


@pytest.mark.full
def test_a_worker_outlives_the_loss_of_every_connection(ticket, operator, shared):
    keep_open(ticket, by=operator)
    [task] = shell_tasks(
        ticket, "touch $OMOI_SHARED/begun; until [ -e $OMOI_SHARED/go ]; do sleep 0.1; done", by=operator
    )
    with running_worker() as worker:
        until(lambda: (shared / "begun").exists(), why=worker.last_words)
        for _ in range(3):
            cluster.end_sessions()
            (shared / "go").touch()
        until(lambda: states(task) == ["completed"], why=worker.last_words)
        [more] = shell_tasks(ticket, "exit 0", by=operator)
        until(lambda: states(more) == ["completed"], why=worker.last_words)
    assert Task.objects.get(pk=task.pk).fence == 1


@pytest.mark.parametrize("how", ["cancelled", "lapsed"])
@pytest.mark.full
def test_a_claim_that_is_lost_ends_its_whole_group(ticket, operator, how, mark):
    [task] = shell_tasks(
        ticket,
        f"(trap '' TERM; while :; do sleep 0.2; : {mark}; done) & while :; do sleep 0.2; : {mark}; done",
        by=operator,
        max_attempts=1,
    )
    with running_worker() as worker:
        until(lambda: running(mark), why=worker.last_words)
        if how == "cancelled":
            Task.objects.filter(pk=task.pk).cancel(by=operator, reason="not needed")
        else:
            sql.rows("UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s'")
            Task.objects.lapse()
        until(lambda: not running(mark), why=worker.last_words)
        [more] = shell_tasks(ticket, "exit 0", by=operator)
        until(lambda: states(more) == ["completed"], why=worker.last_words)
    assert states(task) == ["cancelled" if how == "cancelled" else "failed"]


@pytest.mark.full
def test_a_worker_told_to_end_lets_running_work_finish_and_takes_no_more(ticket, operator, shared):
    [task] = shell_tasks(
        ticket, "touch $OMOI_SHARED/begun; until [ -e $OMOI_SHARED/go ]; do sleep 0.1; done", by=operator
    )
    with running_worker() as worker:
        until(lambda: (shared / "begun").exists(), why=worker.last_words)
        worker.process.terminate()
        [later] = shell_tasks(ticket, "exit 0", by=operator)
        (shared / "go").touch()
        assert worker.process.wait(20) == 0
    assert states(task, later) == ["completed", "pending"]


@pytest.mark.full
def test_work_that_outlasts_the_grace_is_ended_and_given_back(ticket, operator, shared):
    [task] = shell_tasks(ticket, "touch $OMOI_SHARED/begun; sleep 300", by=operator)
    with running_worker(OMOI_WORKER_GRACE_S="0.2") as worker:
        until(lambda: (shared / "begun").exists(), why=worker.last_words)
        assert worker.end() == 0
    assert states(task) == ["pending"]
    assert Task.objects.get(pk=task.pk).attempts == 0


@pytest.mark.parametrize("sandbox", ["none", "auto"])
@pytest.mark.full
def test_what_a_machine_leaves_open_to_jobs_is_a_warning_of_readyz(web, sandbox):
    with running_worker(OMOI_SANDBOX=sandbox):
        answer = until(lambda: readyz(web, open=sandbox == "none"))
    assert "isolation" not in answer["checks"]
    if sandbox == "none":
        assert answer["warnings"]["isolation"].startswith("Jobs of the worker w1 run without a sandbox.")
        assert "They can " in answer["warnings"]["isolation"]


def readyz(web, *, open):
    """The answer, once its warnings are those of the worker that runs now."""
    answer = httpx.get(f"http://{web.host}/readyz").json()
    return answer if bool(answer["warnings"]) == open else None


@pytest.mark.full
def test_jobs_commit_in_git_as_their_worker(ticket, operator, worker):
    [task] = shell_tasks(
        ticket, "git init -q .; git commit -q --allow-empty -m x; git log --format='%an %ae %cn'", by=operator
    )
    until(lambda: states(task) == ["completed"], why=worker.last_words)
    task.refresh_from_db()
    assert task.result["output"] == "w1 w1@omoi.invalid w1\n"


@pytest.mark.full
def test_two_workers_never_have_one_name(worker):
    second = subprocess.run(
        [sys.executable, "manage.py", "worker", "--name", "w1"],
        cwd=ROOT,
        env=cluster.environment(),
        capture_output=True,
        text=True,
    )
    assert second.returncode == 1
    assert "a worker named w1 is already running" in second.stderr


@pytest.mark.parametrize(
    ("words", "why"), [(["--threads", "0"], "capacity"), (["--name", "Not A Name"], "name")]
)
def test_a_worker_that_cannot_be_is_refused_in_words(words, why):
    with pytest.raises(Invalid, match=why):
        call_command("worker", *words)


def test_a_task_that_no_worker_could_run_is_refused_naming_the_field(ticket, operator):
    api, path = api_of(operator, "tickets:write"), f"/tickets/{ticket.key}/tasks"
    for task, field in [
        ({"title": "Try", "profile": "nobody"}, "tasks.0.profile"),
        ({"title": "Try", "profile": "echo"}, "tasks.0.slots.text"),
        ({"title": "Try", "profile": "echo", "slots": {"text": "a", "more": "b"}}, "tasks.0.slots.more"),
        ({"title": "Try", "slots": {"text": "a"}}, "tasks.0.slots"),
    ]:
        answer = api.post(path, {"tasks": [task]})
        assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (
            422,
            [field],
        ), answer.json()
    assert (
        api.post(path, {"tasks": [{"title": "Try", "profile": "echo", "slots": {"text": "a"}}]}).status_code
        == 201
    )


@pytest.mark.full
def test_what_the_work_leaves_is_handed_in_under_its_fence(ticket, operator):
    reporting = install_profile(
        "reporting",
        words=["sh", "-c", {"slot": "text"}],
        slots={"text": {"pattern": "(?s).*"}},
        artifacts={"out/report.md": "requirements_document", "log.txt": "test_evidence"},
    )
    text = "mkdir out; echo '# Scope' > out/report.md; echo said > log.txt"
    [task] = Task.objects.add(
        ticket, [TaskSpec("Report", profile=reporting, slots={"text": text})], by=operator
    )

    with running_worker() as worker:
        until(lambda: states(task) == ["completed"], why=worker.last_words)

    report, log = ticket.artifacts.order_by("path").reverse()
    assert (report.type, report.path, report.phase, report.revision) == (
        "requirements_document",
        "out/report.md",
        "DOING",
        1,
    )
    assert b"".join(report.blob.pieces()) == b"# Scope\n"
    assert (log.type, log.task_id, log.fence, log.by) == ("test_evidence", task.pk, 1, "agent:w1")


def finding(content):
    """A profile whose jobs leave this in the file of what they found."""
    return install_profile(
        "finding",
        words=["sh", "-c", {"slot": "text"}],
        slots={"text": {"pattern": "(?s).*", "default": f"printf '%s' '{content}' > found.json"}},
        discoveries="found.json",
    )


@pytest.mark.full
def test_what_the_work_found_on_the_way_is_recorded_with_its_completion(ticket, operator):
    found = """[{"type": "bug", "title": "Rounds down", "body": "password=hunter2 in line 40"}]"""
    several = [
        TaskSpec("Look", profile=finding(found)),
        TaskSpec("Find nothing", profile="finding", slots={"text": "true"}),
    ]
    tasks = Task.objects.add(ticket, several, by=operator)

    with running_worker() as worker:
        until(lambda: states(*tasks) == ["completed"] * 2, why=worker.last_words)

    [discovery] = ticket.discoveries.all()
    assert (discovery.task, discovery.type, discovery.title, discovery.by) == (
        tasks[0],
        "bug",
        "Rounds down",
        "agent:w1",
    )
    assert "hunter2" not in discovery.body


@pytest.mark.full
@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("""[{"type": "bug"}]""", "what it found cannot be recorded: discoveries.0.title: is required"),
        pytest.param("""[{"type": "bug", "title": " "}]""", "discoveries.0.title", marks=pytest.mark.full),
        pytest.param(
            """[{"type": "bug", "title": "x", "level": 3}]""", "level is not known", marks=pytest.mark.full
        ),
        pytest.param("""{"type": "bug"}""", "found.json must be a JSON list", marks=pytest.mark.full),
        pytest.param("[", "found.json is not valid JSON", marks=pytest.mark.full),
    ],
)
def test_what_is_no_discovery_fails_validation_and_leaves_others_alone(ticket, operator, content, fault):
    specs = [
        TaskSpec("Look", profile=finding(content)),
        TaskSpec("Find nothing", profile="finding", slots={"text": "true"}),
    ]
    task, other = Task.objects.add(ticket, specs, by=operator)

    with running_worker() as worker:
        until(lambda: task.validations.exists(), why=worker.last_words)
        until(lambda: states(other) == ["completed"], why=worker.last_words)

    assert fault in task.validations.get().error
    assert not ticket.discoveries.exists()


@pytest.mark.full
def test_a_check_that_fails_is_put_right_by_an_agent_and_run_again(ticket, ada, operator, shared):
    words = ["sh", "-c", "cat $OMOI_SHARED/answer; grep -q 42 $OMOI_SHARED/answer"]
    checking = install_profile("checking", words=words, checks=True, shared="tests")
    answer = shared / "answer"
    answer.write_text("it is 41")
    [task] = Task.objects.add(ticket, [TaskSpec("Check the answer", profile=checking)], by=operator)

    with running_worker() as worker:
        until(lambda: task.validations.exists(), why=worker.last_words)
        [fix] = Task.objects.claim(by=ada)
        answer.write_text("it is 42")
        Task.objects.settle([Outcome(fix.task, fix.fence, "completed")], by=ada)
        until(lambda: states(task) == ["completed"], why=worker.last_words)

    assert (fix.title, fix.kind) == ("Fix: Check the answer", "fix")
    assert task.validations.get().error == "exit status 1\nit is 41"


@pytest.mark.full
def test_work_that_leaves_less_than_its_profile_promises_fails_validation(ticket, operator):
    """What is missing is put right by an agent; then the work is done again."""
    promising = install_profile("promising", words=["true"], artifacts={"report.md": "requirements_document"})
    [task] = Task.objects.add(ticket, [TaskSpec("Report", profile=promising, max_attempts=1)], by=operator)

    with running_worker() as worker:
        until(lambda: task.validations.exists(), why=worker.last_words)

    task.refresh_from_db()
    found = task.validations.get()
    assert (task.state, task.open_needs, found.fix.profile) == ("pending", 1, "")
    assert "leave report.md" in task.error
    assert "leave report.md" in found.fix.description
    assert not ticket.artifacts.exists()
