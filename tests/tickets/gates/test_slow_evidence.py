"""The cost of reading evidence is bounded, delays only its own ticket, and affects no other ticket's gate."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import allow_workflow, submit, work_off
from tests.support import reports
from tests.support.concurrency import race
from tickets.gates import evidence, time_limit
from tickets.gates.evidence import bounded_xml, documents, markdown
from tickets.models import Ticket, TicketSpec
from tickets.models.gate.status import gate

LARGEST = bounded_xml.LARGEST - 1_000
SUITE = b"<testsuite>"
CLASSES = b'<coverage lines-valid="1" lines-covered="1"><packages><package><classes>'
MANY_CASES = SUITE + b"<testcase/>" * 390_000 + b"</testsuite>"


def numbered(pattern: bytes, count: int) -> bytes:
    return b"".join(pattern % number for number in range(1, count + 1))


def filled(head: bytes, part: bytes) -> bytes:
    return head + part * ((LARGEST - len(head)) // len(part))


# Made when they are read: each worker imports this file.
JUNIT = {
    "test cases": lambda: MANY_CASES,
    "more elements than are read": lambda: filled(SUITE, b"<testcase/>"),
    "deep": lambda: filled(b"", SUITE),
    "a tag without end": lambda: filled(b'<testsuite a="', b"x"),
    "attributes without end": lambda: b"<testsuite " + numbered(b'a%d="" ', 700_000),
    "many attributes": lambda: SUITE + (b"<testcase " + numbered(b'a%d="" ', 9_000) + b"/>") * 80,
    "namespaces": lambda: b"<testsuite " + numbered(b'xmlns:a%d="u" ', 60_000) + b">",
    "references": lambda: filled(SUITE + b"<system-out>", b"&#65;"),
    "large values": lambda: SUITE + (b'<testcase a="' + b"&#65;" * 200_000 + b'"/>') * 9,
    "a comment without end": lambda: filled(SUITE + b"<!--", b"-x"),
    "comments": lambda: filled(SUITE, b"<!---->"),
    "instructions": lambda: filled(SUITE, b"<?a?>"),
    "sections of text": lambda: filled(SUITE + b"<system-out>", b"<![CDATA[]]>"),
    "line ends": lambda: filled(SUITE + b"<system-out>", b"\n"),
    "an encoding read letter by letter": lambda: b"<?xml version='1.0' encoding='cp1252'?>" + MANY_CASES,
    "entities": lambda: b"<!DOCTYPE x [" + numbered(b'<!ENTITY a%d "aaaaaaaaaaaaaaaa">', 9) + b"]>" + SUITE,
}
COBERTURA = {
    "lines": lambda: (
        CLASSES + b'<class filename="a"><lines>' + numbered(b'<line number="%d" hits="1"/>', 300_000)
    ),
    "files": lambda: (
        CLASSES
        + numbered(b'<class filename="%d"><lines><line number="1" hits="1"/></lines></class>', 130_000)
    ),
    "long names": lambda: (
        CLASSES + (b'<class filename="' + b"a/../" * 200_000 + b'b"><lines></lines></class>') * 9
    ),
    "entities": lambda: (
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaa">'
        + numbered(b'<!ENTITY b%d "&a;&a;&a;">', 9)
        + b"]><coverage>&b9;</coverage>"
    ),
}
K = documents.LONGEST
MARKDOWN = {
    "items": lambda: b"- a\n" * (K // 4),
    "numbered items": lambda: b"1. a\n" * (K // 5),
    "items of two paragraphs": lambda: b"- a\n\n  b\n" * (K // 9),
    "mixed": lambda: b"> - > - > - > - a\n" * (K // 18),
    "steps": lambda: b"\n".join(b"  " * step + b"- a" for step in range(500)),
    "short lines": lambda: b"a\n" * (K // 2),
    "a table": lambda: b"|a|b|\n|-|-|\n" + b"|a|b|\n" * (K // 6 - 3),
    "headings": lambda: b"# a\n" * (K // 4),
    "quotes": lambda: (b"> " * 120 + b"a\n") * (K // 242),
    "blanks": lambda: b" \xe2\x80\x8b" * (K // 4),
    "tags": lambda: b"a<b>" * (K // 4),
    "tags without end": lambda: b"<a" * (K // 2),
    "values without end": lambda: b"a<a '" * (K // 10) + b'<a "' * (K // 10),
    "comments without end": lambda: b"a<!--" * (K // 5),
    "instructions without end": lambda: b"a<?" * (K // 3),
    "declarations without end": lambda: b"a<!X" * (K // 4),
    "backticks": lambda: b"".join(b"`" * run + b" " for run in range(700)),
    "code": lambda: b"`` ` " * (K // 5),
    "brackets": lambda: b"[" * (K - 1),
    "images": lambda: b"![" * (K // 2),
    "links": lambda: b"[](" * (K // 3),
    "definitions": lambda: b"[x]: a\n" * (K // 7),
    "hidden": lambda: b"<div hidden>\n\n" * (K // 14),
}
JSON = {
    "lists": lambda: b"[" + b"[]," * 349_000 + b"0]",
    "deep": lambda: b"[" * (1 << 20),
    "files": lambda: b'{"commit":"4f2a91c","files":[' + b'"",' * 349_000 + b'""]}',
    "folders": lambda: b'{"commit":"4f2a91c","files":["' + b"a/" * 500_000 + b'"]}',
}
SLOW = [  # the first for each reader, and the others in the full run
    pytest.param(read, made, id=f"{read.__name__}-{name}", marks=pytest.mark.full if number else ())
    for read, files in (
        (evidence.tests, JUNIT),
        (evidence.coverage, COBERTURA),
        (evidence.document, MARKDOWN),
        (evidence.changes, JSON),
    )
    for number, (name, made) in enumerate(files.items())
]


@pytest.mark.full
@pytest.mark.parametrize(("read", "made"), SLOW)
def test_the_slowest_files_are_read_or_refused_long_before_their_time_is_up(read, made):
    content = made()
    began = time.thread_time()

    with suppress(evidence.Unreadable):
        read(content)

    assert len(content) <= bounded_xml.LARGEST
    assert time.thread_time() - began < bounded_xml.SECONDS * 0.8


def reading_on() -> list[str]:
    """Other threads that are inside a reader: the process has threads of its own that come and go."""
    ours, found = {bounded_xml.__file__, documents.__file__, markdown.__file__}, []
    for thread, frame in sys._current_frames().items():
        while frame is not None and thread != threading.get_ident():
            if frame.f_code.co_filename in ours:
                found.append(frame.f_code.co_qualname)
            frame = frame.f_back
    return found


@pytest.mark.parametrize(
    ("read", "content"),
    [(evidence.tests, MANY_CASES), (evidence.document, MARKDOWN["items"]())],
    ids=["xml", "markdown"],
)
def test_a_reading_that_used_up_its_time_has_ended(monkeypatch, read, content):
    monkeypatch.setattr(bounded_xml, "SECONDS", 0.01)
    began = time.thread_time()

    with pytest.raises(evidence.TooSlow):
        read(content)

    assert time.thread_time() - began < 0.2
    assert not reading_on()


@pytest.mark.full
def test_waiting_for_others_is_no_time_of_a_reading(monkeypatch):
    """Twelve at once take three times as long as one may take: only what a reading itself computes counts."""
    content = SUITE + b"<testcase/>" * 100_000 + b"</testsuite>"
    began = time.thread_time()
    evidence.tests(content)
    monkeypatch.setattr(bounded_xml, "SECONDS", 4 * (time.thread_time() - began))

    [found] = race(1, *[lambda turn: evidence.tests(content)] * 12)

    assert found == found[:1] * 12
    assert isinstance(found[0], evidence.Tests)


@pytest.fixture
def waiting(project, operator, ada):
    """Opens tickets in REQUIREMENTS of `software_delivery` whose work is done and whose document is handed
    in.
    """
    workflow = allow_workflow(project, "software_delivery")

    def bring(content: bytes) -> Ticket:
        ticket = Ticket.objects.open(project, TicketSpec(workflow=workflow, title="x"), by=operator)
        Ticket.objects.move(ticket.pk, "REQUIREMENTS", by=operator)
        work_off(ticket, by=operator, agent=ada)
        submit(ticket, "requirements_document", content, by=ada)
        return Ticket.objects.get(pk=ticket.pk)

    return bring


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_slow_files_of_others_are_no_reason_against_good_ones(waiting, operator, monkeypatch):
    monkeypatch.setattr(time_limit, "MOST_S", 3600)  # how long twelve at once take, the machine decides
    slow = [waiting(MARKDOWN["short lines"]()[number:]) for number in range(6)]
    good = [waiting(reports.requirements(700 + number)) for number in range(6)]
    acts = [
        lambda turn, pk=ticket.pk: Ticket.objects.judge(pk=pk, by=operator)
        for pair in zip(slow, good, strict=True)
        for ticket in pair
    ]

    [verdicts] = race(1, *acts)

    codes = [
        {reason["code"] for check in verdict.checks for reason in check["reasons"]} for verdict in verdicts
    ]
    assert codes == [{"sections_missing"}, set()] * 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.full
def test_however_many_look_at_a_gate_its_file_is_read_once(waiting, monkeypatch):
    read, asked = evidence.document, []
    monkeypatch.setattr(evidence, "document", lambda content: asked.append(1) or read(content))
    ticket = waiting(MARKDOWN["short lines"]())

    [looks] = race(1, *[lambda turn: gate(ticket)] * 6)

    assert {look.status for look in looks} == {"blocked"}
    assert len(asked) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("size", "again", "chunks"),
    [(bounded_xml.LARGEST + 1, False, 0), (1_500_000, False, 2), (1_500_000, True, 0)],
)
def test_a_file_is_fetched_only_to_be_read(waiting, settings, size, again, chunks):
    settings.ARTIFACTS_IN_DATABASE = True  # where its pieces can be counted
    ticket = waiting(b"%d %d" % (size, again) + b" " * size)
    if again:
        gate(ticket)

    with CaptureQueriesContext(connection) as asked:
        gate(ticket)

    assert sum("tickets_chunk" in query["sql"] for query in asked.captured_queries) == chunks


@pytest.mark.django_db(transaction=True)
def test_a_reading_too_slow_keeps_the_gate_closed_until_there_is_time(waiting, operator, monkeypatch):
    ticket = waiting(reports.requirements(1_234))

    with monkeypatch.context() as short:
        short.setattr(bounded_xml, "SECONDS", -1)
        refused = Ticket.objects.judge(pk=ticket.pk, by=operator)

    assert {reason["code"] for check in refused.checks for reason in check["reasons"]} == {
        "evidence_too_slow"
    }
    assert Ticket.objects.judge(pk=ticket.pk, by=operator).passed
