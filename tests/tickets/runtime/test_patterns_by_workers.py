"""Patterns whose tasks workers carry out: to their end, with a failure in each branch, and custom merges."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.factories import shell_profile
from tests.support.coordination import of_omoios
from tests.support.wait import until
from tests.support.worker_process import running_worker
from tickets.models import PatternRequest, PatternRun, Task, TaskSpec

pytestmark = pytest.mark.django_db(transaction=True)

OK = "echo done"


def run_by_workers(document, texts):
    """The pattern with shell texts for its branches, and one for what goes on."""
    branches = document["pattern"]["target_tasks"]
    shell = shell_profile()
    for task, text in zip([*branches, document["join"]["continuation_task"]], texts, strict=True):
        task |= {"phase_id": "DOING", "profile": shell, "slots": {"text": text}, "max_attempts": 1}
    return document


def apply(ticket, operator, document, **arguments):
    """Returns the tasks of the pattern, by name."""
    asked = PatternRequest(document, document["id"] if "id" in document else document["name"], arguments)
    made, _ = PatternRun.objects.apply(ticket, asked, by=operator)
    return {task.name: task.pk for task in made.tasks}


def state(pk):
    return Task.objects.get(pk=pk).state


@pytest.fixture
def source(ticket, operator):
    [task] = Task.objects.add(
        ticket, [TaskSpec("the whole", profile=shell_profile(), slots={"text": OK})], by=operator
    )
    return task


@pytest.mark.full
@pytest.mark.parametrize(
    "failing", [0, pytest.param(1, marks=pytest.mark.full), pytest.param(2, marks=pytest.mark.full)]
)
def test_the_patterns_of_omoios_end_by_workers_with_a_failure_in_each_branch(ticket, operator, failing):
    """Those that wait for all go on when a person has the failed branch done again; the vote goes on without
    it.
    """
    with running_worker() as worker:
        for name in ("majority_vote", "parallel_implementation", "review_feedback_loop"):
            document = yaml.safe_load(of_omoios(name))
            once = f"mkdir $OMOI_SHARED/{name}-{failing}-$OMOI_TASK 2>/dev/null && exit 1; {OK}"
            texts = [once if number == failing else OK for number in range(3)]
            document = run_by_workers(document, [*texts, OK])
            [whole] = Task.objects.add(
                ticket, [TaskSpec(name, profile=shell_profile(), slots={"text": OK})], by=operator
            )
            tasks = apply(ticket, operator, document, source_task_id=str(whole.pk))
            failed, last = list(tasks.values())[failing], list(tasks.values())[-1]
            until(lambda failed=failed: state(failed) == "failed", why=worker.last_words)
            if name != "majority_vote":
                until(lambda tasks=tasks: Task.objects.get(pk=list(tasks.values())[3]).unsatisfiable)
                Task.objects.act(failed, "retry", by=operator, reason="once more")
            until(lambda last=last: state(last) == "completed", why=worker.last_words)


MERGE = {"type": "merge", "id": "merged", "merge_strategy": "custom"}


@pytest.mark.full
@pytest.mark.parametrize(
    ("text", "result", "error"),
    [
        ("""printf '{"sum": 3}'""", {"sum": 3}, ""),
        pytest.param("printf '{}'", {}, "", marks=pytest.mark.full),
        ("printf '[1, 2]'", None, "but it gave a list"),
        pytest.param(
            "echo rubbish",
            None,
            "but its output cannot be read: the body is not valid JSON",
            marks=pytest.mark.full,
        ),
        pytest.param("""printf '{"a": NaN}'""", None, "its output cannot be read", marks=pytest.mark.full),
        pytest.param("exit 3", None, "exit status 3", marks=pytest.mark.full),
    ],
)
def test_a_custom_merge_is_the_object_that_a_profile_gives(ticket, operator, source, text, result, error):
    pattern = {
        **MERGE,
        "source_task_ids": [str(source.pk)],
        "profile": shell_profile(),
        "slots": {"text": text},
    }
    [merge] = apply(ticket, operator, pattern).values()
    Task.objects.filter(pk=merge).update(max_attempts=1)
    with running_worker() as worker:
        until(lambda: state(merge) in ("completed", "failed"), why=worker.last_words)
    task = Task.objects.get(pk=merge)
    assert (task.kind, task.operation) == ("custom_merge", "")
    assert (task.state, task.result) == (("failed", task.result) if error else ("completed", result))
    assert error in task.error


@pytest.mark.full
def test_a_custom_merge_has_the_results_as_inputs(ticket, operator, source):
    take = """python3 -c "import json, sys; b = json.load(sys.stdin)
print(json.dumps({'of': [i['title'] for i in b['inputs']], 'said': b['inputs'][0]['result']['output']}))" """
    pattern = {
        **MERGE,
        "source_task_ids": [str(source.pk)],
        "profile": shell_profile(),
        "slots": {"text": take},
    }
    [merge] = apply(ticket, operator, pattern).values()
    with running_worker() as worker:
        until(lambda: state(merge) in ("completed", "failed"), why=worker.last_words)
    task = Task.objects.get(pk=merge)
    assert task.state == "completed", task.error
    assert json.dumps(task.result) == json.dumps({"of": ["the whole"], "said": "done\n"})
