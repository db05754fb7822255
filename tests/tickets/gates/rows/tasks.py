"""Rows of the checks of tasks."""

from __future__ import annotations

from tests.factories import fail
from tests.tickets.gates.rows import Row, Scene, Spoiled
from tickets.models import Task, TaskSpec


def one_more(scene: Scene) -> None:
    Task.objects.add(scene.ticket, [TaskSpec("one more")], by=scene.operator)


def one_failed(scene: Scene) -> None:
    one_more(scene)
    [claim] = Task.objects.claim(by=scene.ada)
    fail(claim, by=scene.ada, kind="permanent")


ROWS = {
    "tasks_completed": Row(
        {},
        Scene.work_off,
        absent=Spoiled("no_tasks"),
        old=Spoiled("tasks_open", one_more),
        of_another_commit="a task is not of a commit",
        malformed="the states of tasks are the server's own",
        contradictory=Spoiled("tasks_failed", lambda scene: (scene.work_off(), one_failed(scene))),
    )
}
