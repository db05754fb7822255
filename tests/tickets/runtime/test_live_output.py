"""What a job prints is on the page of its task while it runs, and is kept when it has failed."""

from __future__ import annotations

import pytest

from agents.executors.printed import ROOM, Printed
from tests.factories import shell_tasks
from tests.support.wait import until
from tests.support.worker_process import running_worker
from tickets.models import Task, TaskOutput


def test_what_is_fetched_has_its_places_and_is_bounded():
    printed = Printed()
    printed.take("one é".encode()[:-1])
    assert printed.fetch() == [(0, b"one ")]
    printed.take("é!".encode()[1:])
    assert printed.fetch() == [(4, "é!".encode())]
    for _ in range(100):
        printed.take(b"x" * (ROOM // 2))
    printed.take(b"end")

    (first, head), (last, tail) = printed.fetch()
    assert (first, len(head)) == (7, ROOM)
    assert (last + len(tail), len(tail), tail[-4:]) == (7 + 50 * ROOM + 3, ROOM, b"xend")
    printed.take(b"\xe2\x82")
    assert (printed.fetch(), printed.fetch(ended=True)) == ([], [(7 + 50 * ROOM + 3, b"\xe2\x82")])
    assert printed.fetch() == []


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_it_is_sent_while_the_job_runs(ticket, operator, shared):
    until_told = "until [ -e $OMOI_SHARED/go ]; do sleep 0.05; done"
    slow, quick = shell_tasks(
        ticket,
        f"echo begun; {until_told}; echo over; exit 3",
        "echo broken; exit 4",
        by=operator,
        max_attempts=1,
    )
    with running_worker() as worker:
        until(lambda: TaskOutput.objects.filter(task_id=slow.pk, size=6), why=worker.last_words)
        assert TaskOutput.objects.of(slow).whole_text() == "begun\n"
        (shared / "go").touch()
        until(
            lambda: Task.objects.filter(pk__in=[slow.pk, quick.pk], state="failed").count() == 2,
            why=worker.last_words,
        )

    assert TaskOutput.objects.of(slow).whole_text() == "begun\nover\n"
    assert TaskOutput.objects.of(quick).whole_text() == "broken\n"
