"""A worker shows that its jobs get on: while they print or write, its heartbeats carry new marks."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from django.conf import settings

from agents.executors.activity import Activity
from agents.executors.supervisor.usage import written
from omoi_site.database import sql
from tests.factories import install_profile, shell_tasks, states
from tests.support.wait import until
from tests.support.worker_process import running_worker
from tickets.models import SweepRun, Task, TaskSpec

pytestmark = pytest.mark.django_db(transaction=True)

STALLED_AND_GRACE_S = 2_405  # the defaults of a project, and a little more
BEATS = 6
WORKS = {
    "prints": "while :; do echo working; sleep 0.2; done",
    "writes in its folder": "while :; do echo x > progress; sleep 0.2; done",
    "touches in its folder": "mkdir deep; while :; do touch deep/file; sleep 0.2; done",
}
HANGS = {
    "sleeps": "touch $OMOI_SHARED/begun; sleep 300",
    "spins": "touch $OMOI_SHARED/begun; while :; do :; done",
    "starts others that do nothing": "touch $OMOI_SHARED/begun; while :; do sleep 0.1; done",
}


def beats(task: Task) -> tuple[object, str]:
    row = Task.objects.get(pk=task.pk)
    return row.lease_expires_at, row.activity


def marks_of(task: Task, count: int) -> set[str]:
    """Those of the next heartbeats, so many."""
    seen = {beats(task)}
    until(lambda: seen.add(beats(task)) or len({at for at, _ in seen}) > count)
    return {mark for _, mark in seen}


def passes(seconds: float) -> None:
    sql.rows("UPDATE tickets_task SET active_at = active_at - interval '1 s' * %s", [seconds])
    sql.rows("UPDATE tickets_task SET lease_look_at = clock_timestamp() - interval '1 s'")
    SweepRun.note({"lapse": "", "stall": ""})


def gets_mark(task: Task) -> str:
    return until(lambda: Task.objects.get(pk=task.pk).activity)


@pytest.mark.full
@pytest.mark.parametrize("how", WORKS)
def test_slow_work_that_still_writes_is_not_taken(ticket, operator, shared, how):
    [task] = shell_tasks(ticket, WORKS[how], by=operator)
    with running_worker() as worker:
        first = gets_mark(task)
        until(lambda: Task.objects.get(pk=task.pk).activity != first, why=worker.last_words)
        for _ in range(2):
            passes(STALLED_AND_GRACE_S)
            mark = Task.objects.get(pk=task.pk).activity
            until(lambda: Task.objects.get(pk=task.pk).activity != mark, why=worker.last_words)  # noqa: B023
            Task.objects.stall()
            assert states(task) == ["claimed"]
    assert Task.objects.get(pk=task.pk).fence == 1


@pytest.mark.full
@pytest.mark.parametrize("how", HANGS)
def test_a_job_that_hangs_is_taken_back_and_ended(ticket, operator, shared, how):
    [task] = shell_tasks(ticket, HANGS[how], by=operator, max_attempts=1)
    with running_worker() as worker:
        until((shared / "begun").exists, why=worker.last_words)
        until(lambda: len(marks_of(task, BEATS)) == 1, why=worker.last_words)

        passes(STALLED_AND_GRACE_S)
        marks_of(task, 1)
        Task.objects.stall()

        assert Task.objects.get(pk=task.pk).failure == "no_progress"
        until(lambda: "lost: the claim was lost" in worker.last_words(), why=worker.last_words)


@pytest.mark.full
def test_a_reusable_process_shows_it_for_the_job_that_it_carries_out(ticket, operator, shared):
    install_profile("prints", kind="python", callable="prints.on", reusable=True)
    (Path(settings.OMOI_HOME) / "profiles" / "prints.py").write_text(
        "import time\n\n\ndef on(brief):\n    while True:\n        print('working', flush=True)\n"
        "        time.sleep(0.2)\n"
    )
    [task] = Task.objects.add(ticket, [TaskSpec("Print", profile="prints")], by=operator)
    with running_worker() as worker:
        first = gets_mark(task)
        until(lambda: Task.objects.get(pk=task.pk).activity != first, why=worker.last_words)


def test_what_processes_and_their_children_write_to_files_elsewhere_is_counted():
    """Such as in the folder that jobs share. /var/tmp is on a disk."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        text = f"""
            sh -c 'echo > {folder}/child'; echo
            read line; head -c 20000 /dev/zero > {folder}/itself; echo
            read line; echo; read line
        """
        with subprocess.Popen(["sh", "-c", text], stdin=-1, stdout=-1) as process:
            assert process.stdin
            assert process.stdout
            process.stdout.readline()
            by_child = written([process.pid])
            by_both, by_both_later = _next_line(process), _next_line(process)
            assert 0 < by_child < by_both == by_both_later
            process.stdin.close()


def _next_line(process: subprocess.Popen[bytes]) -> int:
    """What was written when it has gone on as far as its next line."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"go on\n")
    process.stdin.flush()
    process.stdout.readline()
    return written([process.pid])


def test_a_mark_changes_with_output_and_with_files():
    assert len({Activity(*what).mark for what in ((0, ""), (1, ""), (1, "7,8,9"))}) == 3
