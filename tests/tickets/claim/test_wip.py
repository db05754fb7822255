"""Back-pressure: no work of the phases in `holds` is granted while another phase is full."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from agents.models import Agent, AgentSpec, Pool, Project, ProjectSpec
from agents.models.journal_changes import changed_since
from omoi_site.database import sql
from omoi_site.database.roles import as_owner
from tests.factories import complete, decide, fail, submit
from tests.support.concurrency import meanwhile
from tests.support.costs import costs
from tests.support.vacuum import vacuum
from tests.support.wip_scene import opened, phase_of, reviewing, watch_phases
from tests.tickets.claim.test_limits import limit
from tickets.models import Lane, Outcome, Task, TaskSpec, Ticket
from tickets.models.claim import assign as assigning
from tickets.models.claim import claim as claims
from tickets.models.claim.assign import NotAssignable
from tickets.models.claim.wake_up import BRING_WORK
from tickets.models.task.lane import Marks
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db(transaction=True)

HANDED_IN = """
INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)
SELECT
  %(project)s, 'ticket:OMO-1', 'ticket:OMO-1', 10000 + n, 'artifact.handed_in', 'agent:hands', '', '{}', ''
FROM generate_series(1, %(count)s) n
"""


@pytest.fixture
def hands(project, operator):
    return Agent.objects.register(AgentSpec("hands", capacity=100), projects=[project], by=operator)


def in_review(project, operator, hands, count=1, **wip):
    """Tickets in REVIEW, and one more in MAKE with a task; the workflow is `reviewing`."""
    workflow = reviewing(project, **wip)
    tickets = opened(project, workflow, count, by=operator)
    for claim in Task.objects.claim(by=hands, limit=count, phases=["MAKE"]):
        complete(claim, by=hands)
    Ticket.objects.advance_due()
    [left] = opened(project, workflow, 1, by=operator)
    return tickets, left


def age(ticket, seconds):
    """It has stood in its phase, and nobody has worked on it, for so long."""
    with as_owner():
        sql.rows("ALTER TABLE tickets_ticket DISABLE TRIGGER ticket_moves")
        sql.rows(
            "UPDATE tickets_ticket SET phase_since = clock_timestamp() - %s * interval '1 s' WHERE id = %s",
            [seconds, ticket.pk],
        )
        sql.rows("ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER ticket_moves")


def granted(by, **options):
    return [claim.ticket for claim in Task.objects.claim(by=by, **options)]


def test_work_of_a_held_phase_is_not_granted_while_the_other_is_full(project, operator, hands):
    [first], left = in_review(project, operator, hands, limit=1, holds=["MAKE"])

    assert granted(hands) == []

    Ticket.objects.move(first.pk, "DONE", by=operator)
    assert granted(hands) == [left.key]


def test_without_holds_work_goes_on(project, operator, hands):
    _, left = in_review(project, operator, hands, limit=1)

    assert granted(hands) == [left.key]


def test_a_phase_with_room_holds_nothing(project, operator, hands):
    _, left = in_review(project, operator, hands, limit=2, holds=["MAKE"])

    assert granted(hands) == [left.key]


def test_work_in_the_full_phase_itself_goes_on(project, operator, hands):
    [first], _ = in_review(project, operator, hands, limit=1, holds=["MAKE"])
    Task.objects.add(first, [TaskSpec("review")], by=operator)

    assert granted(hands, limit=5) == [first.key]


def test_other_workflows_and_projects_are_not_held(project, operator, hands, task):
    in_review(project, operator, hands, limit=1, holds=["MAKE"])
    other = Project.objects.create_project(ProjectSpec("FREE", workflow="reviewing"), by=operator)
    hands.projects.add(other)
    [free] = opened(other, None, 1, by=operator)

    assert sorted(granted(hands, limit=5)) == sorted([task.ticket_key, free.key])


def test_a_lane_that_may_be_held_is_guarded_and_others_are_not(project, operator, hands, task):
    in_review(project, operator, hands, limit=1, holds=["MAKE"])

    assert dict(Lane.objects.values_list("phase", "guarded")) == {"DOING": False, "MAKE": True}
    with Project.objects.locked(pk=project.pk) as row:
        row.edit(by=operator, max_agents=1)
        row.edit(by=operator, max_agents=None)
    assert dict(Lane.objects.values_list("phase", "guarded")) == {"DOING": False, "MAKE": True}


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "without the lock of the project"])
def test_a_claim_waits_for_a_move_that_fills_the_phase(project, operator, hands, monkeypatch, locked):
    workflow = reviewing(project, limit=1, holds=["MAKE"])
    first, _ = opened(project, workflow, 2, by=operator)
    [claim] = Task.objects.claim(by=hands)
    complete(claim, by=hands)
    if not locked:
        monkeypatch.setattr(claims, "LOCK_GUARDS", "SELECT")

    with meanwhile(lambda: granted(hands), waits=locked) as other:
        with Ticket.objects.locked(pk=first.pk) as row:
            row.advance(by="system:workflow")
        sql.rows("SET CONSTRAINTS ALL IMMEDIATE")

    assert len(other.answer()) == (0 if locked else 1)


def test_a_ticket_that_changes_its_version_takes_its_tasks_along(project, operator, hands):
    _, left = in_review(project, operator, hands, limit=1, holds=["MAKE"])
    reviewing(project, limit=1)
    assert granted(hands) == []

    Ticket.objects.follow(left.pk, 2, by=operator)

    assert granted(hands) == [left.key]


def test_a_retried_task_is_in_the_lane_of_its_workflow(project, operator, hands):
    workflow = reviewing(project, limit=1, holds=["MAKE"])
    [ticket] = opened(project, workflow, 1, by=operator)
    [task] = ticket.tasks.all()
    Task.objects.act(task.pk, "cancel", by=operator, reason="not now")
    Task.objects.act(task.pk, "retry", by=operator, reason="now")

    assert Task.objects.get(pk=task.pk).lane.workflow_id == workflow.pk


@pytest.mark.parametrize("kind", ["ticket.moved", "ticket.archived", "ticket.workflow_changed"])
def test_what_may_make_room_wakes_claims_that_wait(kind):
    assert kind in BRING_WORK


def cause(task):
    return Task.objects.explanations([task.pk])[task.pk]["causes"][0]


def test_explain_says_which_phase_is_full_and_who_must_act(project, operator, hands):
    [first], left = in_review(project, operator, hands, limit=1, holds=["MAKE"])
    [task] = left.tasks.all()

    said = cause(task)

    assert (said["code"], said["who"]) == ("review_full", "operator")
    assert said["what"] == "work of Make waits: Review is full, with 1 ticket"
    assert first.key in said["how"]
    assert Ticket.objects.explanation(left)["causes"][0]["code"] == "review_full"

    Task.objects.add(first, [TaskSpec("review")], by=operator)
    assert cause(task)["who"] == f"ticket:{first.key}"


def test_a_ticket_that_waits_for_people_too_long_holds_them_too(project, operator, hands):
    (first, _), left = in_review(project, operator, hands, 2, limit=9, holds=["MAKE"], oldest_s=3600)
    [task] = left.tasks.all()
    age(first, 3500)
    assert watch_phases() == 0
    assert granted(hands) == [left.key]
    Task.objects.release(task.pk, 1, by=hands)

    age(first, 3700)
    assert watch_phases() == 1

    assert granted(hands) == []
    said = cause(task)
    assert (said["code"], said["who"]) == ("review_full", "operator")
    assert said["what"] == (
        f"work of Make waits: {first.key} has waited for an operator in Review for more than 1 hour"
    )
    Task.objects.add(first, [TaskSpec("look once more")], by=operator)  # now it waits for agents
    assert granted(hands, phases=["MAKE"]) == [left.key]


def approved(first, hands, operator):
    return lambda: decide(first, "approve", by=operator)


def handed_in(first, hands, operator):
    return lambda: submit(first, "notes", b"looked at", by=operator)


def cancelled(first, hands, operator):
    """A task that can never be done keeps nobody waiting until it ends."""
    [look] = Task.objects.add(first, [TaskSpec("look")], by=operator)
    [child] = Task.objects.add(first, [TaskSpec("say", needs=[NeedSpec(look.pk)])], by=operator)
    [claim] = Task.objects.claim(by=hands)
    fail(claim, by=hands, kind="permanent")
    sql.rows("UPDATE tickets_task SET ended_at = ended_at - interval '1 day' WHERE id = %s", [look.pk])
    return lambda: Task.objects.act(child.pk, "cancel", by=operator, reason="no use")


@pytest.mark.parametrize("prepare", [approved, handed_in, cancelled], ids=lambda act: act.__name__)
def test_what_ends_a_long_wait_for_people_wakes_claims_without_a_move(project, operator, hands, prepare):
    review = {"automatic": "on_completion", "approvals": {"count": 1, "role": "approver"}}
    [first], left = in_review(project, operator, hands, limit=9, holds=["MAKE"], oldest_s=3600, review=review)
    act = prepare(first, hands, operator)
    age(first, 3700)
    watch_phases()
    assert granted(hands) == []
    cursor = changed_since("").cursor

    with transaction.atomic():
        act()
        hints = set(connection.hints)

    assert f"work:{project.key}" in changed_since(cursor).waking  # claims that wait
    if prepare is not cancelled:  # which workers find out with their next look
        assert "work" in hints
    assert granted(hands) == [left.key]
    assert phase_of(first) == "REVIEW"


@pytest.mark.parametrize("act", [approved, handed_in], ids=lambda act: act.__name__)
def test_what_is_handed_in_wakes_nobody_where_no_wait_holds_others(project, operator, hands, act):
    """Nor does it make room where agents, tickets or claims are limited."""
    review = {"approvals": {"count": 1, "role": "approver"}}
    [first], _ = in_review(project, operator, hands, limit=1, holds=["MAKE"], review=review)
    limit(project, operator, max_agents=1, max_tickets=1)
    Pool.objects.create_pool("shared", by=operator)
    Pool.objects.update(limit=1)
    Agent.objects.update(pools=["shared"])
    cursor = changed_since("").cursor

    act(first, hands, operator)()

    assert not changed_since(cursor).waking


def test_whether_waits_hold_others_is_asked_once_a_project_however_much_happened(project, operator, hands):
    """Live pages ask it many times a second, of whatever a burst has written."""
    _, left = in_review(project, operator, hands, limit=9, holds=["MAKE"], oldest_s=3600)
    marks = [Marks("MAKE", (f"skill-{n}",), False, workflow=left.workflow_id) for n in range(400)]
    Lane.objects.of(project.pk, marks)
    vacuum()  # so many that nobody reads them all
    found = []
    for count in (10, 1_000):
        cursor = changed_since("").cursor
        sql.rows(HANDED_IN, {"project": project.pk, "count": count})
        with costs() as seen:
            assert f"work:{project.key}" in changed_since(cursor).waking
        found.append(sum(each.buffers for each in seen))
    few, many = found
    assert many <= few + 200, found


def test_who_must_act_is_an_approver_where_approvals_are_awaited(project, operator, hands):
    review = {"approvals": {"count": 1, "role": "approver"}}
    _, left = in_review(project, operator, hands, limit=1, holds=["MAKE"], review=review)
    [task] = left.tasks.all()

    assert cause(task)["who"] == "approver"


def test_explain_says_that_a_ticket_waits_for_room(project, operator, hands):
    workflow = reviewing(project, limit=1)
    tickets = opened(project, workflow, 2, by=operator)
    for claim in Task.objects.claim(by=hands, limit=2):
        complete(claim, by=hands)
    Ticket.objects.advance_due()
    first, second = sorted(tickets, key=lambda each: Ticket.objects.get(pk=each.pk).phase == "MAKE")

    told = Ticket.objects.explanation(second)

    assert [(each["code"], each["who"]) for each in told["causes"]] == [("review_full", "operator")]
    assert told["causes"][0]["what"] == "it should move on, but Review is full, with 1 ticket"
    assert Ticket.objects.waits([second.pk]) == {second.pk: "operator"}
    assert first.key in told["causes"][0]["how"]


def take(task, by):
    return Task.objects.assign(task.pk, by=by, reason="I know this part")


def test_a_person_takes_no_task_of_a_held_phase_either(project, operator, hands):
    [first], left = in_review(project, operator, hands, limit=1, holds=["MAKE"])
    [task] = left.tasks.all()

    with pytest.raises(NotAssignable, match="Review is full") as refused:
        take(task, operator)
    assert refused.value.code == "review_full"

    Ticket.objects.move(first.pk, "DONE", by=operator)
    assert take(task, operator).changed


def test_a_person_keeps_what_they_took_before_the_phase_was_full(project, operator, hands):
    workflow = reviewing(project, limit=1, holds=["MAKE"])
    first, second = opened(project, workflow, 2, by=operator)
    [mine], [other] = first.tasks.all(), second.tasks.all()
    take(mine, operator)
    take(other, operator)
    Task.objects.settle([Outcome(mine.pk, 1, "completed")], by=operator, reason="done")
    Ticket.objects.advance_due()

    [settled] = Task.objects.settle([Outcome(other.pk, 1, "completed")], by=operator, reason="done")

    assert settled.state == "completed"
    assert Ticket.objects.advance_due() == 0


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "without the lock of the project"])
def test_a_person_waits_for_a_move_that_fills_the_phase(project, operator, hands, monkeypatch, locked):
    workflow = reviewing(project, limit=1, holds=["MAKE"])
    first, second = opened(project, workflow, 2, by=operator)
    [claim] = Task.objects.claim(by=hands)
    complete(claim, by=hands)
    [task] = second.tasks.all()
    if not locked:
        monkeypatch.setattr(assigning, "GUARD_LOCK", 0)

    with meanwhile(lambda: take(task, operator), waits=locked) as other:
        with Ticket.objects.locked(pk=first.pk) as row:
            row.advance(by="system:workflow")
        sql.rows("SET CONSTRAINTS ALL IMMEDIATE")

    if locked:
        with pytest.raises(NotAssignable):
            other.answer()
    else:
        assert other.answer().changed
