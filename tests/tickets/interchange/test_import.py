"""A beads backlog is imported once and whole, and agents can work on it."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Event, Project, ProjectSpec
from omoi_site.database import sql
from omoi_site.errors import Invalid
from tests.factories import allow_workflow, complete
from tests.support.backlog_files import data, import_issues, issue, jsonl, row_counts, rows_of
from tickets import interchange
from tickets.models import Cycle, Need, PhaseMove, Task, Ticket, TicketSpec, Workflow
from tickets.models.task.open_needs import recount

pytestmark = pytest.mark.django_db


def ticket_of(name: str) -> Ticket:
    return Ticket.objects.get(source="beads", source_id=name)


def test_the_real_backlog_comes_in_whole_and_only_once(project):
    with data().open("rb") as file:
        report = interchange.run("beads", file, project=project, by="system:test").as_dict()

    assert report["tickets"] == {"new": 692, "known": 0, "changed": 0}
    assert report["skipped"]["rows"] == {"agent": 9, "convoy": 2, "message": 1}
    assert (report["tasks"], report["needs"], report["parents"], report["links"]) == (692, 356, 355, 5)
    assert report["skipped"]["edges"] == 0
    assert (report["awaited"]["edges"], report["awaited"]["ids"]) == (28, 27)
    assert report["awaited"]["by_kind"] == {"blocks": 21, "parent-child": 5, "discovered-from": 2}
    assert len(report["awaited"]["list"]) == 28
    assert report["ready"] == 44 == Task.objects.ready().count()
    assert sum(report["paused"].values()) == 10
    assert Counter(Ticket.objects.values_list("phase", flat=True)) == {"DONE": 403, "TODO": 289}
    assert Ticket.objects.filter(paused=True).count() == 10
    assert Need.objects.count() == 356
    assert Ticket.objects.exclude(parent=None).count() == 355

    before = row_counts()
    with data().open("rb") as file:
        again = interchange.run("beads", file, project=project, by="system:test").as_dict()

    assert again["tickets"] == {"new": 0, "known": 692, "changed": 0}
    assert (again["tasks"], again["needs"], again["parents"], again["links"]) == (0, 0, 0, 0)
    assert row_counts() == before


def test_an_issue_becomes_a_ticket_with_one_task(project):
    import_issues(
        project,
        issue(
            "bd-1",
            priority=0,
            issue_type="bug",
            labels=["ui", "open"],
            description="It flickers.",
            design="Debounce it.",
        ),
    )

    ticket = ticket_of("bd-1")
    assert (ticket.key, ticket.title, ticket.priority_name, ticket.phase) == (
        "OMO-1",
        "Do bd-1",
        "critical",
        "TODO",
    )
    assert ticket.labels == ["ui", "open", "bug"]
    assert ticket.description == "It flickers.\n\n## Design\n\nDebounce it."
    [task] = ticket.tasks.all()
    assert (task.title, task.kind, task.phase, task.state, task.is_ready) == (
        "Do bd-1",
        "bug",
        "DOING",
        "pending",
        True,
    )
    assert [move.ground for move in ticket.history.all()] == ["born"]


@pytest.mark.parametrize(
    ("given", "priority"),
    [(0, "critical"), (1, "high"), (2, "medium"), (3, "low"), (4, "low"), (None, "medium")],
)
def test_a_priority_is_taken_over(project, given, priority):
    import_issues(project, issue("bd-1", priority=given))
    assert ticket_of("bd-1").priority_name == priority
    assert Task.objects.get().priority_name == priority


def test_a_closed_issue_is_done_as_imported(project):
    import_issues(project, issue("bd-1", status="closed"))

    ticket = ticket_of("bd-1")
    [move] = ticket.history.all()
    assert (ticket.phase, move.ground, move.by, bool(move.reason)) == (
        "DONE",
        PhaseMove.Ground.IMPORTED,
        "system:test",
        True,
    )
    assert "closed" not in ticket.labels
    [task] = ticket.tasks.all()
    assert (task.state, task.is_ready) == ("completed", False)
    assert task.ended_at


@pytest.mark.parametrize("status", ["open", "in_progress", "hooked", "pinned", "whatever"])
def test_any_other_status_starts_and_is_a_label(project, status):
    import_issues(project, issue("bd-1", status=status))
    assert ticket_of("bd-1").phase == "TODO"
    assert status in ticket_of("bd-1").labels


def test_blocks_are_needs_and_a_closed_blocker_holds_nothing_up(project, ada):
    report = import_issues(
        project,
        issue("bd-3", ("blocks", "bd-1"), ("blocks", "bd-2")),
        issue("bd-2", status="closed"),
        issue("bd-1"),
        issue("bd-4", ("blocks", "bd-2")),
        issue("bd-5", ("blocks", "bd-1"), status="closed"),
    )

    assert report["needs"] == 4
    waits = {
        task.ticket.source_id: (task.open_needs, task.edges_left, task.is_ready)
        for task in Task.objects.select_related("ticket")
    }
    assert waits["bd-1"] == waits["bd-4"] == (0, 0, True)
    assert waits["bd-3"] == (1, 1, False)
    assert waits["bd-5"] == (0, 0, False)
    claims = {claim.ticket: claim for claim in Task.objects.claim(by=ada, limit=5)}
    assert set(claims) == {ticket_of("bd-1").key, ticket_of("bd-4").key}
    complete(claims[ticket_of("bd-1").key], by=ada)
    assert [claim.ticket for claim in Task.objects.claim(by=ada)] == [ticket_of("bd-3").key]


def test_other_relations_are_links_and_hold_nothing_up(project):
    report = import_issues(
        project,
        issue(
            "bd-1",
            ("discovered-from", "bd-2"),
            ("related", "bd-2"),
            ("waits-for", "bd-2"),
            ("related", "bd-1"),
        ),
        issue("bd-2"),
    )

    assert report["links"] == 3
    assert {link.kind for link in ticket_of("bd-1").links.all()} == {
        "discovered-from",
        "related",
        "waits-for",
    }
    assert Task.objects.ready().count() == 2  # what is waited for are children, and bd-2 has none


def test_a_second_parent_is_kept_as_a_link(project):
    report = import_issues(
        project,
        issue("bd-3", ("parent-child", "bd-1"), ("parent-child", "bd-2")),
        issue("bd-2"),
        issue("bd-1"),
    )

    assert (report["parents"], report["links"]) == (1, 1)
    assert ticket_of("bd-3").parent == ticket_of("bd-1")
    assert any("bd-2" in warning for warning in report["warnings"])


def test_what_is_stored_is_what_a_recount_would_store(project):
    with data().open("rb") as file:
        interchange.run("beads", file, project=project, by="system:test")
    before = rows_of("tickets_task")

    recount([task["id"] for task in before])

    assert rows_of("tickets_task") == before
    assert (Task.objects.recheck_needs(0, 2**62), Task.objects.recheck_held(0, 2**62)) == (0, 0)
    lowest = min(task["rank"] for task in before if task["ready_at"])
    assert all(lane["floor"] <= lowest for lane in rows_of("tickets_lane"))


def test_an_updated_file_adds_only_what_is_new(project, ada):
    import_issues(project, issue("bd-1"), issue("bd-2"), issue("bd-3", status="closed"))
    [claim] = Task.objects.claim(by=ada)
    begun = ticket_of("bd-1")
    assert claim.ticket == begun.key

    report = import_issues(
        project,
        issue("bd-1", ("blocks", "bd-4"), title="Something else", status="closed"),
        issue("bd-2", ("blocks", "bd-4"), ("parent-child", "bd-3"), priority=0),
        issue("bd-3", status="closed"),
        issue("bd-4", ("related", "bd-1")),
    )

    assert report["tickets"] == {"new": 1, "known": 3, "changed": 2}
    assert (report["needs"], report["parents"], report["links"]) == (1, 1, 1)
    assert [(change["id"], change["fields"]) for change in report["changed"]] == [
        ("bd-1", ["title", "status"]),
        ("bd-2", ["priority"]),
    ]
    assert any("bd-1 does not wait for bd-4" in warning for warning in report["warnings"])
    assert (ticket_of("bd-1").title, ticket_of("bd-2").priority_name, ticket_of("bd-2").parent) == (
        "Do bd-1",
        "medium",
        ticket_of("bd-3"),
    )
    assert ticket_of("bd-2").tasks.get().open_needs == 1
    assert complete(claim, by=ada).state == "completed"


def test_work_that_went_on_here_is_no_change_of_the_file(project, ada):
    import_issues(project, issue("bd-1"))
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    Ticket.objects.advance_due()
    Ticket.objects.advance_due()
    assert ticket_of("bd-1").phase == "DONE"

    assert import_issues(project, issue("bd-1"))["tickets"] == {"new": 0, "known": 1, "changed": 0}


def test_an_edge_to_what_came_in_before_is_kept(project):
    import_issues(project, issue("bd-1"), issue("bd-2", status="closed"))

    report = import_issues(
        project,
        issue("bd-3", ("blocks", "bd-1"), ("parent-child", "bd-2"), ("tracks", "bd-1"), ("blocks", "bd-9")),
    )

    assert report["tickets"] == {"new": 1, "known": 0, "changed": 0}
    assert (report["needs"], report["parents"], report["links"]) == (1, 1, 1)
    assert report["awaited"]["list"] == [{"kind": "blocks", "from": "bd-3", "to": "bd-9"}]
    assert ticket_of("bd-3").tasks.get().open_needs == 1


def test_a_need_that_closes_a_cycle_with_what_is_here_is_refused(project):
    import_issues(project, issue("bd-1", ("blocks", "bd-2")), issue("bd-2"))
    before = row_counts()

    with pytest.raises(Cycle):
        import_issues(
            project, issue("bd-1"), issue("bd-2", ("blocks", "bd-3")), issue("bd-3", ("blocks", "bd-1"))
        )
    assert row_counts() == before


def test_a_parent_that_would_be_its_own_is_refused(project):
    import_issues(project, issue("bd-1", ("parent-child", "bd-2")), issue("bd-2"))
    before = row_counts()

    with pytest.raises(Cycle, match="parent of itself"):
        import_issues(project, issue("bd-1"), issue("bd-2", ("parent-child", "bd-1")))
    assert row_counts() == before


def test_a_dry_run_reports_the_same_and_changes_nothing(project):
    lines = [issue("bd-1", ("blocks", "bd-2"), ("tracks", "bd-9")), issue("bd-2", status="closed")]
    before = row_counts()

    tried = import_issues(project, *lines, dry_run=True)

    assert row_counts() == before
    assert Project.objects.get(pk=project.pk).tickets_made == 0
    assert {**import_issues(project, *lines), "dry_run": True} == tried


def test_the_report_says_what_comes_in_ready_and_what_paused_by_why(project):
    lines = [
        issue("bd-1"),
        issue("bd-2", ("blocks", "bd-1")),
        issue("bd-3", status="in_progress"),
        issue("bd-4", status="blocked"),
        issue("bd-5", status="in_progress"),
        issue("bd-6", ("blocks", "bd-7")),
        issue("bd-7", issue_type="gate"),
        issue("bd-8", status="closed"),
    ]
    for dry_run in (True, False):
        report = import_issues(project, *lines, dry_run=dry_run)
        assert (report["paused"], report["ready"]) == ({"in_progress": 2, "blocked": 1, "gate": 1}, 1)
    again = import_issues(project, *lines)
    assert (again["paused"], again["ready"]) == ({}, 0)


def test_the_number_of_statements_does_not_grow_with_the_backlog(project):
    def statements(prefix: str, count: int) -> int:
        chain = [
            issue(
                f"{prefix}-{n}",
                *([("blocks", f"{prefix}-{n - 1}"), ("parent-child", f"{prefix}-0")] if n else []),
            )
            for n in range(count)
        ]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert import_issues(project, *chain)["tickets"]["new"] == count
        return len(captured)

    statements("warm", 2)
    assert statements("some", 10) == statements("many", 900) <= 45


def test_tickets_follow_another_workflow_when_asked(project, ada):
    phases = [
        {"name": "WRITE", "to": ["READ"]},
        {"name": "READ", "to": ["WRITE", "OUT"]},
        {"name": "OUT", "to": []},
    ]
    allow_workflow(project, Workflow.objects.install({"name": "review", "phases": phases}))
    import_issues(project, issue("bd-1"), issue("bd-2", status="closed"), workflow="review")

    assert (ticket_of("bd-1").phase, ticket_of("bd-2").phase) == ("WRITE", "OUT")
    [claim] = Task.objects.claim(by=ada, limit=2)
    assert (claim.ticket, claim.phase) == (ticket_of("bd-1").key, "WRITE")


def test_a_workflow_without_an_end_takes_no_finished_work(project):
    """Such a document is refused now; one that was installed before stays."""
    phases = [{"name": "ONE", "to": ["TWO"]}, {"name": "TWO", "to": ["ONE"]}]
    document = {"name": "round", "phases": phases}
    allow_workflow(project, Workflow.objects.create(name="round", version=1, document=document))
    assert import_issues(project, issue("bd-1"), workflow="round")["tickets"]["new"] == 1
    with pytest.raises(Invalid, match="no last phase"):
        import_issues(project, issue("bd-2", status="closed"), workflow="round")


def test_every_birth_is_in_the_journal(project):
    import_issues(project, issue("bd-1"), issue("bd-2", ("blocks", "bd-1"), status="closed"))

    kinds = Counter(Event.objects.exclude(kind="project.created").values_list("kind", flat=True))
    assert kinds == {"ticket.opened": 2, "task.added": 2, "need.added": 1, "project.imported": 1}
    for ticket in Ticket.objects.all():
        assert ticket.events == Event.objects.filter(subject=ticket.subject).count()
    for task in Task.objects.all():
        told = (
            Event.objects.filter(subject=f"task:{task.pk}")
            .order_by("number")
            .values_list("number", flat=True)
        )
        assert list(told) == list(range(1, task.events + 1))


def test_projects_keep_the_same_backlog_apart(project):
    other = Project.objects.create_project(ProjectSpec("TWO", workflow="simple"), by="system:test")
    import_issues(project, issue("bd-1"))

    assert import_issues(other, issue("bd-1"))["tickets"]["new"] == 1
    assert sorted(Ticket.objects.values_list("key", flat=True)) == ["OMO-1", "TWO-1"]


def test_a_ticket_opened_afterwards_takes_the_next_number(project):
    import_issues(project, issue("bd-1"), issue("bd-2"))
    assert (
        Ticket.objects.open(Project.objects.get(pk=project.pk), TicketSpec("One more"), by="system:test").key
        == "OMO-3"
    )


def test_a_byte_order_mark_and_empty_lines_are_accepted(project):
    report = interchange.run(
        "beads",
        jsonl(b"\xef\xbb\xbf" + b'{"id": "bd-1", "title": "T\xc3\xa4glich"}\r', b"", b"  "),
        project=project,
        by="system:test",
    )
    assert report.as_dict()["tickets"]["new"] == 1
    assert ticket_of("bd-1").title == "Täglich"
    assert sql.one("SELECT 1 AS one FROM tickets_task WHERE priority = 2")
