"""Random documents: each is imported unchanged, or not at all."""

from __future__ import annotations

import io
from graphlib import CycleError, TopologicalSorter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.models import Project, ProjectSpec
from omoi_site import field_limits
from omoi_site.errors import OmoiError
from tests.support.backlog_files import import_issues, issue, jsonl, row_counts, rows_of
from tickets import interchange
from tickets.models import Cycle, Link, Need, Task, Ticket
from tickets.models.task.open_needs import recount

pytestmark = pytest.mark.django_db
bounded = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
projects = iter(range(10**6))

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
names = st.sampled_from([f"bd-{n}" for n in range(8)])
kinds = st.sampled_from(["blocks", "parent-child", "related", "discovered-from"])


@st.composite
def documents(draw: Any) -> list[dict[str, Any]]:
    return [
        issue(
            name,
            *draw(st.lists(st.tuples(kinds, names), max_size=3)),
            title=draw(text.filter(str.strip)),
            description=draw(text),
            status=draw(st.sampled_from(["open", "closed", "in_progress"])),
            priority=draw(st.integers(0, 4)),
            labels=draw(st.lists(text, max_size=3)),
        )
        for name in draw(st.lists(names, min_size=1, max_size=8, unique=True))
    ]


def another() -> Project:
    return Project.objects.create_project(
        ProjectSpec(f"P{next(projects)}X", workflow="simple"), by="system:test"
    )


def edges_of(document: list[dict[str, Any]], kind: str) -> set[tuple[str, str]]:
    known = {each["id"] for each in document}
    return {
        (each["id"], edge["depends_on_id"])
        for each in document
        for edge in each["dependencies"]
        if edge["type"] == kind and edge["depends_on_id"] in known
    }


def first_parents(document: list[dict[str, Any]]) -> dict[str, str]:
    known, parents = {each["id"] for each in document}, {}
    for each in document:
        for edge in each["dependencies"]:
            if edge["type"] == "parent-child" and edge["depends_on_id"] in known:
                parents.setdefault(each["id"], edge["depends_on_id"])
    return parents


def goes_round(edges: Any) -> bool:
    graph: dict[str, set[str]] = {}
    for one, other in edges:
        graph.setdefault(one, set()).add(other)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return True
    return False


@bounded
@given(documents())
@pytest.mark.full
def test_a_document_comes_in_as_it_was_or_not_at_all(document):
    project, blocks, parents = another(), edges_of(document, "blocks"), first_parents(document)
    before = row_counts()
    going = {each["id"] for each in document if each["status"] != "closed"}
    if goes_round({(one, other) for one, other in blocks if {one, other} <= going}) or goes_round(
        parents.items()
    ):
        with pytest.raises(Cycle):
            import_issues(project, *document)
        assert row_counts() == before
        return

    report = import_issues(project, *document)

    tickets = {
        ticket.source_id: ticket for ticket in Ticket.objects.filter(project=project).select_related("parent")
    }
    assert set(tickets) == {each["id"] for each in document}
    for each in document:
        ticket = tickets[each["id"]]
        title = " ".join(each["title"].split()) if field_limits.seen(each["title"]) else each["id"]
        assert (ticket.title, ticket.description) == (title, each["description"])
        assert ticket.phase == ("DONE" if each["status"] == "closed" else "TODO")
        assert ticket.priority == min(each["priority"], 3)
        assert {label.strip() for label in each["labels"] if field_limits.seen(label)} <= set(ticket.labels)
    needs = set(
        Need.objects.filter(child__project=project).values_list(
            "child__ticket__source_id", "parent__ticket__source_id"
        )
    )
    inherited = needs - blocks  # from parents that wait
    assert blocks <= needs or goes_round(blocks)
    assert all(other in going and one in parents for one, other in inherited)
    assert {name: ticket.parent.source_id for name, ticket in tickets.items() if ticket.parent} == parents
    told = {
        (each["id"], edge["type"], edge["depends_on_id"])
        for each in document
        for edge in each["dependencies"]
    }
    own = {
        (one, kind, other) for one, kind, other in told if one == other and kind != "blocks"
    }  # to itself: nothing to keep
    left_as_they_are = len(blocks - needs)  # needs of finished work that went round
    assert report["needs"] - len(inherited) + left_as_they_are + report["parents"] + report["links"] + report[
        "awaited"
    ]["edges"] == len(told - own)
    assert report["links"] == Link.objects.filter(ticket__project=project).count()
    waiting = {each["id"] for each in document if each["status"] != "closed"}
    for task in Task.objects.filter(project=project).select_related("ticket"):
        open_needs = len(
            {parent for child, parent in needs if child == task.ticket.source_id and parent in waiting}
        )
        assert task.open_needs == (open_needs if task.ticket.source_id in waiting else 0)
    rows = rows_of("tickets_task")
    recount([row["id"] for row in rows])
    assert rows_of("tickets_task") == rows

    after = row_counts()
    assert import_issues(project, *document)["tickets"] == {"new": 0, "known": len(document), "changed": 0}
    assert row_counts() == after


fields = st.sampled_from(["id", "title", "dependencies", "labels", "priority", "type", "depends_on_id"])
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | text,
    lambda inner: st.lists(inner) | st.dictionaries(fields, inner),
)


@pytest.mark.full
@bounded
@given(st.binary(max_size=200) | anything)
def test_whatever_the_file_holds_a_refusal_is_in_words(value):
    project, refused = another(), None
    before = row_counts()
    file = io.BytesIO(value) if isinstance(value, bytes) else jsonl(value)
    try:
        interchange.run("beads", file, project=project, by="system:test")
    except OmoiError as error:
        refused = error
    assert refused is None or (refused.message and row_counts() == before)
