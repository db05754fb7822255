"""Workers: real processes that carry out tasks with a profile."""

from __future__ import annotations

import pytest

from tests.waiting import until
from tests.working import states, tasks, worker, working  # noqa: F401
from tickets.models import Task, TaskSpec, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_carries_out_a_command_and_its_ticket_moves_on(project, operator, worker):  # noqa: F811
    ticket = Ticket.objects.open(
        project=project, title="Say it", tasks=[TaskSpec("Say", profile="echo", slots={"text": "hello; $HOME"})], by=operator
    )

    until(lambda: Ticket.objects.get(pk=ticket.pk).done, why=worker.last_words)

    task = Task.objects.get(ticket=ticket)
    assert task.state == "completed"
    assert task.result["output"] == "hello; $HOME\n"
    assert task.fence == 1


def test_as_many_tasks_run_at_once_as_a_worker_has_threads(ticket, operator, tmp_path):
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents[:3]:
        folder.chmod(0o755)
    meet = f"touch {tmp_path}/$OMOI_TASK; while [ $(ls {tmp_path} | wc -l) -lt 6 ]; do sleep 0.05; done"
    six = tasks(ticket, *[meet] * 6, by=operator)

    with working(threads=6) as worker:  # noqa: F811
        until(lambda: states(*six) == ["completed"] * 6, why=worker.last_words)
