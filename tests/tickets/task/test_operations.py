"""Operations: no claim finds one, nobody completes one by hand, and a lost completion is repaired."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from agents.models import Event
from omoi_site.database import sql
from omoi_site.errors import Invalid
from tests.factories import complete, fail
from tickets.models import NotReady, OperationSpec, Outcome, Task, TaskSpec
from tickets.models.coordination import completion
from tickets.models.explain.task_obstacles import OBSTACLES
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db

SYNC, MERGE = OperationSpec("sync"), OperationSpec("merge", "combine")


@pytest.fixture
def operation(ticket, task, operator):
    """A sync that waits for `task`."""

    def operation(what=SYNC, policy="hold", **more):
        spec = TaskSpec(
            "gather", needs=[NeedSpec(task.pk, on_failure=policy)], coordination=what, kind=what.kind, **more
        )
        [made] = Task.objects.add(ticket, [spec], by=operator)
        return made

    return operation


def now(task):
    return Task.objects.get(pk=task.pk)


def test_it_completes_with_the_task_that_it_waits_for(task, operation, ada):
    made = operation()
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    done = now(made)
    assert (done.state, done.holder, done.attempts, done.fence) == ("completed", None, 0, 0)
    assert [event.actor for event in Event.objects.filter(subject=f"task:{made.pk}").order_by("number")] == [
        "user:admin",
        "user:admin",
        "system:coordination",
        "system:coordination",
    ]


def test_its_events_are_numbered_without_a_gap(task, operation, ada):
    made = operation()
    complete(Task.objects.claim(by=ada)[0], by=ada)
    numbers = Event.objects.filter(subject=f"task:{made.pk}").order_by("number").values_list("number", "kind")
    assert [number for number, _ in numbers] == list(range(1, now(made).events + 1))
    assert [kind for _, kind in numbers][-2:] == ["task.completed", "coordination.sync.ready"]


def test_a_claim_never_grants_one(task, operation, ada):
    """Not even one that was left over by a bug."""
    made = operation()
    sql.rows("UPDATE tickets_task SET open_needs = 0, ready_at = clock_timestamp() WHERE id = %s", [made.pk])
    assert [claim.task for claim in Task.objects.claim(by=ada, limit=5)] == [task.pk]
    assert not now(made).is_ready


@pytest.mark.parametrize(
    "change",
    [
        "state = 'claimed', fence = 1, holder_id = {ada}, claimed_at = now(), lease_expires_at = now()",
        "operation = ''",
        "operation = 'merge'",
    ],
)
def test_the_database_refuses_to_claim_one_or_to_change_what_it_is(operation, ada, change):
    made = operation()
    with pytest.raises(IntegrityError), transaction.atomic():
        sql.rows(f"UPDATE tickets_task SET {change.format(ada=ada.pk)} WHERE id = %s", [made.pk])


@pytest.mark.parametrize("state", ["completed", "failed"])
def test_the_database_refuses_to_end_work_that_nobody_claimed(task, state):
    with pytest.raises(IntegrityError), transaction.atomic():
        Task.objects.filter(pk=task.pk).update(state=state)
    with pytest.raises(IntegrityError), transaction.atomic():
        Task.objects.filter(pk=task.pk).update(operation="sync", state=state)


def test_one_whose_needs_are_met_already_completes_at_once(task, operation, ada):
    complete(Task.objects.claim(by=ada)[0], by=ada)
    assert now(operation()).state == "completed"


def test_one_completes_while_its_ticket_is_paused(task, ticket, operation, ada, operator):
    made = operation()
    [claim] = Task.objects.claim(by=ada)
    type(ticket).objects.act(ticket.pk, "pause", by=operator)
    complete(claim, by=ada)
    assert now(made).state == "completed"


def test_one_after_the_other_in_one_act(task, ticket, operation, ada, operator):
    first = operation()
    merge, last = Task.objects.add(
        ticket,
        [
            TaskSpec("merge", ref="m", needs=[NeedSpec(first.pk)], coordination=MERGE),
            TaskSpec("last", needs=[NeedSpec("m")]),
        ],
        by=operator,
    )
    complete(Task.objects.claim(by=ada)[0], by=ada, result={"a": 1})
    assert (now(merge).state, now(merge).result, now(last).is_ready) == ("completed", {"a": 1}, True)


def test_the_last_edge_that_is_removed_completes_it(task, operation, operator):
    made = operation()
    [need] = made.needs.all()
    type(need).objects.remove(need, by=operator)
    assert (now(made).state, now(made).result["of"]) == ("completed", 0)


def test_one_without_needs_is_refused(ticket, operator):
    with pytest.raises(Invalid, match="needs at least one task"):
        Task.objects.add(ticket, [TaskSpec("gather", coordination=SYNC)], by=operator)


@pytest.mark.parametrize(
    ("policy", "state"), [("hold", "pending"), ("cancel", "cancelled"), ("continue", "completed")]
)
def test_what_it_does_when_its_task_fails_is_said_by_the_edge(task, operation, ada, policy, state):
    made = operation(policy=policy)
    fail(Task.objects.claim(by=ada)[0], by=ada, kind="permanent")
    assert (now(made).state, now(made).unsatisfiable) == (state, state != "completed")


def test_a_held_one_completes_when_the_failed_task_is_done_after_all(task, operation, ada, operator):
    made = operation()
    fail(Task.objects.claim(by=ada)[0], by=ada, kind="permanent")
    Task.objects.act(task.pk, "retry", by=operator, reason="again")
    assert not now(made).unsatisfiable
    complete(Task.objects.claim(by=ada)[0], by=ada)
    assert now(made).state == "completed"


def test_a_merge_of_a_result_that_is_no_object_fails_and_says_so(task, operation, ada):
    made = operation(MERGE)
    complete(Task.objects.claim(by=ada)[0], by=ada, result=[1])
    assert now(made).state == "failed"
    assert now(made).error == f"the result of {task.key} is not an object, so it cannot be merged by key"
    assert (
        Task.objects.explanations([made.pk])[made.pk]["causes"][0]["what"] == f"it failed: {now(made).error}"
    )


def test_a_merge_of_too_much_fails_and_says_so(task, operation, ada, monkeypatch):
    made = operation(MERGE)
    monkeypatch.setattr(completion, "MOST", 100)
    complete(Task.objects.claim(by=ada)[0], by=ada, result={"text": "x" * 101})
    assert (now(made).state, now(made).error[:38]) == ("failed", "the results of its 1 tasks are larger ")


def test_a_retried_one_is_decided_anew(task, operation, ada, operator):
    made = operation(MERGE)
    complete(Task.objects.claim(by=ada)[0], by=ada, result=[1])
    Task.objects.act(made.pk, "retry", by=operator, reason="again")
    assert now(made).state == "failed"


def test_a_lost_completion_is_repaired_and_raises_an_alarm(task, operation, ada):
    made = operation()
    [claim] = Task.objects.claim(by=ada)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(completion, "complete", lambda ids: [])
        complete(claim, by=ada)
    assert now(made).state == "pending"
    [cause] = Task.objects.explanations([made.pk])[made.pk]["causes"]
    assert cause["what"].startswith("it waits for nothing but is not completed yet")
    assert Task.objects.recheck_needs(0, made.pk) == 1
    assert now(made).state == "completed"
    assert Event.objects.filter(kind="alarm.raised", subject=f"task:{made.pk}").exists()


def test_what_it_waits_for_is_explained(task, operation):
    made = operation()
    explained = Task.objects.explanations([made.pk])[made.pk]
    [cause] = explained["causes"]
    assert (explained["waiting_on"], cause["what"]) == (f"task:{task.key}", f"it waits for {task.key}")
    assert cause["how"].startswith(f"{made.key} completes by itself once that has ended as needed.")


def test_only_what_is_not_of_work_can_be_edited(operation, operator):
    made = operation()
    Task.objects.edit(made.pk, title="all here", by=operator)
    with pytest.raises(Invalid, match="has no timeout_s"):
        Task.objects.edit(made.pk, timeout_s=5, by=operator)


# -- insertion while running


def test_a_new_task_goes_before_a_pending_one(task, ticket, ada, operator):
    [new] = Task.objects.add(ticket, [TaskSpec("first", needed_by=[task.pk])], by=operator)
    assert [claim.task for claim in Task.objects.claim(by=ada, limit=5)] == [new.pk]
    assert now(task).open_needs == 1


def test_a_new_task_does_not_go_before_one_that_has_begun(task, ticket, ada, operator):
    Task.objects.claim(by=ada)
    with pytest.raises(NotReady, match="only a pending task can be given needs"):
        Task.objects.add(ticket, [TaskSpec("late", needed_by=[task.pk])], by=operator)
    assert Task.objects.count() == 1


def test_a_task_of_nowhere_cannot_need_a_new_one(ticket, operator):
    with pytest.raises(Invalid, match="there is no task 4711 in this project") as refused:
        Task.objects.add(ticket, [TaskSpec("first", needed_by=[4711])], by=operator)
    assert refused.value.more["errors"][0]["field"] == "tasks.0.needed_by.0"


def test_every_obstacle_of_work_leaves_operations_out(operation):
    made = operation()
    row = Task.objects.explanations([made.pk])[made.pk]
    assert [cause["code"] for cause in row["causes"]] == ["need"]
    assert len(OBSTACLES) > 5


def test_the_event_of_a_merge_names_long_keys_in_short(task, operation, ada):
    made = operation(MERGE)
    complete(Task.objects.claim(by=ada)[0], by=ada, result={"k" * 5_000: 1})
    [event] = Event.objects.filter(kind="coordination.merge.completed")
    assert [len(key) for key in event.data["result_keys"]] == [100]
    assert list(now(made).result) == ["k" * 5_000]


# -- cost


def statements_of_the_last(ticket, ada, operator, number):
    """How many statements complete the last of so many tasks that a sync and a merge wait for."""
    tasks = Task.objects.add(ticket, [TaskSpec(f"{place}") for place in range(number)], by=operator)
    needs = [NeedSpec(task.pk) for task in tasks]
    Task.objects.add(
        ticket,
        [
            TaskSpec("all", ref="s", needs=needs, coordination=SYNC),
            TaskSpec("merge", ref="m", needs=[NeedSpec("s")], coordination=MERGE),
            TaskSpec("go on", needs=[NeedSpec("m")], priority=3),
        ],
        by=operator,
    )
    held = Task.objects.claim(by=ada, limit=number)
    outcomes = [Outcome(claim.task, claim.fence, "completed", result={"a": 1}) for claim in held]
    with CaptureQueriesContext(connection) as seen:
        Task.objects.settle(outcomes, by=ada)
    Task.objects.open().filter(ticket=ticket).cancel(by=operator, reason="counted")
    return len(seen)


def test_completing_an_operation_costs_as_many_statements_however_many_it_waits_for(ticket, ada, operator):
    type(ada).objects.filter(pk=ada.pk).update(capacity=100)
    assert statements_of_the_last(ticket, ada, operator, 3) == statements_of_the_last(
        ticket, ada, operator, 50
    )


def test_work_without_operations_costs_no_statement_more(task, ticket, ada, operator):
    """Settling and deciding: what they always cost."""
    [child] = Task.objects.add(ticket, [TaskSpec("next", needs=[NeedSpec(task.pk)])], by=operator)
    [claim] = Task.objects.claim(by=ada)
    with CaptureQueriesContext(connection) as seen:
        complete(claim, by=ada)
    assert now(child).is_ready
    assert not [query for query in seen if "tickets_operation" in query["sql"]]
