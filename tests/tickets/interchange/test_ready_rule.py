"""What beads offers, and nothing else, is offered here: whatever holds an issue, itself, its parents, or rows
that are not work.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.factories import complete
from tests.support.backlog_files import import_issues, issue
from tests.tickets.interchange.beads_rule import Rule
from tests.tickets.interchange.test_documents import another, bounded
from tickets.models import Need, Task

pytestmark = pytest.mark.django_db

LATER = "2036-01-01T00:00:00Z"
ANY = json.dumps({"gate": "any-children"})
CYCLES = "would form a cycle, left out"


def waits_for_any(*names: str) -> dict[str, Any]:
    return {"dependencies": [{"type": "waits-for", "depends_on_id": name, "metadata": ANY} for name in names]}


def ready(project: Any) -> set[str]:
    return set(Task.objects.ready().filter(project=project).values_list("ticket__source_id", flat=True))


@st.composite
def files(draw: Any) -> list[dict[str, Any]]:
    """Edges lead to earlier issues, so that nothing goes round but what `waits-for` may close."""
    names = [f"bd-{n}" for n in range(draw(st.integers(2, 9)))]
    kinds = st.sampled_from(
        ["blocks", "conditional-blocks", "waits-for", "parent-child", "parent-child", "related"]
    )
    found = []
    for place, name in enumerate(names):
        earlier = st.sampled_from([*names[:place], "bd-gone"])
        edges = draw(st.lists(st.tuples(kinds, earlier), max_size=3, unique_by=lambda edge: edge[1]))
        row = issue(
            name,
            *edges,
            status=draw(
                st.sampled_from(
                    ["open", "open", "open", "closed", "pinned", "in_progress", "blocked", "deferred"]
                )
            ),
            issue_type=draw(
                st.sampled_from(["task", "task", "task", "epic", "gate", "molecule", "merge-request"])
            ),
            **draw(
                st.sampled_from(
                    [
                        {},
                        {},
                        {},
                        {"defer_until": LATER},
                        {"defer_until": "2020-01-01T00:00:00Z"},
                        {"pinned": True},
                    ]
                )
            ),
        )
        if draw(st.booleans()):
            row["dependencies"] = [{**edge, "metadata": ANY} for edge in row["dependencies"]]
        found.append(row)
    return found


@bounded
@given(files())
@example([issue("b"), issue("a", ("blocks", "b"), status="closed"), issue("c", ("parent-child", "a"))])
@example(
    [
        issue("g", issue_type="gate"),
        issue("p", ("blocks", "g")),
        issue("c", ("parent-child", "p")),
        issue("d", ("parent-child", "c")),
    ]
)
@example([issue("a"), issue("m", ("blocks", "a"), issue_type="molecule"), issue("c", ("parent-child", "m"))])
@example(
    [issue("p", defer_until=LATER), issue("c", ("parent-child", "p")), issue("d", ("parent-child", "c"))]
)
@example([issue("m", issue_type="molecule", defer_until=LATER), issue("c", ("parent-child", "m"))])
@example([issue("a", status="pinned"), issue("b", ("blocks", "a"))])
@example([issue("b"), issue("a", ("blocks", "b"), status="pinned"), issue("c", ("parent-child", "a"))])
@example(
    [
        issue("p", status="in_progress"),
        issue("q", status="blocked"),
        issue("c", ("parent-child", "p")),
        issue("d", ("parent-child", "q")),
    ]
)
@example(
    [
        issue("p"),
        issue("c", ("parent-child", "p")),
        issue("w", ("waits-for", "p")),
        issue("v", ("parent-child", "w")),
    ]
)
@example(
    [
        issue("p"),
        issue("c", ("parent-child", "p"), status="closed"),
        issue("d", ("parent-child", "p")),
        issue("w") | waits_for_any("p"),
    ]
)
@example(
    [
        issue("b"),
        issue("p"),
        issue("q", ("blocks", "b")),
        issue("c", ("parent-child", "p"), ("parent-child", "q")),
    ]
)
@example(
    [issue("m", issue_type="molecule"), issue("c", ("parent-child", "m")), issue("w", ("waits-for", "m"))]
)
@example([issue("p"), issue("g", ("parent-child", "p"), issue_type="gate"), issue("w", ("waits-for", "p"))])
@example(
    [
        issue("p"),
        issue("g", ("parent-child", "p"), issue_type="gate", status="closed"),
        issue("d", ("parent-child", "p")),
        issue("w") | waits_for_any("p"),
    ]
)
@example([issue("a"), issue("b", ("conditional-blocks", "a")), issue("b.1"), issue("b.1.2")])
@example([issue("w", ("waits-for", "gone")), issue("g", ("parent-child", "gone"), issue_type="gate")])
@pytest.mark.full
def test_what_is_ready_here_is_what_beads_would_offer(file):
    project = another()
    report = import_issues(project, *file)
    assume(not any(CYCLES in warning for warning in report["warnings"]))

    assert ready(project) == Rule(file).ready()
    assert import_issues(project, *file)["needs"] == 0


def test_a_wait_for_a_child_that_waits_itself_is_left_out_and_reported(project):
    waiting = issue("b", ("waits-for", "a"))
    report = import_issues(project, issue("a"), waiting, issue("c", ("blocks", "b"), ("parent-child", "a")))
    assert [CYCLES in warning for warning in report["warnings"]] == [True]
    assert ready(project) == {"a", "b"}


@pytest.mark.parametrize(("kind", "free"), [("blocks", set()), ("conditional-blocks", {"b"})])
def test_a_conditional_blocker_may_end_in_any_way(project, kind, free):
    import_issues(project, issue("a"), issue("b", (kind, "a")))
    assert ready(project) == {"a"}
    Task.objects.filter(ticket__source_id="a").cancel(by="system:test", reason="not wanted any more")
    assert ready(project) == free


def test_children_wait_for_what_their_parent_waits_for_and_are_free_with_it(project, ada):
    import_issues(project, issue("b"), issue("p", ("blocks", "b")), issue("p.1"), issue("p.1.1"))
    assert ready(project) == {"b"}
    assert Need.objects.filter(parent__ticket__source_id="b").count() == 3

    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    assert ready(project) == {"p", "p.1", "p.1.1"}
