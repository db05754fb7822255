"""The pages of artifacts: what one holds and where it comes from, its revisions, and what differs between
two.
"""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import submit
from tests.support.html import squeeze
from tickets.models import NewArtifact, Task, Ticket, TicketSpec

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
    from io import BytesIO

    from tickets.models import Artifact

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
    assert "no lines can be compared" in shown(page, f"{address(binary)}compare/")
    assert "No line differs" in shown(page, f"{address(crlf)}compare/?with={first.pk}")


def test_texts_made_to_be_slow_are_compared_in_bounded_time(page, ticket, operator):
    old = submit(ticket, "notes", b"q\n" + b"a\nb\n" * 40_000, by=operator)
    new = submit(ticket, "notes", b"b\na\n" * 50_000 + b"z\n", by=operator)
    text = shown(page, f"{address(new)}compare/?with={old.pk}")
    assert "only their beginnings are compared" in text


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
