"""Checks of commits in a gate: what they fetch and when, and what becomes of a move meanwhile."""

from __future__ import annotations

import pytest
from django.db import transaction

from agents.models import Event
from omoi_site.brokers import hints
from omoi_site.database import sql
from tests.factories import allow_workflow, complete, submit
from tests.support import reports
from tickets.models import NewRepository, Repository, Task, TaskSpec, Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

GATE = [
    {"check": "file_exists", "path": "docs/design.md"},
    {"check": "file_contains", "path": "docs/design.md", "text": "Decisions"},
    {"check": "commit_on_branch"},
    {"check": "commit_on_branch", "branch": "omoi/{ticket}"},
]


@pytest.fixture
def ticket(project, operator):
    """In WORK, which moves on by itself when its work is done and its gate opens."""
    phases = [
        {"name": "WORK", "to": ["DONE"], "gate": GATE, "automatic": "on_completion"},
        {"name": "DONE", "to": []},
    ]
    allow_workflow(project, Workflow.objects.install({"name": "of_commits", "phases": phases}))
    opened = Ticket.objects.open(project, TicketSpec("Design it", workflow="of_commits"), by=operator)
    return Ticket.objects.get(pk=opened.pk)


def hand_in(ticket, commit, *, by):
    submit(ticket, "code_changes", reports.changes("docs/design.md", commit=commit), by=by)


def push(origin, ticket):
    commit = origin.tip("main")
    origin.git("update-ref", f"refs/heads/omoi/{ticket.key}", commit)
    return commit


def codes(verdict):
    return [reason["code"] for check in verdict.checks for reason in check["reasons"]]


def work_off(ticket, operator, ada):
    Task.objects.add(ticket, [TaskSpec("do it")], by=operator)
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)


def long_ago(repository):
    """The last try to fetch was so long ago that a check tries again."""
    sql.rows(
        "UPDATE tickets_repository SET tried_at = clock_timestamp() - interval '1 minute' WHERE id = %s",
        [repository.pk],
    )


def test_a_commit_that_was_pushed_opens_the_gate(ticket, repository, origin, operator, ada):
    hand_in(ticket, push(origin, ticket), by=ada)

    assert Ticket.objects.judge(pk=ticket.pk, by=operator).passed


def test_what_is_pushed_later_is_fetched_then(ticket, repository, origin, operator, ada):
    push(origin, ticket)
    Repository.objects.fetch(repository.pk, by=operator)
    tip = origin.commit({"docs/design.md": "## Decisions\nOf today"})
    push(origin, ticket)
    hand_in(ticket, tip, by=ada)

    assert Ticket.objects.judge(pk=ticket.pk, by=operator).passed


def test_a_branch_that_was_moved_back_closes_the_gate(ticket, repository, origin, operator, ada):
    first, tip = origin.tip("main"), origin.commit({"docs/design.md": "## Decisions"})
    hand_in(ticket, push(origin, ticket), by=ada)
    assert Ticket.objects.judge(pk=ticket.pk, by=operator).passed
    origin.git("update-ref", "refs/heads/main", first)

    with pytest.raises(Exception, match="gate of Work is closed") as refused:
        Ticket.objects.move(ticket.pk, "DONE", by=operator)

    assert [reason["code"] for reason in refused.value.more["unmet"]] == ["not_on_branch"]
    assert refused.value.more["unmet"][0]["got"] == tip


def test_a_gate_fetches_once_for_all_its_checks(ticket, repository, origin, operator, ada, monkeypatch):
    hand_in(ticket, push(origin, ticket), by=ada)
    fetched = []
    real = Repository.fetch
    monkeypatch.setattr(Repository, "fetch", lambda row, **how: fetched.append(row) or real(row, **how))

    Ticket.objects.judge(pk=ticket.pk, by=operator)

    assert len(fetched) == 1


def test_without_a_repository_it_says_how_to_add_one(ticket, operator, ada):
    hand_in(ticket, "4f2a91c", by=ada)

    verdict = Ticket.objects.judge(pk=ticket.pk, by=operator)

    assert set(codes(verdict)) == {"no_repository"}
    assert "page Repositories" in verdict.checks[0]["reasons"][0]["how"]


def test_the_page_says_in_words_what_is_missing(ticket, repository, origin, operator, ada, client):
    hand_in(ticket, origin.commit({"docs/design.md": "None"}, branch="side"), by=ada)
    client.force_login(operator)
    before = client.get(f"/tickets/{ticket.key}/").content.decode()
    Ticket.objects.judge(pk=ticket.pk, by=operator)

    page = client.get(f"/tickets/{ticket.key}/").content.decode()

    assert not repository.mirror.exists or "Not judged" in before
    assert "The text is not in the file" in page
    assert "is not on main" in page
    assert f"No branch omoi/{ticket.key}" in page


def test_a_repository_that_is_gone_keeps_the_gate_closed_and_is_not_asked_again_at_once(
    ticket, repository, origin, operator, ada
):
    hand_in(ticket, push(origin, ticket), by=ada)
    away = origin.folder.rename(origin.folder.with_name("away.git"))
    first = Ticket.objects.judge(pk=ticket.pk, by=operator)
    away.rename(origin.folder)
    at_once = Ticket.objects.judge(pk=ticket.pk, by=operator)
    long_ago(repository)
    later = Ticket.objects.judge(pk=ticket.pk, by=operator)

    assert set(codes(first)) == set(codes(at_once)) == {"repository_not_found"}
    assert later.passed


def test_a_move_by_itself_waits_for_the_repository_and_is_not_refused(
    ticket, repository, origin, operator, ada
):
    hand_in(ticket, push(origin, ticket), by=ada)
    away = origin.folder.rename(origin.folder.with_name("away.git"))
    work_off(ticket, operator, ada)

    Ticket.objects.advance_due([ticket.pk])

    waits = Ticket.objects.get(pk=ticket.pk)
    assert (waits.phase, waits.verdicts.count()) == ("WORK", 0)
    assert "there is no repository at this address" in waits.move_fault
    away.rename(origin.folder)
    long_ago(repository)
    Ticket.objects.advance_due([ticket.pk])
    assert Ticket.objects.get(pk=ticket.pk).phase == "DONE"


def test_a_commit_that_was_never_pushed_is_refused_by_itself(ticket, repository, origin, operator, ada):
    push(origin, ticket)
    hand_in(ticket, "f" * 40, by=ada)
    work_off(ticket, operator, ada)

    Ticket.objects.advance_due([ticket.pk])

    [verdict] = Ticket.objects.get(pk=ticket.pk).verdicts.all()
    assert set(codes(verdict)) == {"commit_missing"}


def test_the_clock_fetches_nothing_and_asks_a_worker(ticket, repository, origin, operator, ada):
    hand_in(ticket, push(origin, ticket), by=ada)
    work_off(ticket, operator, ada)
    hints.take_waiting("advance_tickets")

    assert Ticket.objects.advance_due() == 0

    assert not repository.mirror.exists
    assert ticket.pk in hints.take_waiting("advance_tickets")


def test_inside_a_transaction_what_is_there_is_read_and_the_rest_is_asked_for(
    ticket, repository, origin, operator, ada
):
    hand_in(ticket, push(origin, ticket), by=ada)

    with transaction.atomic():
        verdict = Ticket.objects.judge(pk=ticket.pk, by=operator)

    assert set(codes(verdict)) == {"repository_waits"}
    assert not repository.mirror.exists
    assert repository.pk in hints.take_waiting("fetch_repositories")


def test_another_repository_of_the_project_can_be_named(project, operator, ada, origin, repository):
    gate = [{"check": "file_exists", "path": "README.md", "repository": "docs"}]
    phases = [{"name": "WORK", "to": ["DONE"], "gate": gate}, {"name": "DONE", "to": []}]
    allow_workflow(project, Workflow.objects.install({"name": "of_docs", "phases": phases}))
    ticket = Ticket.objects.open(project, TicketSpec("Write it", workflow="of_docs"), by=operator)
    hand_in(ticket, origin.tip("main"), by=ada)
    without = Ticket.objects.judge(pk=ticket.pk, by=operator)

    Repository.objects.add(project, NewRepository("docs", origin.url), by=operator)

    assert codes(without) == ["no_repository"]
    assert Ticket.objects.judge(pk=ticket.pk, by=operator).passed


def test_a_fault_is_one_event_however_often_it_is_met(repository, origin, operator):
    origin.folder.rename(origin.folder.with_name("away.git"))
    for _ in range(3):
        Repository.objects.fetch(repository.pk, by=operator)

    assert Event.objects.filter(kind="repository.fetch_failed").count() == 1


def test_many_fetches_end_in_few_packs(repository, origin, operator, monkeypatch):
    for module in ("repository", "repository_fetch"):
        monkeypatch.setattr(f"tickets.models.{module}.MOST_PACKS", 3)
    hints.take_waiting("fetch_repositories")
    for number in range(3):
        origin.commit({"a": str(number)})
        Repository.objects.fetch(repository.pk, by=operator)

    assert repository.pk in hints.take_waiting("fetch_repositories")
    Repository.objects.fetch_patiently(repository.pk)
    assert repository.mirror.packs == 1
