"""Relations whose other end is in a later file: they are kept, block nothing, and are completed by that
import.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from agents.models import Project, ProjectSpec
from tests.support.backlog_files import import_issues, issue, row_counts
from tests.tickets.interchange.test_beads import come_in
from tests.tickets.interchange.test_races import together
from tests.tickets.interchange.test_ready_rule import ready
from tickets.models import Awaited, Cycle, Link, Need, Task, Ticket

pytestmark = pytest.mark.django_db

FIRST, SECOND = "beads-cases/crossneed1.jsonl", "beads-cases/crossneed2.jsonl"


def edges(project: Any) -> tuple[set[Any], set[Any], set[Any]]:
    """Needs, parents and links, by the ids they had."""
    needs = Need.objects.filter(child__project=project).values_list(
        "child__ticket__source_id", "parent__ticket__source_id"
    )
    parents = (
        Ticket.objects.filter(project=project)
        .exclude(parent=None)
        .values_list("source_id", "parent__source_id")
    )
    links = Link.objects.filter(ticket__project=project).values_list(
        "ticket__source_id", "kind", "other__source_id"
    )
    return set(needs), set(parents), set(links)


@pytest.mark.parametrize("files", list(permutations([FIRST, SECOND])))
def test_a_need_across_two_files_holds_in_either_order(project, files):
    for name in files:
        come_in(project, name)

    assert edges(project)[0] == {("xn-1", "xn-2")}
    assert ready(project) == {"xn-2"}
    assert not Awaited.objects.exists()


def test_what_is_awaited_is_told_holds_nothing_and_is_told_when_it_closes(project):
    told = [come_in(project, FIRST) for _ in range(2)]
    for report in told:
        assert report["awaited"] == {
            "edges": 1,
            "ids": 1,
            "by_kind": {"blocks": 1},
            "list": [{"kind": "blocks", "from": "xn-1", "to": "xn-2"}],
        }
    assert (Awaited.objects.count(), ready(project)) == (1, {"xn-1"})

    tried = come_in(project, SECOND, dry_run=True)
    report = come_in(project, SECOND)
    assert (report["closed"], report["needs"], report["awaited"]["edges"]) == (1, 1, 0)
    assert {**tried, "dry_run": False} == report
    before = row_counts()
    assert [come_in(project, name)["closed"] for name in (FIRST, SECOND)] == [0, 0]
    assert row_counts() == before


def test_every_kind_of_relation_closes_as_what_it_is(project):
    kinds = ("blocks", "conditional-blocks", "parent-child", "related", "waits-for")
    import_issues(project, *(issue(f"a{n}", (kind, "z")) for n, kind in enumerate(kinds)), issue("z.1"))
    report = import_issues(project, issue("z"))

    assert report["closed"] == len(kinds) + 1
    needs, parents, links = edges(project)
    assert needs == {("a0", "z"), ("a1", "z"), ("a4", "a2"), ("a4", "z.1")}
    assert parents == {("a2", "z"), ("z.1", "z")}
    assert links == {("a3", "related", "z"), ("a4", "waits-for", "z")}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_backlog_in_parts_is_what_it_is_in_one_file(project, order):
    parts = [
        [issue("b"), issue("w", ("waits-for", "p"))],
        [issue("p", ("blocks", "b")), issue("q", ("parent-child", "p"))],
        [issue("p.1"), issue("p.1.1"), issue("q.1", ("related", "w"))],
    ]
    for place in order:
        import_issues(project, *parts[place])

    needs, parents, links = edges(project)
    assert parents == {("q", "p"), ("p.1", "p"), ("p.1.1", "p.1"), ("q.1", "q")}
    assert needs == {("w", "q"), ("w", "p.1"), *((name, "b") for name in ("p", "q", "p.1", "p.1.1", "q.1"))}
    assert links == {("w", "waits-for", "p"), ("q.1", "related", "w")}
    assert ready(project) == {"b"}


def test_a_parent_that_comes_second_is_a_link(project):
    import_issues(project, issue("c", ("parent-child", "p"), ("parent-child", "q")))
    import_issues(project, issue("q"))
    report = import_issues(project, issue("p"))
    assert edges(project)[1:] == ({("c", "q")}, {("c", "parent-child", "p")})
    assert any("c has more than one parent: p is kept as a link" in warning for warning in report["warnings"])


def test_a_cycle_that_would_close_is_refused_with_its_ids(project):
    import_issues(project, issue("a", ("blocks", "b")))
    before = row_counts()
    with pytest.raises(Cycle) as refused:
        import_issues(project, issue("b", ("blocks", "a")))
    assert set(refused.value.more["cycle"]) == {"a", "b"}
    with pytest.raises(Cycle):
        import_issues(project, issue("b", ("blocks", "c")), issue("c", ("blocks", "a")))
    assert row_counts() == before


def test_a_cycle_of_parents_that_would_close_is_refused(project):
    import_issues(project, issue("a", ("parent-child", "b")))
    before = row_counts()
    with pytest.raises(Cycle, match="parent of itself"):
        import_issues(project, issue("b", ("parent-child", "a")))
    assert row_counts() == before


def test_a_cycle_of_finished_work_that_would_close_is_a_warning(project):
    import_issues(project, issue("a", ("blocks", "b"), status="closed"))
    report = import_issues(project, issue("b", ("blocks", "a"), status="closed"))
    assert any("block each other" in warning and "a" in warning for warning in report["warnings"])
    assert Need.objects.count() == 1


def test_work_that_has_begun_does_not_wait_for_what_comes_later(project, ada):
    import_issues(project, issue("a", ("blocks", "b")))
    [claim] = Task.objects.claim(by=ada)
    report = import_issues(project, issue("b"))
    assert any("a does not wait for b" in warning for warning in report["warnings"])
    assert (claim.ticket, Need.objects.count(), Awaited.objects.count()) == (
        Ticket.objects.get(source_id="a").key,
        0,
        0,
    )


def test_another_project_and_a_deleted_issue_close_nothing(project):
    other = Project.objects.create_project(ProjectSpec("TWO", workflow="simple"), by="system:test")
    import_issues(project, issue("a", ("blocks", "b")))
    assert import_issues(other, issue("b"))["closed"] == 0
    report = import_issues(project, issue("b", status="tombstone"), issue("c", ("blocks", "b")))
    assert (report["closed"], report["skipped"]["by_kind"], Awaited.objects.count()) == (0, {"blocks": 1}, 1)


@pytest.mark.full
def test_the_number_of_statements_does_not_grow_with_what_is_awaited(project, django_assert_max_num_queries):
    import_issues(project, *(issue(f"a{n}", ("blocks", f"b{n}"), ("parent-child", "p")) for n in range(500)))
    with django_assert_max_num_queries(60):
        report = import_issues(project, *(issue(f"b{n}") for n in range(500)), issue("p", ("blocks", "b0")))
    assert (report["closed"], report["needs"]) == (1000, 1000)


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_two_files_imported_at_once_find_each_other(project):
    for turn in range(8):
        one = [
            issue(f"a{turn}-{n}", ("blocks", f"b{turn}-{n}"), ("parent-child", f"b{turn}-0"))
            for n in range(20)
        ]
        two = [issue(f"b{turn}-{n}", ("related", f"a{turn}-{n}")) for n in range(20)]
        acts = [lambda one=one: import_issues(project, *one), lambda two=two: import_issues(project, *two)]
        told = together(*(acts if turn % 2 else acts[::-1]))

        assert [error for error in told if isinstance(error, Exception)] == []
        assert sum(report["needs"] for report in told) == 20
        assert sum(report["parents"] for report in told) == sum(report["links"] for report in told) == 20
        assert sum(report["closed"] for report in told) in (20, 40)
    assert not Awaited.objects.exists()


@pytest.mark.parametrize("order", list(permutations(["pinned", "waiting"])))
def test_nothing_waits_for_a_pinned_issue_of_another_file(project, order):
    files = {
        "pinned": [issue("p", status="pinned"), issue("c", ("parent-child", "p"), status="pinned")],
        "waiting": [
            issue("a", ("blocks", "p")),
            issue("w", ("waits-for", "p")),
            issue("d", ("parent-child", "p")),
        ],
    }
    for name in order:
        import_issues(project, *files[name])

    assert edges(project)[0] == {("w", "d")}
    assert ready(project) >= {"a", "d"}
    import_issues(project, issue("b", ("blocks", "p"), ("conditional-blocks", "c")))
    assert "b" in ready(project)


def test_a_parent_only_an_id_tells_of_is_not_reported_and_found_when_it_comes(project):
    report = import_issues(project, issue("v2.0.1"), issue("v3.0.1", ("parent-child", "v3.0")))
    assert [edge["to"] for edge in report["awaited"]["list"]] == ["v3.0"]

    report = import_issues(project, issue("v2.0"))
    assert (report["parents"], edges(project)[1]) == (1, {("v2.0.1", "v2.0")})


def test_a_relation_that_is_awaited_and_said_again_is_told_once(project):
    file = [issue("a", ("blocks", "b"), ("parent-child", "p"), ("parent-child", "q"))]
    import_issues(project, *file)
    report = import_issues(project, *file, issue("b"), issue("p"), issue("q"))
    assert (report["needs"], report["parents"], report["links"]) == (1, 1, 1)
    assert sum("more than one parent" in warning for warning in report["warnings"]) == 1
