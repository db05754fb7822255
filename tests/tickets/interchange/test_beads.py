"""Backlogs as beads writes them today: what is not work stays out, and nothing is offered that is not ready
there.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import product
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db.models import QuerySet

from agents.models import Project, ProjectSpec
from omoi_site.database import sql
from omoi_site.errors import Invalid, NotFound
from tests.support.api_client import api_of
from tests.support.backlog_files import import_issues, issue
from tests.support.external import unavailable
from tests.tickets.interchange.beads_rule import Rule
from tickets import interchange
from tickets.models import Need, Task, Ticket

pytestmark = pytest.mark.django_db

DATA = Path(settings.ROOT).parent / "shared" / "data"


def data(name: str) -> Path:
    if not (DATA / name).exists():
        unavailable("data", f"there is no {DATA / name}: put a beads backlog there")
    return DATA / name


def come_in(project, name, **how):
    with data(name).open("rb") as file:
        return interchange.run("beads", file, project=project, by="system:test", **how).as_dict()


def ready_here() -> set[str]:
    return set(Task.objects.ready().values_list("ticket__source_id", flat=True))


def ready_there(path: Path) -> set[str]:
    return Rule([json.loads(line) for line in path.read_text().splitlines()]).ready()


@pytest.mark.parametrize(("name", "ready"), [("beads-oracledb.jsonl", 2), ("beads-issues.jsonl", 44)])
def test_what_is_ready_is_what_beads_would_offer(project, name, ready):
    come_in(project, name)

    assert ready_here() == ready_there(data(name))
    assert len(ready_here()) == ready


CASES = ["crossneed1", "crossneed2", "cycleclosed", "def", "memory", "pblk", "statuses", "times", "types"]


def test_every_small_case_is_known_here():
    assert {path.stem for path in data("beads-cases").iterdir()} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_what_is_ready_of_the_small_cases_is_what_beads_would_offer(project, name):
    come_in(project, f"beads-cases/{name}.jsonl")
    assert ready_here() == ready_there(data(f"beads-cases/{name}.jsonl"))


def test_rows_that_are_no_work_are_left_out_and_counted_by_type(project):
    report = come_in(project, "beads-cases/types.jsonl")
    left_out = {
        kind: 1
        for kind in (
            "gate",
            "molecule",
            "agent",
            "message",
            "event",
            "rig",
            "role",
            "convoy",
            "slot",
            "wisp",
            "template",
            "ephemeral",
        )
    }
    assert report["skipped"]["rows"] == left_out
    assert set(Ticket.objects.values_list("source_id", flat=True)) == {
        "t-task",
        "t-bug",
        "t-epic",
        "t-merge-request",
        "t-pin",
    }
    assert Ticket.objects.get(source_id="t-pin").pause_reason == "beads: pinned"
    assert Ticket.objects.get(source_id="t-merge-request").pause_reason == "beads: merge-request"


def test_memories_and_the_files_own_lines_are_left_out(project):
    report = come_in(project, "beads-cases/memory.jsonl")
    assert report["skipped"]["rows"] == {"schema": 1, "memory": 1}
    assert list(Ticket.objects.values_list("source_id", flat=True)) == ["m-1"]


def test_a_status_that_is_not_open_holds_the_ticket_and_says_why(project):
    come_in(project, "beads-cases/statuses.jsonl")
    paused = dict(Ticket.objects.filter(paused=True).values_list("source_id", "pause_reason"))
    assert paused == {
        f"s-{status}": f"beads: {status}"
        for status in ("in_progress", "blocked", "deferred", "pinned", "hooked", "review", "draft")
    }
    assert ready_here() == {"s-open"}
    assert set(Ticket.objects.filter(phase="DONE").values_list("source_id", flat=True)) == {
        "s-closed",
        "s-up",
    }
    assert not Ticket.objects.filter(source_id__in=["s-deleted", "s-tombstone", "s-del"]).exists()


def test_deferred_work_waits_for_its_time_and_held_work_names_who_holds_it(project):
    come_in(project, "beads-cases/def.jsonl")
    first = Ticket.objects.get(source_id="x-1")
    assert (first.paused, first.tasks.get().not_before.year, first.tasks.get().not_due) == (False, 2036, True)
    assert Ticket.objects.get(source_id="x-2").pause_reason == "beads: in_progress, lee"
    assert Ticket.objects.get(source_id="x-3").pause_reason == "beads: blocked"
    assert ready_here() == set()

    Ticket.objects.act(Ticket.objects.get(source_id="x-2").pk, "resume", by="system:test")
    assert ready_here() == {"x-2"}


def test_a_blocked_parent_holds_its_children_and_a_dotted_id_is_a_child(project, ada):
    come_in(project, "beads-cases/pblk.jsonl")
    assert dict(Ticket.objects.exclude(parent=None).values_list("source_id", "parent__source_id")) == {
        "p-epic.1": "p-epic",
        "p-epic.2": "p-epic",
    }
    assert ready_here() == {"p-block"}
    waits = Need.objects.values_list("child__ticket__source_id", "parent__ticket__source_id")
    assert set(waits) == {(name, "p-block") for name in ("p-epic", "p-epic.1", "p-epic.2")}


def test_parents_that_wait_for_each_others_children_are_no_cycle(project):
    report = import_issues(
        project,
        issue("one", ("blocks", "b")),
        issue("two", ("blocks", "a")),
        issue("a", ("parent-child", "one")),
        issue("b", ("parent-child", "two")),
    )
    assert report["tickets"]["new"] == 4
    assert len(ready_here() & {"a", "b"}) == 1
    assert any("left out: 1" in warning for warning in report["warnings"])


def test_many_parents_that_wait_for_each_others_children_cost_the_others_nothing(project):
    pairs = [
        each
        for n in range(120)
        for each in (
            issue(f"one{n}", ("blocks", f"b{n}")),
            issue(f"two{n}", ("blocks", f"a{n}")),
            issue(f"a{n}", ("parent-child", f"one{n}")),
            issue(f"b{n}", ("parent-child", f"two{n}")),
        )
    ]
    import_issues(
        project,
        *pairs,
        issue("first"),
        issue("epic", ("blocks", "first")),
        issue("child", ("parent-child", "epic")),
    )
    assert "child" not in ready_here()


def test_what_waits_for_a_row_that_is_no_work_is_not_offered(project):
    import_issues(
        project,
        issue("g", issue_type="gate"),
        issue("h", issue_type="gate", status="closed"),
        issue("x", ("blocks", "g")),
        issue("y", ("blocks", "h")),
    )
    assert ready_here() == {"y"}
    assert Ticket.objects.get(source_id="x").pause_reason == "beads: blocked by the gate g"


def test_a_cycle_of_finished_work_is_a_warning(project):
    report = come_in(project, "beads-cases/cycleclosed.jsonl")
    assert report["tickets"]["new"] == 3
    assert any("block each other" in warning for warning in report["warnings"])
    assert ready_here() == {"y-3"}


def test_times_that_can_be_none_are_counted_and_the_others_kept_to_the_second(project):
    report = come_in(project, "beads-cases/times.jsonl")
    assert "values of created_at that are not valid times, left out: 7" in report["warnings"]
    made = Ticket.objects.get(source_id="ti-0").created_at
    assert made.isoformat(timespec="seconds") == "2025-11-20T05:42:53+00:00"


@pytest.mark.parametrize(
    ("given", "priority"), [("P1", 1), ("0", 0), (1.0, 1), ("High", 1), ("backlog", 3), (" p4 ", 3)]
)
def test_a_priority_in_another_form_is_the_same(project, given, priority):
    import_issues(project, issue("bd-1", priority=given))
    assert Ticket.objects.get().priority == priority


@pytest.mark.parametrize("given", ["P5", "soon", 2.5, True, -1, [1]])
def test_a_priority_that_is_none_is_refused(project, given):
    with pytest.raises(Invalid, match="priority must be"):
        import_issues(project, issue("bd-1", priority=given))


def test_the_types_of_the_real_backlog_are_counted(project):
    report = come_in(project, "beads-issues.jsonl")
    assert report["skipped"]["rows"] == {"agent": 9, "convoy": 2, "message": 1}
    assert report["tickets"]["new"] == 692
    assert Counter(Ticket.objects.filter(paused=True).values_list("pause_reason", flat=True)) == {
        "beads: in_progress": 3,
        "beads: hooked": 4,
        "beads: pinned": 3,
    }


def test_a_closing_time_comes_along_and_a_ticket_is_found_by_the_id_it_had(project, operator, capsys, client):
    import_issues(
        project, issue("bd-old", status="closed", closed_at="2025-11-19T21:42:53Z"), issue("bd-new")
    )
    assert Task.objects.get(ticket__source_id="bd-old").ended_at.isoformat() == "2025-11-19T21:42:53+00:00"

    found = Ticket.objects.get(source_id="bd-new")
    assert [each["key"] for each in api_of(operator).get("/tickets", q="bd-new").json()["results"]] == [
        found.key
    ]
    call_command("explain", "bd-new", json=True)
    assert json.loads(capsys.readouterr().out)["key"] == found.key
    client.force_login(operator)
    assert found.key in client.get("/board/", {"project": "OMO", "q": "bd-new"}).content.decode()


def test_a_ticket_is_found_by_the_id_it_had_in_any_case_and_by_an_index(project, capsys):
    import_issues(
        project, issue("BD-a1"), issue("bd-a1.2"), *(issue(f"bd-b{number}") for number in range(60))
    )
    for name, asked in (("BD-a1", "bd-A1"), ("bd-a1.2", "Bd-A1.2")):
        call_command("explain", asked, json=True)
        assert json.loads(capsys.readouterr().out)["key"] == Ticket.objects.get(source_id=name).key
    sql.rows("ANALYZE tickets_ticket")  # as autovacuum may do at any time: so many rows are worth the index
    sql.rows("SET LOCAL enable_seqscan = off")
    assert "ticket_source_id" in QuerySet.explain(
        Ticket.objects.exclude(source="").filter(source_id__iexact="bd-a1").order_by()
    )


def test_an_id_that_several_tickets_had_names_them(project):
    another_project = Project.objects.create_project(ProjectSpec("TWO", workflow="simple"), by="system:test")
    import_issues(project, issue("bd-1"), issue("BD-1"))
    import_issues(another_project, issue("bd-1"))
    with pytest.raises(Invalid, match=f"OMO-1, OMO-2, {another_project.key}-1. Use the key of one"):
        call_command("explain", "bd-1")
    with pytest.raises(NotFound, match="there is no ticket bd-9"):
        call_command("explain", "bd-9")


def test_of_many_tickets_with_one_id_a_few_are_named(project):
    import_issues(project, *(issue("".join(letters)) for letters in product("aA", "bB", "cC", "dD")))
    with pytest.raises(Invalid, match=r"OMO-10 and more\. Use the key") as raised:
        call_command("explain", "abcd")
    assert "OMO-11" not in str(raised.value)


def test_what_was_deleted_there_and_is_known_here_shows_as_changed_and_stays(project):
    import_issues(project, issue("bd-1"), issue("bd-2"))
    report = import_issues(
        project,
        issue("bd-1", status="tombstone"),
        issue("bd-2", deleted_at="2026-01-01T00:00:00Z"),
        issue("bd-3", status="deleted"),
    )
    assert [(each["id"], each["fields"]) for each in report["changed"]] == [
        ("bd-1", ["deleted"]),
        ("bd-2", ["deleted"]),
    ]
    assert report["tickets"] == {"new": 0, "known": 0, "changed": 2}
    assert Ticket.objects.count() == 2
