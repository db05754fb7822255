"""Imports at the same time, and work that goes on beside one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from agents.models import Project
from omoi_site.database import sql
from tests.support.backlog_files import import_issues, issue
from tests.support.wait import until
from tickets.models import Need, Task, TaskSpec, Ticket, TicketSpec
from tickets.models.task.open_needs import recount

pytestmark = pytest.mark.django_db(transaction=True)

CHAIN = [
    issue(
        f"bd-{n}", *([("blocks", f"bd-{n - 1}"), ("parent-child", "bd-0"), ("related", "bd-0")] if n else [])
    )
    for n in range(40)
]


def together(*acts: Callable[[], Any]) -> list[Any]:
    """What each of these returned (or raised), begun at one moment, each in a thread with a connection of its
    own.
    """
    start, told = threading.Barrier(len(acts)), [None] * len(acts)

    def carry_out(place: int, act: Callable[[], Any]) -> None:
        try:
            start.wait(30)
            told[place] = act()
        except Exception as error:
            told[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=carry_out, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return told


def test_one_backlog_imported_by_many_at_once_comes_in_once(project):
    reports = together(*[lambda: import_issues(project, *CHAIN)] * 6)

    assert sorted(report["tickets"]["new"] for report in reports) == [0] * 5 + [40]
    assert sorted(report["needs"] for report in reports) == [0] * 5 + [39]
    assert (Ticket.objects.count(), Task.objects.count(), Need.objects.count()) == (40, 40, 39)
    assert Ticket.objects.exclude(parent=None).count() == 39
    assert sorted(Ticket.objects.values_list("number", flat=True)) == list(range(1, 41))


def test_tickets_opened_and_tasks_claimed_during_an_import_are_neither_lost_nor_stuck(project, ada, operator):
    import_issues(project, *CHAIN[:5])

    def opened() -> list[str]:
        return [
            Ticket.objects.open(
                Project.objects.get(pk=project.pk),
                TicketSpec("Meanwhile", tasks=[TaskSpec("first", "a"), TaskSpec("then")]),
                by=operator,
            ).key
            for _ in range(10)
        ]

    def claimed() -> list[int]:
        return [claim.task for _ in range(3) for claim in Task.objects.claim(by=ada)]

    told = together(
        opened,
        lambda: import_issues(project, *CHAIN),
        claimed,
        opened,
        lambda: import_issues(project, *CHAIN, issue("bd-x")),
    )

    assert [error for error in told if isinstance(error, Exception)] == []
    assert len({*told[0], *told[3]}) == 20
    assert len(told[2]) == len(set(told[2]))
    assert sorted(Ticket.objects.values_list("number", flat=True)) == list(range(1, 62))
    before = list(Task.objects.order_by("pk").values("pk", "open_needs", "edges_left", "unsatisfiable"))
    recount([task["pk"] for task in before])
    assert (
        list(Task.objects.order_by("pk").values("pk", "open_needs", "edges_left", "unsatisfiable")) == before
    )


def test_an_import_locks_the_tickets_it_knows_in_the_order_of_their_ids(project):
    """Whoever locks them in that order and meets an import waits for it, or it for them, and never both."""
    import_issues(project, issue("a"), issue("b"), issue("p"))
    again = [
        issue("a", ("parent-child", "p")),
        issue("b", comments=[{"text": "Good.", "author": "lee"}], external_ref="gh-1"),
        issue("p"),
    ]
    first, second = (Ticket.objects.get(source_id=name).pk for name in "ab")
    lock = "SELECT id FROM tickets_ticket WHERE id = %s FOR NO KEY UPDATE"
    reports: list[Any] = []
    thread = threading.Thread(target=lambda: reports.extend(together(lambda: import_issues(project, *again))))
    with transaction.atomic():
        sql.rows(lock, [first])
        thread.start()
        waiting = (
            "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        )
        until(lambda: sql.rows(waiting))
        sql.rows(f"{lock} NOWAIT", [second])
    thread.join(60)
    assert (reports[0]["comments"], reports[0]["external_refs"], reports[0]["parents"]) == (1, 1, 1)
