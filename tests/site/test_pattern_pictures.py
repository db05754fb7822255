"""The pictures of the documents show patterns that run. `OMOI_WRITE_PICTURES=1` writes them anew."""

from __future__ import annotations

import os

import pytest

from omoi_site.settings import ROOT
from tests.factories import complete
from tests.support.pattern_picture import picture
from tickets.models import PatternRequest, PatternRun, Task, TaskSpec
from tickets.pages.patterns.drawing import of_applied
from tickets.patterns import document

pytestmark = pytest.mark.django_db

FOLDER = ROOT / "docs/patterns"
# For each pattern its words, and how many of the tasks of its split are done; an agent is at work on others.
RUNS = {
    "majority_vote": ({"question": "SQL?"}, 2),
    "parallel_work": ({"part_1": "Read the file", "part_2": "Check the rows", "part_3": "Report"}, 1),
    "review_together": ({"part_1": "server", "part_2": "page"}, 2),
}


def test_each_shipped_pattern_has_a_picture():
    assert set(RUNS) == {pattern.name for pattern in document.shipped()}
    assert {file.stem for file in FOLDER.glob("*.svg")} == set(RUNS)
    shown = (ROOT / "docs/patterns.md").read_text()
    assert all(f"](patterns/{name}.svg)" in shown for name in RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_a_picture_is_that_of_a_run(ticket, operator, ada, name):
    words, done = RUNS[name]
    [source] = Task.objects.add(ticket, [TaskSpec("Plan the work", phase="DOING")], by=operator)
    request = PatternRequest(name, "shown", {"source_task_id": str(source.pk), **words})
    PatternRun.objects.apply(ticket, request, by=operator)
    complete(Task.objects.claim(by=ada)[0], by=ada)
    claims = Task.objects.claim(by=ada, limit=3)
    for claim in claims[:done]:
        complete(claim, by=ada, result={"answer": "yes"})
    Task.objects.claim(by=ada)

    shown = picture(of_applied(PatternRun.objects.get().applied()))
    assert ticket.key not in shown  # numbers differ from run to run

    file = FOLDER / f"{name}.svg"
    if os.environ.get("OMOI_WRITE_PICTURES"):
        FOLDER.mkdir(exist_ok=True)
        file.write_text(shown)
    assert file.read_text() == shown
