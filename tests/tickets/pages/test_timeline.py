"""The timeline of a ticket: all that happened, in one list, with filters, pages and links."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from agents.models import Event
from tests import factories
from tests.factories import fail, submit
from tests.support.html import squeeze
from tickets.models import Chosen, LaunchSpec, Task, TaskSpec, TemplateLaunch, Ticket, TicketSpec
from tickets.models.event_kinds import KINDS
from tickets.pages import timeline
from tickets.pages.timeline_kinds import ELSEWHERE, GROUPS, LINES, kinds_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    client.get("/board/")  # the session notes that it is in use
    return client


def shown(page, ticket, query=""):
    """The timeline of a ticket's page."""
    answer = page.get(f"/tickets/{ticket.key}/{query}")
    assert answer.status_code == 200
    return squeeze(answer.content.decode()).partition('id="timeline"')[2]


def sentences(text):
    """Each entry as somebody reads it, its age aside."""
    entries = re.findall(r'<li class="[\w ]+" id="event-\d+">(.*?)</li>', text, re.DOTALL)
    without_age = [re.sub(r'<span class="faint.*', "", entry) for entry in entries]
    return [" ".join(re.sub(r"<[^>]+>", " ", entry).split()).replace(" :", ":") for entry in without_age]


def test_every_kind_of_event_of_a_ticket_has_its_line():
    assert set(KINDS) - ELSEWHERE <= set(LINES)
    assert not ELSEWHERE & set(LINES)
    assert {line.group for line in LINES.values()} <= set(GROUPS)
    assert set(kinds_of(set())) == {kind for kind, line in LINES.items() if line.group != "steps"}


@pytest.mark.parametrize("kind", sorted(LINES))
def test_a_line_reads_as_a_sentence_even_where_the_event_says_little(ticket, kind):
    row = timeline.Row(1, "1", ticket.created_at, "task:7", kind, "user:ada", "", {}, None, None, None, None)
    entry = timeline.Entry(ticket, row)

    text = strip_tags(entry.sentence)

    assert re.match("[a-z]", text)
    assert "{" not in text
    assert "None" not in text
    assert (entry.notes, entry.changes, entry.long) == ([], [], False)


def test_it_tells_all_that_happens_to_a_delivery(page, project, operator, ada):
    delivery = factories.busy_ticket(project, by=operator, agent=ada)
    key = delivery.key
    [cancelled] = Task.objects.add(delivery, [TaskSpec("Not needed")], by=operator)
    Task.objects.act(cancelled.pk, "cancel", by=operator, reason="too much")
    Ticket.objects.act(delivery.pk, "edit", by=operator, title="Idempotent capture", priority=1)

    text = sentences(shown(page, delivery, "?timeline=all"))

    assert "admin changed title and priority What it was, and what it is" in " ".join(text)
    assert f"admin cancelled {key}.{cancelled.pk} Not needed too much" in text
    assert f"admin added {key}.{cancelled.pk} Not needed" in text
    failed = sum(not check["passed"] for check in delivery.verdicts.latest("id").checks)
    words = f"{failed} check{' does' if failed == 1 else 's do'} not pass"
    [told] = [each for each in text if f"ran the checks of Implementation: {words}" in each]
    assert "All tasks completed" in told
    assert "ada submitted coverage.xml for Implementation, revision 1" in text
    assert "admin moved it from Design to Implementation ADR-0031 is agreed" in text
    assert "admin moved it from Requirements to Design: its gate passed 4 of 4 checks" in text
    assert text[-1] == "admin opened it in Backlog"
    assert re.search(rf"ada claimed {key}\.\d+ Ask the merchants", " ".join(text))
    assert re.search(
        rf"ada failed at {key}\.\d+ Webhook reconciliation for good TimeoutError", " ".join(text)
    )


def test_entries_stand_in_the_order_of_time_the_latest_first(page, project, operator, ada):
    delivery = factories.busy_ticket(project, by=operator, agent=ada)
    whole = timeline.Timeline(delivery, list(delivery.history.all()), {"timeline": "all"})
    at = [entry.row.at for entry in whole.entries]
    assert len(at) > 30
    assert at == sorted(at, reverse=True)


def test_each_entry_leads_to_its_subject(page, project, operator, ada):
    delivery = factories.busy_ticket(project, by=operator, agent=ada)
    artifact = delivery.artifacts.get(name="coverage.xml")
    task = delivery.tasks.get(title="Metrics")
    text = shown(page, delivery, "?timeline=all")
    assert f'<a href="/tickets/{delivery.key}/artifacts/{artifact.pk}/">coverage.xml</a>' in text
    assert f'<a href="/tickets/{delivery.key}/?task={task.pk}#task-{task.pk}">' in text
    assert '<a href="#gate">Implementation</a>' in text


def test_filters_are_in_the_address_and_can_be_combined(page, project, operator, ada):
    delivery = factories.busy_ticket(project, by=operator, agent=ada)

    def kinds(query):
        page_of = timeline.Timeline(delivery, [], query)
        return {entry.row.kind for entry in page_of.entries}

    assert kinds({"kinds": "submissions", "timeline": "all"}) == {"artifact.handed_in"}
    assert kinds({"kinds": "submissions,moves", "timeline": "all"}) == {
        "artifact.handed_in",
        "ticket.moved",
        "ticket.opened",
    }
    assert "task.readied" in kinds({"kinds": "steps"})
    assert "task.readied" not in kinds({"timeline": "all"})
    for nonsense in ("", ",", "paint", "tasks'--"):
        assert len(kinds({"kinds": nonsense, "timeline": "all"})) > 5
    text = shown(page, delivery, "?kinds=moves&view=list")
    assert 'id="timeline-moves" href="?view=list#timeline" aria-current="true"' in text
    assert 'id="timeline-tasks" href="?view=list&amp;kinds=moves%2Ctasks#timeline"' in text
    assert 'id="timeline-all" href="?view=list#timeline"' in text


def test_pages_follow_each_other_without_a_gap_or_a_repeat(page, project, operator, ada, monkeypatch):
    monkeypatch.setattr(timeline, "PAGE", 7)
    monkeypatch.setattr(
        timeline,
        "STATEMENTS",
        {key: timeline.statement(7, timeline.EARLIER if key[1] else "") for key in timeline.STATEMENTS},
    )
    delivery = factories.busy_ticket(project, by=operator, agent=ada)
    whole = Event.objects.filter(topic=delivery.topic, kind__in=kinds_of(set()))
    found, cursor = [], ""
    while True:
        part = timeline.Timeline(delivery, [], {"timeline": "all", "before": cursor})
        found += [entry.row.id for entry in part.entries]
        if not (cursor := part.older):
            break

    assert sorted(found) == sorted(whole.values_list("pk", flat=True))
    assert len(found) == len(set(found))


def test_a_rare_kind_behind_many_events_is_found_page_by_page(page, ticket, operator, ada, monkeypatch):
    monkeypatch.setattr(timeline, "EXAMINED", 20)
    monkeypatch.setattr(
        timeline,
        "STATEMENTS",
        {
            (whole, later): timeline.statement(
                timeline.PAGE if whole else timeline.LATEST, timeline.EARLIER if later else ""
            )
            for whole, later in timeline.STATEMENTS
        },
    )
    submit(ticket, "notes", b"x", by=ada)
    Task.objects.add(ticket, [TaskSpec(f"{n}") for n in range(50)], by=operator)

    first = timeline.Timeline(ticket, [], {"kinds": "submissions"})
    assert (first.entries, bool(first.older)) == ([], True)
    assert "it may stand further on" in shown(page, ticket, "?kinds=submissions")
    cursor, found = first.older, []
    for _ in range(5):
        part = timeline.Timeline(ticket, [], {"kinds": "submissions", "before": cursor})
        found += part.entries
        if not (cursor := part.older):
            break
    assert [entry.row.kind for entry in found] == ["artifact.handed_in"]


@pytest.mark.parametrize("before", ["x", "1", "1.", ".1", "1.x", "-1.1", "9" * 25 + ".1", "٣.٣", "1.1.1"])
def test_what_is_no_place_in_it_is_not_found(page, ticket, before):
    assert page.get(f"/tickets/{ticket.key}/", {"before": before}).status_code == 404


def test_a_place_beyond_all_events_shows_nothing_or_all(page, ticket):
    assert "Nothing of this has happened" in shown(page, ticket, "?before=1.1")
    assert len(sentences(shown(page, ticket, f"?before={2**63}.1"))) >= 2


def test_what_others_wrote_is_shown_as_text_and_folded_if_it_is_long(page, ticket, task, ada):
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, error=f"<i>no disk</i> {'so it goes ' * 60}", kind="permanent")
    text = shown(page, ticket)
    assert "&lt;i&gt;no disk&lt;/i&gt;" in text
    assert re.search(r'<details class="text-xs" id="event-\d+-reason" hx-morph-skip>', text)


def test_an_edit_shows_what_was_and_what_is(page, ticket, operator):
    Ticket.objects.act(
        ticket.pk,
        "edit",
        by=operator,
        title="<b>Capture</b>",
        priority=0,
        labels=["a", "b"],
        acceptance=["It holds"],
    )
    text = shown(page, ticket)
    assert "<del>Capture payments</del>" in text
    assert "<ins>&lt;b&gt;Capture&lt;/b&gt;</ins>" in text
    assert "<del>medium</del>" in text
    assert "<ins>a, b</ins>" in text
    assert "<ins>It holds</ins>" in text


def test_forced_and_imported_tickets_are_marked(page, ticket, operator):
    Ticket.objects.move(ticket.pk, "DONE", by=operator, force=True, reason="tested by hand on the bench")
    text = shown(page, ticket)
    assert "Forced</span>" in text
    assert "admin forced it from Doing to Done Forced tested by hand on the bench" in sentences(text)


def test_launched_templates_are_told_with_their_tasks(page, project, operator):
    workflow = factories.allow_workflow(project, "software_delivery_tasks")
    ticket = Ticket.objects.open(project, TicketSpec("x", workflow=workflow), by=operator)
    spec = LaunchSpec("TESTING", [Chosen("write_tests")])
    TemplateLaunch.objects.launch(ticket.pk, spec, key="k", by=operator)
    told = sentences(shown(page, ticket))
    assert told[0] == "admin added 1 task of Testing from the workflow"
    assert told[1].endswith("Write the tests: x")


@pytest.mark.full
def test_it_takes_one_statement_for_any_number_of_events_and_any_filter(page, project, ticket, operator, ada):
    def statements(query):
        with CaptureQueriesContext(connection) as asked:
            page.get(f"/tickets/{ticket.key}/{query}")
        return [each["sql"] for each in asked]

    queries = ("", "?timeline=all", "?timeline=all&kinds=tasks,moves", "?kinds=steps", f"?before={2**63}.1")
    few = [len(statements(query)) for query in queries]
    for n in range(30):
        submit(ticket, f"notes_{n}", b"x", by=ada)
        Ticket.objects.act(ticket.pk, "edit", by=operator, title=f"Title {n}")
        Ticket.objects.judge(pk=ticket.pk, by=operator) if ticket.gated else None
    assert [len(statements(query)) for query in queries] == few
    assert len([sql for sql in statements("?timeline=all") if "agents_event" in sql]) == 1
