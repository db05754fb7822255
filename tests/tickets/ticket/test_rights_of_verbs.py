"""Each verb checks its right itself, whoever calls it, even a shell."""

from __future__ import annotations

from io import BytesIO

import pytest

from agents.models import Agent, Event, Member
from omoi_site.errors import Forbidden
from tickets.models import (
    Artifact,
    Backlog,
    Edge,
    Item,
    Need,
    NewArtifact,
    Outcome,
    Task,
    TaskSpec,
    Ticket,
    TicketSpec,
    Workflow,
)
from tickets.models.ticket import bulk_import

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def viewer(project, django_user_model):
    viewer = django_user_model.objects.create_user("vera")
    Member.objects.create(project=project, user=viewer, role="viewer")
    return viewer


@pytest.fixture
def verbs(project, ticket, task, operator):
    """Every verb that a door reaches and that takes `tickets:write` or more, by name."""
    [other] = Task.objects.add(ticket, [TaskSpec("Another")], by=operator)
    Need.objects.add(project.pk, [Edge(task.pk, other.pk)], by=operator)
    need = Need.objects.get()
    without_tasks = Ticket.objects.open(project, TicketSpec("Without tasks"), by=operator)
    simple = Workflow.objects.latest_of("simple")
    backlog = Backlog("test", [Item("1", "Somewhere else")])
    tasks = Task.objects.filter(pk=task.pk)
    return {
        "open": lambda by: Ticket.objects.open(project, TicketSpec("New"), by=by),
        "edit": lambda by: Ticket.objects.act(ticket.pk, "edit", by=by, title="Changed"),
        "pause": lambda by: Ticket.objects.act(ticket.pk, "pause", by=by),
        "resume": lambda by: Ticket.objects.act(ticket.pk, "resume", by=by),
        "archive": lambda by: Ticket.objects.act(ticket.pk, "archive", by=by),
        "restore": lambda by: Ticket.objects.act(ticket.pk, "restore", by=by),
        "advance": lambda by: Ticket.objects.move(ticket.pk, "DONE", by=by),
        "send_back": lambda by: Ticket.objects.move(ticket.pk, "TODO", by=by, reason="no"),
        "block": lambda by: Ticket.objects.move(
            ticket.pk, "BLOCKED", by=by, reason="no", cause="clarification"
        ),
        "cancel": lambda by: Ticket.objects.move(ticket.pk, "CANCELLED", by=by, reason="no"),
        "cancel one without tasks": lambda by: Ticket.objects.move(
            without_tasks.pk, "CANCELLED", by=by, reason="no"
        ),
        "force": lambda by: Ticket.objects.move(ticket.pk, "DONE", by=by, force=True, reason="x" * 10),
        "unblock": lambda by: Ticket.objects.act(ticket.pk, "unblock", by=by),
        "reopen": lambda by: Ticket.objects.act(ticket.pk, "reopen", by=by, reason="no"),
        "judge": lambda by: Ticket.objects.judge(pk=ticket.pk, by=by),
        "submit": lambda by: Artifact.objects.submit(ticket, NewArtifact("notes", BytesIO(b"x")), by=by),
        "import": lambda by: bulk_import.import_backlog(backlog, project=project, workflow=simple, by=by),
        "install": lambda by: Workflow.objects.install(simple.document, by=by),
        "add tasks": lambda by: Task.objects.add(ticket, [TaskSpec("New")], by=by),
        "edit a task": lambda by: Task.objects.edit(task.pk, by=by, title="Changed"),
        "cancel a task": lambda by: tasks.cancel(by=by, reason="no"),
        "retry a task": lambda by: tasks.retry(by=by, reason="no"),
        "bump a task": lambda by: tasks.bump(by=by),
        "add a need": lambda by: Need.objects.add(project.pk, [Edge(task.pk, other.pk)], by=by),
        "remove a need": lambda by: Need.objects.remove(need, by=by),
    }


def test_no_verb_does_anything_for_who_only_looks_on(verbs, viewer, django_user_model):
    stranger = django_user_model.objects.create_user("mallory")
    before = Event.objects.exclude(kind__endswith="_refused").count()

    for who in (viewer, stranger):
        done = [name for name, act in verbs.items() if not _refused(act, who)]
        assert done == []

    assert Event.objects.exclude(kind__endswith="_refused").count() == before


def test_an_agent_that_may_only_work_has_gates_judged_and_nothing_more(verbs, ada):
    ada.key_scopes = frozenset({"work"})

    assert [name for name, act in verbs.items() if not _refused(act, ada)] == ["judge"]


def test_a_key_without_the_right_to_work_claims_and_settles_nothing(task, ada):
    [claim] = Task.objects.claim(by=ada)
    watching = Agent.objects.get(pk=ada.pk)
    watching.key_scopes = frozenset({"tickets:write"})

    for act in (
        lambda by: Task.objects.claim(by=by),
        lambda by: Task.objects.renew([(claim.task, claim.fence)], by=by),
        lambda by: Task.objects.settle([Outcome(claim.task, claim.fence, "completed")], by=by),
        lambda by: Task.objects.release(claim.task, claim.fence, by=by),
        lambda by: Task.objects.start(claim.task, claim.fence, by=by),
        lambda by: Task.objects.abandon(by=by),
        lambda by: Task.objects.report_progress(claim.task, claim.fence, {"message": "x"}, by=by),
        lambda by: Artifact.objects.submit(
            task.ticket, NewArtifact("notes", BytesIO(b"x")), task=task, fence=claim.fence, by=by
        ),
    ):
        assert _refused(act, watching)
    assert Task.objects.get(pk=task.pk).holder == ada
    assert not Artifact.objects.exists()


def _refused(act, who):
    try:
        act(who)
    except Forbidden:
        return True
    return False


@pytest.mark.parametrize("name", ["phase", "moves", "paused", "feedback", "project"])
def test_an_edit_changes_only_what_can_be_edited(ticket, operator, name):
    """`change` sets whatever it gets, so the verb says what that may be."""
    with pytest.raises(TypeError, match=f"{name} cannot be edited"):
        Ticket.objects.act(ticket.pk, "edit", by=operator, **{name: 0})
