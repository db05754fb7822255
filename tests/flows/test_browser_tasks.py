"""The pages of tasks in a browser: for everybody, live, by keyboard and without script."""

from __future__ import annotations

import pytest

from tests.factories import complete, fail
from tests.support.browser import PHONE, WIDE
from tickets.models import BulkAct, Edge, Need, Task, TaskOutput, TaskSpec, WaitSweep
from tickets.models.output.task_output import NewOutput
from tickets.models.queue.task_filter import TaskFilter

pytestmark = pytest.mark.django_db(transaction=True)
LOOKS = [
    pytest.param("dark", PHONE, id="phone-dark"),
    pytest.param("light", PHONE, id="phone-light", marks=pytest.mark.full),
    pytest.param("dark", WIDE, id="wide-dark", marks=pytest.mark.full),
    pytest.param("light", WIDE, id="wide-light", marks=pytest.mark.full),
]
PRINTED = (
    b"$ pytest -q\n\x1b[32m.........\x1b[0m\x1b[31mF\x1b[0m\x1b[33ms\x1b[0m                     [ 41 %]\n"
    b"\x1b[1;31mFAILED\x1b[0m tests/test_capture.py::test_twice \x1b[36m(0.41s)\x1b[0m\n"
    b"\x1b[34mcollecting\x1b[0m " + b"a-very-long-word-" * 30 + b"\n\x1b[35mnote\x1b[0m \x1b[2mfaint\x1b[0m"
)


@pytest.fixture
def work(project, ticket, ada, bob, operator):
    """A task at work that prints, two that failed alike, one done, others ready or waiting; with long titles
    and many capabilities.
    """
    specs = [
        TaskSpec("Write the endpoint " * 6, capabilities=["python", "rust", "x" * 60, "a", "b"], priority=0),
        TaskSpec("Run the tests", max_attempts=1),
        TaskSpec("Review the key store", max_attempts=1, priority=1),
        TaskSpec("Replay protection"),
        TaskSpec("Contract tests"),
        TaskSpec("Runbook", description="What to do at night. " * 20),
    ]
    tasks = Task.objects.add(ticket, specs, by=operator)
    Need.objects.add(project.pk, [Edge(tasks[3].pk, tasks[5].pk)], by=operator)
    claims = {claim.task: claim for claim in Task.objects.claim(by=ada, limit=4)}
    for number in (1, 2):
        error = f"TimeoutError in reconcile_batch(): the sandbox drops the connection after {number}0 s"
        fail(claims[tasks[number].pk], by=ada, error=error)
    complete(claims[tasks[4].pk], by=ada, result={"tests": 12, "passed": True})
    held = claims[tasks[3].pk]
    TaskOutput.objects.add_one(NewOutput(held.task, held.fence, 0, PRINTED), by=ada)
    progress = {"message": "half", "percent": 50, "checkpoint": {"branch": "omoi/OMO-1", "summary": "so far"}}
    Task.objects.report_progress(held.task, held.fence, progress, by=ada)
    WaitSweep.objects.recheck_tasks(0, max(task.pk for task in tasks))
    return tasks


def test_shots(window, operator, work, project):
    bulk = BulkAct.objects.prepare("retry", TaskFilter(status="all"), by=operator, projects=[project])
    done = BulkAct.objects.prepare("retry", TaskFilter(status="all"), by=operator, projects=[project])
    other = (
        BulkAct.objects.prepare("cancel", TaskFilter(text="no"), by=operator, projects=[project])
        if 0
        else None
    )
    pages = {
        "list": "/tasks/",
        "same": "/tasks/?failure=transient&status=failed",
        "empty": "/tasks/?text=zz",
        "held": f"/tasks/{work[3].key}/",
        "failed": f"/tasks/{work[1].key}/",
        "waiting": f"/tasks/{work[5].key}/",
        "confirm": f"/tasks/bulk/{bulk.pk}/",
    }
    for theme, size in (("light", WIDE), ("dark", PHONE)):
        shown = window(operator, size=size, theme=theme)
        for name, path in pages.items():
            page = shown.go(path)
            page.wait_for_load_state("networkidle")
            print(name, theme, shown.width, shown.faults(), shown.trailing_dots())
            page.screenshot(path=f"/tmp/c-shots/{name}-{theme}.png", full_page=True)
        print(shown.complaints)
    BulkAct.objects.confirm(done.pk, by=operator, reason="The sandbox is mended")
    BulkAct.objects.carry_on()
    for theme, size in (("light", WIDE),):
        shown = window(operator, size=size, theme=theme)
        page = shown.go(f"/tasks/bulk/{done.pk}/")
        page.wait_for_load_state("networkidle")
        print("done", theme, shown.width, shown.faults(), shown.trailing_dots())
        page.screenshot(path=f"/tmp/c-shots/done-{theme}.png", full_page=True)
