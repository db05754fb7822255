"""How tasks that bring others together are described on pages."""

from __future__ import annotations

import pytest

from tests.support.html import squeeze
from tickets.models import PatternRequest, PatternRun, Task, TaskSpec
from tickets.pages.coordination_words import Coordination

pytestmark = pytest.mark.django_db

MARK = '<g class="cancels"'
CANCEL = {"cancels_others": True}


@pytest.mark.parametrize(
    ("coordination", "sentence"),
    [
        (Coordination(join=1, of=3), "Goes on from the first of 3 tasks"),
        (Coordination(join=1, of=3, **CANCEL), "Goes on from the first of 3 tasks, then cancels the others"),
        (Coordination(join=2, of=2, **CANCEL), ""),
        (Coordination("sync", 2, 3, **CANCEL), "Waits for 2 of 3 tasks, then cancels the others"),
        (
            Coordination("sync", 2, 3, timeout_s=60, on_timeout="fail", **CANCEL),
            "Waits for 2 of 3 tasks, then cancels the others; fails after 1 min",
        ),
        (
            Coordination("sync", None, 3, timeout_s=60, on_timeout="continue", **CANCEL),
            "Waits for all 3 tasks; goes on with what there is after 1 min and cancels the others",
        ),
        # nothing is left to cancel
        (Coordination("sync", None, 3, **CANCEL), "Waits for all 3 tasks"),
        (
            Coordination("sync", None, 3, timeout_s=60, on_timeout="fail", **CANCEL),
            "Waits for all 3 tasks; fails after 1 min",
        ),
        (Coordination("sync", None, 0), "Waits for no task"),
        (Coordination("sync", None, 1), "Waits for one task"),
        (Coordination("merge", None, 1, "union"), "Merges the results of the tasks before it: union"),
        (Coordination("merge", None, 3, "union"), "Merges the results of all 3 tasks: union"),
    ],
)
def test_a_task_says_what_it_waits_for_and_what_becomes_of_the_others(coordination, sentence):
    assert coordination.sentence == sentence
    assert coordination.cancels is ("cancels the others" in sentence)


@pytest.fixture
def page(client, operator, ticket, ada):
    client.force_login(operator)
    return lambda view: squeeze(client.get(f"/tickets/{ticket.key}/?view={view}").content.decode())


@pytest.fixture
def tasks(ticket, operator):
    return [
        str(task.pk) for task in Task.objects.add(ticket, [TaskSpec(name) for name in "abc"], by=operator)
    ]


def apply(ticket, operator, kind, others, **more):
    pattern = {"type": kind, "id": "one", "others": others, **more}
    PatternRun.objects.apply(ticket, PatternRequest(pattern, "one"), by=operator)


@pytest.mark.parametrize("others", ["cancel", "continue"])
def test_a_join_that_cancels_the_others_is_marked_in_the_graph_and_says_so_in_the_list(
    page, ticket, operator, tasks, others
):
    more = {"merge_strategy": "first", "continuation_task": {"title": "go on"}}
    apply(ticket, operator, "join", others, source_task_ids=tasks, **more)

    graph, words = page("graph"), "Goes on from the first of 3 tasks, then cancels the others"

    cancels = others == "cancel"
    assert graph.count(MARK) == 2 * cancels  # the node, and the legend
    assert ("cancels the others when it goes on" in graph) is cancels
    assert (f"{words}</title>" in graph) is cancels  # what a screen reader says of the node
    assert (words in page("list")) is cancels


def test_a_sync_that_cancels_the_others_is_marked_too(page, ticket, operator, tasks):
    apply(ticket, operator, "sync", "cancel", waiting_task_ids=tasks, required_count=2)

    assert page("graph").count(MARK) == 2
    assert "Waits for 2 of 3 tasks, then cancels the others" in page("list")


@pytest.mark.parametrize("others", ["cancel", "continue"])
def test_the_preview_of_a_pattern_marks_it_before_it_is_applied(client, operator, ticket, tasks, others):
    client.force_login(operator)
    typed = {
        "tasks": tasks,
        "required": "2",
        "others": others,
        "title": "Wait",
        "key": "k",
        "step": "preview",
    }

    text = squeeze(client.post(f"/tickets/{ticket.key}/patterns/sync/", typed).content.decode())

    cancels = others == "cancel"
    assert text.count(MARK) == 2 * cancels
    assert text.count("then cancels the others") == 3 * cancels  # the picture, its node, and the list
