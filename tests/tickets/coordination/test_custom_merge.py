"""Custom merges: the verb takes nothing but an object, whoever reports it."""

from __future__ import annotations

import pytest

from agents.models import Agent
from tests.factories import complete, shell_profile
from tickets.models import PatternRequest, PatternRun, Task

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("result", [None, [1], "x", 3, True])
def test_a_custom_merge_whose_result_is_no_object_has_failed(ticket, task, ada, operator, result):
    pattern = {
        "type": "merge",
        "id": "m",
        "source_task_ids": [str(task.pk)],
        "merge_strategy": "custom",
        "profile": shell_profile(),
        "slots": {"text": "true"},
    }
    made, _ = PatternRun.objects.apply(ticket, PatternRequest(pattern, "one"), by=operator)
    complete(Task.objects.claim(by=ada)[0], by=ada, result={"a": 1})
    worker = Agent.objects.worker("w", capacity=1)
    [claim] = Task.objects.claim(by=worker)

    settled = complete(claim, by=worker, result=result)
    again = complete(claim, by=worker, result=result)

    merge = Task.objects.get(pk=made.tasks[0].pk)
    assert (settled.state, again.state, again.repeated) == ("failed", "failed", True)
    assert merge.error == "a custom merge must give the merged result as a JSON object"


def test_another_task_may_have_any_result(ticket, task, ada):
    Task.objects.filter(pk=task.pk).update(kind="custom_merge")
    assert complete(Task.objects.claim(by=ada)[0], by=ada, result=[1]).state == "completed"
