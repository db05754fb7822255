"""Agents review what a ticket says and shows. A review counts for exactly that, and no author gives one."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from agents.models import Agent, AgentSpec, Key, Member
from omoi_site.database import sql
from tests.factories import allow_workflow, complete, owned_by, submit
from tests.support.api_client import api_of
from tickets.models import GateClosed, Task, TaskSpec, Ticket, TicketSpec, Verdict, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

APPROVED = {"verdict": "approved"}


@pytest.fixture
def gated(project, operator):
    """Makes a ticket in WORK whose gate asks for a review."""

    def made(**entry: Any) -> Ticket:
        gate = [{"check": "agent_review", **entry}]
        phases = [{"name": "WORK", "to": ["DONE"], "gate": gate}, {"name": "DONE", "to": []}]
        workflow = allow_workflow(project, Workflow.objects.install({"name": "reviewed", "phases": phases}))
        return Ticket.objects.open(
            project,
            TicketSpec("Pay", "Twice a day", acceptance=["It is paid"], workflow=workflow),
            by=operator,
        )

    return made


@pytest.fixture
def reviewer(bob):
    """An agent of somebody who has nothing to do with the work."""
    return owned_by(bob, "cem")


def codes(verdict: Verdict) -> list[str]:
    return [reason["code"] for check in verdict.checks for reason in check["reasons"]]


def judge(ticket: Ticket, by: Any) -> Verdict:
    return Ticket.objects.judge(pk=ticket.pk, by=by)


def review(ticket: Ticket, operator: Any, by: Agent, result: Any = APPROVED) -> Verdict:
    """The verdict after a review by this agent."""
    judge(ticket, operator)
    [claim] = Task.objects.claim(by=by)
    complete(claim, by=by, result=result)
    return judge(ticket, operator)


def edit(ticket: Ticket, by: Any, **fields: Any) -> None:
    Ticket.objects.act(ticket.pk, "edit", by=by, **fields)


def test_a_review_goes_round_until_a_person_must_decide(gated, operator, ada, reviewer):
    ticket = gated(rounds=2)
    for number in (1, 2):
        submit(ticket, "plan", str(number).encode(), by=ada)
        assert codes(judge(ticket, operator)) == ["not_answered"]
        [claim] = Task.objects.claim(by=reviewer)
        assert claim.title == f"Review {ticket.key}, round {number}"
        complete(claim, by=reviewer, result={"verdict": "changes", "reasons": [f"say more, {number}"]})
        verdict = judge(ticket, operator)
        assert codes(verdict) == ["changes_asked"]
        assert verdict.checks[0]["reasons"][0]["got"] == [f"say more, {number}"]

    submit(ticket, "plan", b"3", by=ada)

    assert codes(judge(ticket, operator)) == ["rounds_over"]
    assert Task.objects.count() == 2


def test_a_review_of_old_evidence_is_taken_back(gated, operator, ada, reviewer):
    ticket = gated()
    judge(ticket, operator)
    [old] = Task.objects.claim(by=reviewer)

    submit(ticket, "plan", b"new", by=ada)
    judge(ticket, operator)

    assert [task.state for task in Task.objects.order_by("id")] == ["cancelled", "pending"]
    assert old.task != Task.objects.latest("id").pk


def test_a_review_of_what_stood_between_does_not_count_for_the_same_content_again(
    gated, operator, ada, reviewer
):
    ticket = gated()
    submit(ticket, "plan", b"bad", by=ada)
    judge(ticket, operator)
    submit(ticket, "plan", b"good", by=ada)
    [claim] = Task.objects.claim(by=reviewer)
    complete(claim, by=reviewer, result={"verdict": "approved"})

    submit(ticket, "plan", b"bad", by=ada)

    assert codes(judge(ticket, operator)) == ["not_answered"]


# -- what it is about


@pytest.mark.parametrize(
    "change",
    [
        {"acceptance": ["It is paid, perhaps"]},
        {"title": "Pay or not"},
        {"description": "Now and then"},
    ],
    ids=["acceptance", "title", "description"],
)
def test_a_review_of_another_text_does_not_count_also_when_the_text_comes_back(
    gated, operator, ada, reviewer, change
):
    ticket = gated()
    submit(ticket, "plan", b"why", by=ada)
    former = {name: getattr(ticket, name) for name in change}
    if "acceptance" in former:
        former["acceptance"] = [each["text"] for each in former["acceptance"]]
    edit(ticket, operator, **change)
    verdict = review(ticket, operator, reviewer)
    assert verdict.passed

    edit(ticket, operator, **former)
    assert not verdict.holds_for(Ticket.objects.get(pk=ticket.pk))
    assert codes(judge(ticket, operator)) == ["not_answered"]
    with pytest.raises(GateClosed):
        Ticket.objects.move(ticket.pk, "DONE", by=operator)

    edit(ticket, operator, **change)
    assert codes(judge(ticket, operator)) == ["not_answered"]


def test_a_change_of_something_else_voids_no_review(gated, operator, ada, reviewer):
    ticket = gated()
    submit(ticket, "plan", b"why", by=ada)
    verdict = review(ticket, operator, reviewer)

    edit(ticket, operator, labels=["money"], title=ticket.title)

    assert verdict.holds_for(Ticket.objects.get(pk=ticket.pk))


def test_only_the_database_counts_changes_of_the_text(gated, operator):
    ticket = gated()
    edit(ticket, operator, title="Pay twice")

    sql.rows("UPDATE tickets_ticket SET text_changes = 0 WHERE id = %s", [ticket.pk])
    Ticket.objects.filter(pk=ticket.pk).update(text_changes=7)

    assert Ticket.objects.get(pk=ticket.pk).text_changes == 1


def test_a_reviewer_reads_the_criteria_in_the_task(gated, operator):
    judge(gated(), operator)

    assert "- It is paid" in Task.objects.get().description


# -- who reviews


@pytest.mark.parametrize("how", ["artifact", "task"])
def test_an_author_does_not_review(gated, operator, ada, how):
    ticket = gated()
    if how == "artifact":
        submit(ticket, "plan", b"why", by=ada)
    else:
        Task.objects.add(ticket, [TaskSpec("do it")], by=operator)
        [claim] = Task.objects.claim(by=ada)
        complete(claim, by=ada)
    judge(ticket, operator)
    [claim] = Task.objects.claim(by=ada)

    complete(claim, by=ada, result={"verdict": "approved"})

    assert codes(judge(ticket, operator)) == ["reviewed_by_author"]


@pytest.fixture
def family(project, operator):
    """Makes agents: of a person, or registered by another agent over REST."""

    def made(name: str, owner: str = "", parent: Agent | None = None) -> Agent:
        if parent:
            body = {"name": name, "capacity": 5, "projects": [project.key]}
            assert api_of(parent, "work", "agents:register").post("/agents", body).status_code == 201
            agent = Agent.objects.get(name=name)
        else:
            agent = Agent.objects.register(AgentSpec(name, capacity=5), projects=[project], by="system:tests")
            owned_by(agent, owner) if owner else None
        agent.key_scopes = frozenset({"work", "tickets:write"})
        return agent

    return made


def another_of_the_owner(family):
    return family("one", "ann"), family("two", "ann"), ["user:ann"]


def one_that_the_author_registered(family):
    author = family("one")
    return author, family("two", parent=author), ["agent:one"]


def one_that_registered_the_author(family):
    reviewer = family("two")
    return family("one", parent=reviewer), reviewer, ["agent:two"]


def one_registered_beside_the_author(family):
    parent = family("parent")
    return family("one", parent=parent), family("two", parent=parent), ["agent:parent"]


def one_that_another_of_the_owner_registered(family):
    return family("one", "ann"), family("two", parent=family("other", "ann")), ["user:ann"]


def a_grandchild_of_the_author(family):
    author = family("one", "ann")
    reviewer = family("two", parent=family("child", parent=author))
    return author, reviewer, ["agent:one", "user:ann"]


def one_of_the_person_who_submitted(family):
    reviewer = family("two", "ann")
    return reviewer.owner or get_user_model().objects.get(username="ann"), reviewer, ["user:ann"]


KIN = [
    another_of_the_owner,
    one_that_the_author_registered,
    one_that_registered_the_author,
    one_registered_beside_the_author,
    one_that_another_of_the_owner_registered,
    a_grandchild_of_the_author,
    one_of_the_person_who_submitted,
]


@pytest.mark.parametrize("kin", KIN, ids=lambda kin: kin.__name__)
def test_nobody_reviews_what_their_own_did(gated, family, operator, project, kin):
    author, reviewer, shared = kin(family)
    if not isinstance(author, Agent):
        Member.objects.create(project=project, user=author, role="operator")
    ticket = gated()
    submit(ticket, "plan", b"why", by=author)

    verdict = review(ticket, operator, reviewer)

    assert codes(verdict) == ["reviewed_by_author"]
    assert verdict.unmet[0]["got"] == shared


def test_whoever_registered_the_author_is_known_after_its_keys_are_gone(gated, family, operator):
    """The journal keeps who registered it."""
    author = family("one")
    reviewer = family("two", parent=author)
    Key.objects.filter(agent=reviewer).delete()
    ticket = gated()
    submit(ticket, "plan", b"why", by=author)

    assert codes(review(ticket, operator, reviewer)) == ["reviewed_by_author"]


def test_whose_key_completed_a_task_does_not_review_it(gated, family, operator, project):
    """An agent that another one registers has no owner: its key leads to the person."""
    child = family("one", parent=family("parent", "ann"))
    ticket = gated()
    Task.objects.add(ticket, [TaskSpec("do it")], by=operator)
    [claim] = Task.objects.claim(by=child)
    complete(claim, by=child)

    assert codes(review(ticket, operator, family("two", "ann"))) == ["reviewed_by_author"]


def test_a_workflow_may_let_agents_of_one_person_review_each_other(gated, family, operator):
    one, two = family("one", "ann"), family("two", "ann")
    ticket = gated(same_owner=True)
    submit(ticket, "plan", b"why", by=one)

    assert review(ticket, operator, two).passed


def test_even_there_no_author_and_no_child_of_one_reviews(gated, family, operator):
    one = family("one", "ann")
    ticket = gated(same_owner=True)
    submit(ticket, "plan", b"why", by=one)

    assert codes(review(ticket, operator, family("two", parent=one))) == ["reviewed_by_author"]


def test_a_reviewer_is_an_author_of_nothing_but_bars_their_person_from_approving(
    gated, family, operator, ada, reviewer, project
):
    """Who completed a task of the phase does not approve it, whatever the task was."""
    ticket = gated()
    submit(ticket, "plan", b"why", by=ada)
    review(ticket, operator, reviewer)

    authors = [
        name
        for (name,) in sql.tuples(
            "SELECT username FROM auth_user WHERE id IN (SELECT omoi_authors(%s, %s))", [ticket.pk, "WORK"]
        )
    ]

    assert sorted(authors) == ["admin", "cem"]
