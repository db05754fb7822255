"""A file with a fault anywhere: the line or the edge is named, and nothing is imported."""

from __future__ import annotations

import io
import json
import time
import tracemalloc
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from omoi_site.errors import Invalid, Malformed, OmoiError, TooLarge
from tests.support.backlog_files import import_issues, issue, jsonl, row_counts
from tickets import interchange
from tickets.interchange import beads, json_lines
from tickets.interchange.beads import reader
from tickets.models import Cycle, Ticket, UnknownWorkflow
from tickets.models.ticket import inherited_needs

pytestmark = pytest.mark.django_db

GOOD = issue("bd-1")


@pytest.mark.parametrize(
    ("line", "refusal", "words"),
    [
        (b'{"id": "bd-2", "title"', Malformed, "line 2: not JSON"),
        (b"[1, 2]", Malformed, "line 2: not a JSON object"),
        (b"null", Malformed, "line 2: not a JSON object"),
        (b'{"id": "bd-2", "title": "\xff"}', Malformed, "line 2: not UTF-8: byte 0xff at 26"),
        (b'{"id": "bd-2", "title": "a\0b"}', Malformed, "line 2: .*NUL"),
        (b'{"id": "bd-2", "title": "a\\u0000b"}', Invalid, "line 2: title contains a NUL"),
        (b'{"id": "bd-2", "title": "\\ud800"}', Invalid, "line 2: title contains half a surrogate"),
        (b'{"id": "bd-2", "title": "b", "estimate": NaN}', Malformed, "line 2: .*NaN"),
        (
            b'{"id": "bd-2", "title": "b", "x": ' + b"[" * 40 + b"]" * 40 + b"}",
            Malformed,
            "line 2: nested deeper than 32",
        ),
        (
            b'{"id": "bd-2", "title": "b", "x": ' + b"[" * 99_999 + b"]" * 99_999 + b"}",
            Malformed,
            "line 2: nested deeper than 32",
        ),
        (b'{"id": "bd-2", "title": "b", "priority": ' + b"9" * 5000 + b"}", Malformed, "line 2: "),
        ({"title": "No id"}, Invalid, "line 2: id is missing"),
        ({"id": "bd-2"}, Invalid, "line 2: title is missing"),
        ({"id": 2, "title": "b"}, Invalid, "line 2: id must be text"),
        ({"id": "b" * 201, "title": "b"}, Invalid, "line 2: id is longer than 200"),
        (issue("bd-2", description=["b"]), Invalid, "line 2: description must be text"),
        (issue("bd-2", status=1), Invalid, "line 2: status must be text"),
        (issue("bd-2", issue_type="b" * 61), Invalid, "line 2: issue_type is longer than 60"),
        (issue("bd-2", priority="soon"), Invalid, "line 2: priority must be a number from 0 to 4"),
        (issue("bd-2", priority=5), Invalid, "line 2: priority must be"),
        (issue("bd-2", priority=True), Invalid, "line 2: priority must be"),
        (issue("bd-2", labels="ui"), Invalid, "line 2: labels must be a list"),
        (issue("bd-2", labels=["ui", 3]), Invalid, "line 2: label 2 must be text"),
        (issue("bd-2", labels=["b" * 201]), Invalid, "line 2: label 1 is longer than 200"),
        ({"id": "bd-2", "title": "b", "dependencies": {}}, Invalid, None),
        (
            {"id": "bd-2", "title": "b", "dependencies": {"bd-1": "blocks"}},
            Invalid,
            "line 2: dependencies must be a list",
        ),
        (
            {"id": "bd-2", "title": "b", "dependencies": ["bd-1"]},
            Invalid,
            "line 2: dependency 1 must be an object",
        ),
        (
            {"id": "bd-2", "title": "b", "dependencies": [{"type": "blocks"}]},
            Invalid,
            "line 2: dependency 1: depends_on_id is missing",
        ),
        (
            {"id": "bd-2", "title": "b", "dependencies": [{"depends_on_id": "bd-1"}]},
            Invalid,
            "line 2: dependency 1: type is missing",
        ),
        (
            {
                "id": "bd-2",
                "title": "b",
                "dependencies": [{"issue_id": "bd-7", "depends_on_id": "bd-1", "type": "blocks"}],
            },
            Invalid,
            "line 2: dependency 1 is one of bd-7",
        ),
        (issue("bd-2", ("b" * 41, "bd-1")), Invalid, "line 2: dependency 1: type is longer than 40"),
        (issue("bd-1"), Invalid, "line 2: the id bd-1 is also used in line 1"),
    ],
)
def test_a_faulty_line_is_named(project, line, refusal, words):
    if words is None:
        assert (
            import_issues(project, GOOD, line)["tickets"]["new"] == 2
        )  # an empty value says nothing, whatever its type
        return
    before = row_counts()
    with pytest.raises(refusal, match=words) as refused:
        import_issues(project, GOOD, line, issue("bd-3"))
    assert refused.value.more["errors"][0]["field"] == "line 2"
    assert row_counts() == before


def test_every_fault_is_told_at_once(project):
    with pytest.raises(Invalid) as refused:
        import_issues(project, {"id": "bd-1"}, issue("bd-2"), issue("bd-3", priority=9), b"{")
    assert [error["field"] for error in refused.value.more["errors"]] == ["line 1", "line 3", "line 4"]


def test_a_file_of_nothing_but_faults_ends_early(project):
    with pytest.raises(Invalid, match=r"and 495 more$") as refused:
        import_issues(project, *[{"id": "bd-1"}] * 500)
    assert (len(refused.value.more["errors"]), refused.value.more["more_errors"]) == (100, 400)
    with pytest.raises(Invalid, match="and 9995 more, and the rest was not read"):
        import_issues(project, *[{"id": "bd-1"}] * 2 * json_lines.COUNTED)


def test_a_file_that_is_no_export_is_refused_after_its_first_lines(project, monkeypatch):
    read = []
    parsed = json_lines.parsed
    monkeypatch.setattr(json_lines, "parsed", lambda line: read.append(line) or parsed(line))
    with pytest.raises(Malformed, match="not a beads export: none of its first lines is a JSON") as refused:
        import_issues(project, *[b"# A text", b""] * 250)
    assert [error["field"] for error in refused.value.more["errors"]] == ["line 1", "line 3", "line 5"]
    assert str(refused.value).endswith(f"and {refused.value.more['more_errors']} more")
    assert refused.value.more["more_errors"] > 450
    assert len(read) < 25


def test_of_lines_that_are_not_json_three_are_listed(project):
    with pytest.raises(Malformed, match=r"and 497 more$") as refused:
        import_issues(project, issue("bd-1"), *[b"no JSON"] * 500)
    assert len(refused.value.more["errors"]) == 3


@pytest.mark.parametrize(
    ("edges", "named"),
    [
        (
            [("bd-1", "blocks", "bd-2"), ("bd-2", "blocks", "bd-3"), ("bd-3", "blocks", "bd-1")],
            {"bd-1", "bd-2", "bd-3"},
        ),
        ([("bd-1", "blocks", "bd-1")], {"bd-1"}),
        (
            [("bd-1", "parent-child", "bd-2"), ("bd-2", "parent-child", "bd-1"), ("bd-3", "blocks", "bd-1")],
            {"bd-1", "bd-2"},
        ),
        ([("bd-3", "parent-child", "bd-3")], {"bd-3"}),
    ],
)
def test_a_cycle_is_named_by_its_issues(project, edges, named):
    before = row_counts()
    with pytest.raises(Cycle) as refused:
        import_issues(
            project,
            *(
                issue(name, *[(kind, to) for one, kind, to in edges if one == name])
                for name in ("bd-1", "bd-2", "bd-3")
            ),
        )
    assert set(refused.value.more["cycle"]) == named
    assert all(name in refused.value.message for name in named)
    assert row_counts() == before


def test_blocking_one_s_own_parent_is_no_cycle(project):
    import_issues(project, issue("bd-1", ("parent-child", "bd-2")), issue("bd-2", ("blocks", "bd-1")))
    assert Ticket.objects.count() == 2


@pytest.mark.parametrize("text", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(project, text):
    with pytest.raises(Malformed, match="contains no issue"):
        interchange.run("beads", io.BytesIO(text), project=project, by="system:test")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_another_encoding_is_named(project, encoding):
    text = json.dumps(issue("bd-1", title="Ärger"), ensure_ascii=False) + "\n"
    with pytest.raises(Malformed, match=r"line 1: (the text is UTF-16|it contains a NUL|not UTF-8)"):
        interchange.run("beads", io.BytesIO(text.encode(encoding)), project=project, by="system:test")
    assert not Ticket.objects.exists()


class Endless(io.RawIOBase):
    """A stream without end, made as it is read."""

    def __init__(self, line: bytes) -> None:
        self.line, self.lines, self.given = line, 0, 0

    def readline(self, size: int = -1) -> bytes:
        self.lines += 1
        line = self.line.replace(b"?", b"%d" % self.lines)[:size]
        self.given += len(line)
        return line


@pytest.mark.parametrize(
    "line",
    [b'{"id": "bd-?", "title": "' + b"x" * 400_000 + b'"}\n', b" " * (60 << 20), b" " * 100_000 + b"\n"],
)
def test_a_stream_over_50_mib_is_refused_where_it_passes_the_limit(project, line):
    file = Endless(line)
    with pytest.raises(TooLarge, match="50 MiB"):
        interchange.run("beads", file, project=project, by="system:test")
    assert file.given == json_lines.LIMIT + 1
    assert not Ticket.objects.exists()


def test_a_file_over_50_mib_is_refused_unread(project, tmp_path):
    large = tmp_path / "issues.jsonl"
    with large.open("wb") as file:
        file.write(json.dumps(GOOD).encode() + b"\n")
        file.truncate(60_000_000)
    with large.open("rb") as file, pytest.raises(TooLarge, match="50 MiB"):
        interchange.run("beads", file, project=project, by="system:test")


def test_more_issues_than_one_transaction_should_hold_are_refused(project, monkeypatch):
    monkeypatch.setattr(reader, "MOST", 2)
    with pytest.raises(Invalid, match="line 3: more than 2 issues: split the file"):
        import_issues(project, issue("bd-1"), issue("bd-2"), issue("bd-3"))
    with pytest.raises(Invalid, match="line 1: more than 20 dependencies: split the file"):
        import_issues(project, issue("bd-1", *[("blocks", f"bd-{n}") for n in range(2, 23)]))


def test_a_long_title_is_cut_and_kept_whole(project):
    report = import_issues(project, issue("bd-1", title="long " * 80, description="More."))

    ticket = Ticket.objects.get()
    assert len(ticket.title) == 300
    assert ticket.description == ("long " * 80).strip() + "\n\nMore."
    assert any("line 1" in warning for warning in report["warnings"])
    assert import_issues(project, issue("bd-1", title="long " * 80, description="More."))["tickets"] == {
        "new": 0,
        "known": 1,
        "changed": 0,
    }


def test_deleted_issues_are_left_out_with_their_edges(project):
    report = import_issues(
        project, issue("bd-1", ("blocks", "bd-2")), issue("bd-2", ("blocks", "bd-1"), status="tombstone")
    )

    assert (report["tickets"]["new"], report["needs"], report["skipped"]["by_kind"]) == (1, 0, {"blocks": 1})
    assert any("tombstone" in warning for warning in report["warnings"])


def test_what_is_not_taken_over_is_told(project):
    report = import_issues(
        project, issue("bd-1", sender="gt", estimated_minutes=5, notes=None), issue("bd-2", sender="")
    )
    assert report["left_out"] == {"sender": 1, "estimated_minutes": 1}


def test_an_unknown_format_and_an_unknown_workflow_are_refused(project):
    with pytest.raises(Invalid, match="formats: beads"):
        interchange.run("jira", jsonl(GOOD), project=project, by="system:test")
    with pytest.raises(UnknownWorkflow):
        import_issues(project, GOOD, workflow="nowhere")


def test_a_fault_of_a_file_is_a_refusal_clients_can_read(project):
    with pytest.raises(OmoiError) as refused:
        import_issues(project, b"{")
    assert (refused.value.code, refused.value.status) == ("malformed", 400)


@pytest.mark.parametrize(
    ("wrong", "unusable"),
    [
        ({"dependencies": [{"type": "blocks", "depends_on_id": "a\0b"}]}, 1),
        ({"dependencies": [{"type": "blocks", "depends_on_id": "\ud800"}]}, 1),
        ({"dependencies": [{"type": "blocks", "depends_on_id": "x" * 300}]}, 1),
        ({"dependencies": [{"type": "waits-for\0", "depends_on_id": "bd-2"}, 7]}, 2),
        ({"dependencies": {"bd-2": "blocks"}}, 1),
        ({"id": "\ud800", "dependencies": [{"type": "blocks", "depends_on_id": "bd-2"}]}, 1),
        ({"id": "m\0", "dependencies": [{"type": "waits-for", "depends_on_id": "bd-2"}]}, 1),
        ({"id": 7}, 0),
        ({"_type": "\ud800\0"}, 0),
        ({"sender\ud800\0": 1, "dependencies": None}, 0),
    ],
)
def test_rows_that_are_no_work_may_hold_anything(project, wrong, unusable):
    """Their edges are taken over by issues below them."""
    rows = (
        {**issue("m", ("waits-for", "bd-2"), issue_type="molecule"), **wrong},
        issue("bd-1", ("parent-child", "m")),
        issue("bd-2", **{"odd\ud800\0": 1}),
    )
    report = import_issues(project, *rows)

    assert report["tickets"]["new"] == 2
    assert sum(
        "cannot be stored" in warning and f": {unusable}" in warning for warning in report["warnings"]
    ) == bool(unusable)
    json.dumps(report, ensure_ascii=False).encode()
    assert report["left_out"] == {r"odd\ud800\x00": 1}


def grow(rows: int, **edges: Any) -> list[dict[str, Any]]:
    return [issue(f"{name}{n}", *own) for name, own in edges.items() for n in range(rows)]


def molecule(name: str, *edges: tuple[str, str]) -> dict[str, Any]:
    return issue(name, *edges, issue_type="molecule")


def waits_of_one_molecule() -> list[dict[str, Any]]:
    blockers = [("blocks", f"b{n}") for n in range(3000)]
    return [molecule("m", *blockers), *grow(3000, b=[], c=[("parent-child", "m")])]


def waiters_of_one_molecule() -> list[dict[str, Any]]:
    return [molecule("m"), *grow(3000, w=[("waits-for", "m")], c=[("parent-child", "m")])]


def a_chain_of_molecules() -> list[dict[str, Any]]:
    chain = [molecule(f"m{n}", ("parent-child", f"m{n + 1}"), ("blocks", f"b{n}")) for n in range(3000)]
    return [*chain, *grow(3000, b=[], c=[("parent-child", "m0")])]


def links_of_one_molecule() -> list[dict[str, Any]]:
    others = [("waits-for", f"b{n}") for n in range(3000)]
    return [molecule("m", *others), *grow(3000, b=[], c=[("parent-child", "m")])]


@pytest.mark.full
@pytest.mark.parametrize(
    "rows",
    [
        waits_of_one_molecule,
        pytest.param(waiters_of_one_molecule, marks=pytest.mark.full),
        pytest.param(a_chain_of_molecules, marks=pytest.mark.full),
        pytest.param(links_of_one_molecule, marks=pytest.mark.full),
    ],
)
def test_a_small_file_that_would_grow_is_refused_early(rows):
    file = jsonl(*rows())
    began = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge, match="waits follow from rows that are not work"):
            beads.read(file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 150 * 2**20
    assert time.process_time() - began < 10  # traced, which takes several times as long


def test_what_takes_no_steps_is_cheap_however_long_the_chain(project):
    chain = [molecule(f"m{n}", ("parent-child", f"m{n + 1}")) for n in range(5000)]
    gated = [molecule(f"g{n}", ("parent-child", "m1")) for n in range(2000)]
    waiting = grow(2000, w=[("waits-for", "m1")], c=[("parent-child", "m0")])
    file = jsonl(*chain, *gated, *waiting)
    began = time.process_time()
    sheet = beads.read(file)
    assert time.process_time() - began < 5
    assert sheet.items["w7"].pause == "beads: blocked by the molecule m0"


def test_tickets_that_would_wait_for_too_many_children_are_refused(project, monkeypatch):
    monkeypatch.setattr(inherited_needs, "MOST", 100)
    family = [issue("p"), *grow(11, w=[("waits-for", "p")], c=[("parent-child", "p")])]
    before = row_counts()
    with (
        CaptureQueriesContext(connection) as queries,
        pytest.raises(TooLarge, match="more than 100 waits"),
    ):
        import_issues(project, *family)
    assert row_counts() == before
    assert any("LIMIT 101" in query["sql"] for query in queries)
    monkeypatch.setattr(inherited_needs, "MOST", 121)
    assert import_issues(project, *family)["needs"] == 121


def test_rows_that_are_no_work_count_too(project, monkeypatch):
    monkeypatch.setattr(reader, "MOST", 2)
    with pytest.raises(Invalid, match="line 3: more than 2 issues and other rows: split the file"):
        import_issues(project, issue("bd-1"), molecule("m"), molecule("n"))
    with pytest.raises(Invalid, match="line 3: more than 2 issues: split the file"):
        import_issues(project, molecule("m"), molecule("n"), issue("bd-1"))
    with pytest.raises(Invalid, match="line 1: more than 20 dependencies: split the file"):
        import_issues(project, molecule("m", *[("blocks", f"bd-{n}") for n in range(21)]))
