"""The pages of artifacts: what one holds and where it comes from, its revisions, and what differs between
two.
"""

from __future__ import annotations

import re
import struct
import zlib
from io import BytesIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import submit
from tests.support import reports
from tests.support.html import squeeze
from tickets.models import Artifact, NewArtifact, Task, Ticket, TicketSpec
from tickets.pages.previews import diff

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    return client


def address(artifact) -> str:
    return f"/tickets/{artifact.ticket.key}/artifacts/{artifact.pk}/"


def shown(page, where, status=200) -> str:
    answer = page.get(where)
    assert answer.status_code == status
    return squeeze(answer.content.decode())


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_it_says_what_is_in_it_and_where_it_comes_from(page, ticket, task, ada):
    [claim] = Task.objects.claim(by=ada)
    new = NewArtifact("notes", BytesIO(b"first\nsecond <b>\n"), path="docs/notes.txt", commit="4f2a91c7d0")
    artifact = Artifact.objects.submit(ticket, new, by=ada, task=task, fence=claim.fence)

    text = shown(page, address(artifact))

    assert "first\nsecond &lt;b&gt;" in page.get(address(artifact)).content.decode()
    told = words(text)
    for fact in (
        "ada",
        "4f2a91c7d0",
        "docs/notes.txt",
        artifact.hash,
        task.key,
        f"under claim {claim.fence}",
    ):
        assert fact in told
    assert f'href="/api/v1/tickets/{ticket.key}/artifacts/{artifact.pk}/content"' in text


@pytest.mark.parametrize(
    ("content", "seen", "unseen"),
    [
        (b"", "0 bytes", "code-text"),
        (b"\x00\x01\x02", "No preview", "code-text"),
        ("ä\u202eb\x1b[31mred\x1b[0m\x07".encode(), "ä⟦U+202E⟧bred⟦U+0007⟧", "\u202e"),
        (b"caf\xe9", "It is not UTF-8 (byte 3)", "No preview"),
        ("\ufeffBOM".encode(), "BOM", "U+FEFF"),
        ("wide".encode("utf-16"), "It is UTF-16", "No preview"),
        (b"x" * (10 << 20), "Only its beginning is shown", "x" * 3_000),
        (b"a\n" * 100_000, "Only its beginning is shown: 2000 lines", "2001"),
        (("ä" * (1 << 20)).encode(), "Only its", "UTF-8 ("),
    ],
    ids=["empty", "binary", "invisible", "latin1", "bom", "utf-16", "one line", "many lines", "cut inside"],
)
def test_any_content_is_shown_bounded_and_as_text(page, ticket, operator, content, seen, unseen):
    artifact = submit(ticket, "notes", content, by=operator)
    answer = page.get(address(artifact))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert seen in text
    assert unseen not in text
    assert len(text) < 1 << 20


def test_revisions_are_listed_and_compared(page, ticket, operator):
    old = submit(ticket, "notes", b"one\ntwo\nthree\n", by=operator, commit="aaaaaaa")
    new = submit(ticket, "notes", b"one\n2\nthree\nfour\n", by=operator, commit="bbbbbbb")

    assert f"/artifacts/{new.pk}/" in shown(page, address(old))
    assert "not the newest revision" in words(shown(page, address(old)))
    assert "not the newest revision" not in words(shown(page, address(new)))
    text = shown(page, f"{address(new)}compare/")
    rows = re.findall(r'<tr class="(\w+)">.*?<span class="mark">.?</span>(.*?)</td>', text)
    assert rows == [
        ("same", "one"),
        ("removed", "two"),
        ("added", "2"),
        ("same", "three"),
        ("added", "four"),
    ]
    assert "2 added" in text
    assert "1 removed" in text
    assert shown(page, f"{address(old)}compare/?with={new.pk}").count('class="added"') == 1


def test_equal_and_binary_revisions_say_so(page, ticket, operator):
    first = submit(ticket, "notes", b"x\n", by=operator, commit="aaaaaaa")
    again = submit(ticket, "notes", b"x\n", by=operator, commit="bbbbbbb")
    binary = submit(ticket, "notes", b"\x00", by=operator)
    crlf = submit(ticket, "notes", b"x\r\n", by=operator)

    assert "They name different commits" in shown(page, f"{address(again)}compare/")
    assert "their lines cannot be compared" in shown(page, f"{address(binary)}compare/")
    assert "No line differs" in shown(page, f"{address(crlf)}compare/?with={first.pk}")


def test_texts_made_to_be_slow_are_compared_in_bounded_time(page, ticket, operator):
    old = submit(ticket, "notes", b"q\n" + b"a\nb\n" * 40_000, by=operator)
    new = submit(ticket, "notes", b"b\na\n" * 50_000 + b"z\n", by=operator)
    text = shown(page, f"{address(new)}compare/?with={old.pk}")
    assert "only their beginnings are compared" in text


def test_what_a_comparison_has_no_time_for_counts_as_replaced(monkeypatch):
    old, new = ["first", *"axbycz", "last"], ["first", *"uavbwc", "last"]
    assert "b" in [line.text for line in diff.compared(old, new) if line.mark == " "]
    monkeypatch.setattr(diff, "SECONDS", -1)

    lines = diff.compared(old, new)

    assert [line.text for line in lines if line.mark == " "] == ["first", "last"]
    assert [line.text for line in lines if line.mark != "+"] == old
    assert [line.text for line in lines if line.mark != "-"] == new


def test_only_artifacts_of_the_ticket_are_found(page, client, ticket, project, operator, django_user_model):
    other = Ticket.objects.open(project, TicketSpec("Other"), by=operator)
    artifact, foreign = (submit(each, "notes", b"x", by=operator) for each in (ticket, other))
    for where in (
        f"/tickets/{ticket.key}/artifacts/{foreign.pk}/",
        f"{address(artifact)}compare/",
        f"{address(artifact)}compare/?with={foreign.pk}",
        f"{address(artifact)}compare/?with=x",
        f"/tickets/{ticket.key}/artifacts/{'9' * 30}/",
    ):
        shown(page, where, 404)
    client.force_login(django_user_model.objects.create_user("eve"))
    shown(client, address(artifact), 404)


def test_its_live_part_reads_no_content(page, ticket, operator):
    artifact = submit(ticket, "notes", b"x" * (3 << 20), by=operator)
    with CaptureQueriesContext(connection) as asked:
        answer = page.get(address(artifact), headers={"HX-Request": "true"})
    assert answer.content.decode().lstrip().startswith('<aside class="stack" id="artifact-part"')
    assert not [query for query in asked if "tickets_chunk" in query["sql"]]


def test_a_page_takes_as_many_statements_for_50_revisions_as_for_one(page, ticket, operator):
    one = submit(ticket, "notes", b"x", by=operator, name="one")
    for number in range(50):
        many = submit(ticket, "notes", f"{number}".encode(), by=operator, name="many")
    counts = []
    for artifact in (one, one, many):
        with CaptureQueriesContext(connection) as asked:
            shown(page, address(artifact))
        counts.append(len(asked))
    assert counts[1] == counts[2]


def png(width: int, height: int) -> bytes:
    """A PNG whose head claims that size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * min(3 * width * height + height, 10_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


MARKDOWN = """# Scope

Pay **once**. [docs](https://example.org/a?b=1&c=2) [here](/logout/)
[there](http:/logout/) [then](https:logout) [bad](javascript:alert(1))
![tracker](https://example.org/x.png) <script>alert(1)</script> <img src=x onerror=alert(1)>

| a | b |
|---|---|
| 1 | 2 |
"""
DIFF = """diff --git a/pay.py b/pay.py
--- a/pay.py
+++ b/pay.py
@@ -7,3 +7,3 @@ def pay():
 same
---- gone
+new <b>
 same
"""


def test_markdown_is_drawn_and_can_do_nothing(page, ticket, operator):
    artifact = submit(ticket, "requirements_document", MARKDOWN.encode(), by=operator)
    drawn = page.get(address(artifact)).content.decode()
    body = drawn[drawn.index('class="padded prose rendered"') : drawn.index("artifact-part")]

    for part in ("<h3>Scope</h3>", "<strong>once</strong>", "<td>1</td>", "&lt;script&gt;", "&lt;img src=x"):
        assert part in body
    assert re.findall(r"href=\"([^\"]*)\"", body) == [
        "https://example.org/a?b=1&amp;c=2",
        "https://example.org/x.png",
    ]
    for part in (
        "<script",
        "<img",
        "javascript:alert(1)&quot;",
        'href="/logout',
        'href="http:/',
        'href="https:l',
    ):
        assert part not in body
    assert "# Scope" in page.get(f"{address(artifact)}?view=source").content.decode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[" * 100_000, "too complex"),
        ("> " * 40 + "hidden deep", "too complex"),
        ("word " * 100_000, "too long to be drawn"),
    ],
)
def test_markdown_made_to_be_slow_or_to_hide_is_shown_as_text(page, ticket, operator, content, said):
    artifact = submit(ticket, "notes", content.encode(), by=operator)
    text = shown(page, address(artifact))
    assert said in text
    assert 'class="code-text"' in text


def test_a_diff_is_drawn_with_its_numbers(page, ticket, operator):
    text = shown(page, address(submit(ticket, "patch", DIFF.encode(), by=operator)))
    rows = re.findall(
        r'<tr class="(\w+)">.*?data-number="(\d*)".*?data-number="(\d*)".*?<span class="mark">.?</span>'
        r"(.*?)</td>",
        text,
    )
    assert rows[3:] == [
        ("gap", "", "", "@@ -7,3 +7,3 @@ def pay():"),
        ("same", "7", "7", "same"),
        ("removed", "8", "", "--- gone"),
        ("added", "", "8", "new &lt;b&gt;"),
        ("same", "9", "9", "same"),
    ]


def test_reports_are_drawn_as_the_checks_read_them(page, ticket, operator):
    junit = (
        '<testsuite tests="4"><testcase classname="a" name="b\u202ec"><failure/></testcase>'
        + "<testcase/>" * 3
    )
    run = submit(ticket, "run", f"{junit}</testsuite>".encode(), by=operator, name="junit.xml")
    lines = submit(ticket, "test_coverage", reports.cobertura(3, 1), by=operator)
    failed, coverage = (words(shown(page, address(report))) for report in (run, lines))
    assert "1 failed 4 tests" in failed
    assert "a::b⟦U+202E⟧c" in failed
    assert "75.0 % 3 of 4 lines" in coverage


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><testsuite tests="1">&b;</testsuite>'


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        ("test_results", BOMB, "declares a document type"),
        ("test_results", b"<testsuite", "It cannot be read as a report"),
        ("test_results", b"{}", "It cannot be read as a report"),
        ("test_coverage", b"<coverage/>", "it has no lines of code"),
        ("test_results", b"<testsuite>" + b"<a>" * 4_000_000, "code-text"),
    ],
)
def test_a_report_that_cannot_be_read_is_shown_as_text_and_says_why(
    page, ticket, operator, kind, content, said
):
    text = shown(page, address(submit(ticket, kind, content, by=operator)))
    assert said in text
    assert 'class="code-text"' in text
    assert len(text) < 1 << 20


def test_a_picture_is_shown_under_the_type_of_its_content_and_cannot_act(page, ticket, operator):
    artifact = submit(ticket, "shot", png(3, 2), by=operator, name="shot.html")
    assert 'width="3" height="2" alt="Picture shot.html"' in shown(page, address(artifact))
    answer = page.get(f"{address(artifact)}picture/")
    assert (answer["Content-Type"], answer.content) == ("image/png", png(3, 2))
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
            "&lt;script&gt;alert(1)",
        ),
        (b"\x89PNG\r\n\x1a\n<script>alert(1)</script>", "cannot be read as one"),
        (png(3, 2)[:30], "cannot be read as one"),
        (png(100_000, 100_000), "too large to show"),
        (png(10_000, 5_000), "too large to show: 10000 × 5000"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 5_000, "cannot be read as one"),
        (b"GIF89a is how this text begins", "cannot be read as one"),
    ],
    ids=["svg", "text as png", "cut", "huge", "large", "jpeg", "gif"],
)
def test_what_is_no_picture_is_never_sent_as_one(page, ticket, operator, content, said):
    artifact = submit(ticket, "shot", content, by=operator, name="shot.png")
    text = shown(page, address(artifact))
    assert said in text
    assert "<img" not in text
    shown(page, f"{address(artifact)}picture/", 404)


def test_the_ticket_page_shows_a_preview_where_the_address_asks_for_one(page, ticket, operator):
    small = submit(ticket, "log", b"all is well", by=operator, name="small")
    large = submit(ticket, "log", b"x" * (1 << 20) + b"y", by=operator, name="large")
    where = f"/tickets/{ticket.key}/"

    text = shown(page, where)
    assert f'href="?preview={small.pk}#artifact-{small.pk}"' in text
    assert "all is well" not in text
    opened = shown(page, f"{where}?preview={small.pk}")
    assert "all is well" in opened
    assert f'href="{where}#artifact-{small.pk}"' in opened
    assert "It is large" in shown(page, f"{where}?preview={large.pk}")
    for nonsense in ("0", "x", "9" * 30):
        assert "artifact-preview" not in shown(page, f"{where}?preview={nonsense}")
