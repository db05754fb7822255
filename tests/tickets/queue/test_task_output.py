"""What a claim's work prints: sent in pieces, bounded, shown as a terminal would, kept after it."""

from __future__ import annotations

import pytest

from tests.factories import complete
from tests.support.api_client import api_of
from tickets.models import OutputPiece, Task, TaskOutput
from tickets.models.claim.fence import ClaimLost
from tickets.models.output.task_output import HEAD, PIECE, TAIL, NewOutput
from tickets.pages.previews.terminal import as_html

pytestmark = pytest.mark.django_db


@pytest.fixture
def claim(task, ada):
    [claim] = Task.objects.claim(by=ada)
    return claim


@pytest.fixture
def send(claim, ada):
    def send(offset, data, fence=claim.fence):
        return TaskOutput.objects.add_one(NewOutput(claim.task, fence, offset, data), by=ada)

    return send


def text_of(claim):
    return TaskOutput.objects.get(task_id=claim.task).whole_text()


def test_a_repeat_adds_nothing_and_a_gap_is_told(send, claim):
    assert send(0, b"one\n") == send(0, b"one\n") == send(0, b"on") == 4
    assert send(2, b"e\ntwo\n") == 8
    assert send(100, "dré\x1b[31m".encode()) == 109
    assert send(109, b"\xff\x00") == 111

    assert text_of(claim) == "one\ntwo\n\n[… 92 bytes are not kept …]\ndré\x1b[31m\ufffd\ufffd"


def test_only_the_holder_sends_and_only_under_its_fence(send, claim, ada, bob, operator):
    with pytest.raises(ClaimLost):
        send(0, b"x", claim.fence + 1)
    with pytest.raises(ClaimLost):
        TaskOutput.objects.add_one(NewOutput(claim.task, claim.fence, 0, b"x"), by=bob)
    send(0, b"kept\n")
    complete(claim, by=ada)
    with pytest.raises(ClaimLost):
        send(5, b"late")

    assert text_of(claim) == "kept\n"


def test_however_much_is_sent_the_beginning_and_the_end_are_kept(send, claim):
    line = b"a line without an end " * 10_000
    total = 0
    while total < 3 * (HEAD + TAIL):
        total = send(total, line)
    send(total, b"the end")

    output = TaskOutput.objects.get()
    first, last = output.parts()
    assert sum(piece.size for piece in OutputPiece.objects.all()) <= HEAD + TAIL + 2 * PIECE
    assert (first.place, last.end) == (0, total + len(b"the end"))
    assert (first.end >= HEAD, last.end - last.place >= TAIL) == (True, True)
    assert output.part_after(0) == first
    assert output.part_after(first.end).place == last.place
    assert output.part_after(last.end - 3).text == "end"


@pytest.mark.parametrize(
    "secret",
    [b"ghp_" + b"a" * 36, b"-----BEGIN PRIVATE KEY-----\n" + b"MIIEv" * 12 + b"\n-----END PRIVATE KEY-----"],
)
@pytest.mark.parametrize("cut", [10, 40])
def test_a_secret_is_not_cut_in_two(send, claim, secret, cut):
    line = b"what it does at length\n"
    before = line * ((PIECE - cut) // len(line)) + b"." * ((PIECE - cut) % len(line) - 1) + b"\n"
    assert len(before) == PIECE - cut

    send(0, before + secret + b"\nthen\n")

    assert text_of(claim) == before.decode() + "[redacted]\nthen\n"


def test_over_rest(claim, ada, operator):
    calls, reader = api_of(ada), api_of(operator)
    path = f"/tasks/{claim.task}/output"
    assert reader.get(path).status_code == 404
    for _ in range(2):
        answer = calls.post(
            path, {"fence": claim.fence, "offset": 0, "text": "\x1b[1mBuild\x1b[0m\n  ok é\n"}
        )
        assert (answer.status_code, answer.json()) == (200, {"offset": 22})
    assert calls.post(path, {"fence": 99, "offset": 0, "text": "x"}).status_code == 409
    for offset in (-1, 2**63 - 1):
        assert calls.post(path, {"fence": claim.fence, "offset": offset, "text": "x"}).status_code == 422

    read = reader.get(path, after=9).json()
    assert (read["text"], read["begin"], read["offset"], read["size"]) == ("\x1b[0m\n  ok é\n", 9, 22, 22)
    assert reader.get(path, after=22).json()["text"] == ""
    assert reader.get(path, attempt=2).status_code == 404


def test_the_page_shows_it_as_a_terminal_would_and_nothing_of_it_acts(client, operator, send, claim, ticket):
    client.force_login(operator)
    send(0, b"10 %\r50 %\r\x1b[32m100 %\x1b[0m\n<script>alert(1)</script>\n\xe2\x80\xaegnp.exe\x07\x1b[2K\n")
    address = f"/tasks/{ticket.key}.{claim.task}/"
    part = client.get(f"{address}?part=output", headers={"HX-Request": "true"}).content.decode()
    file = client.get(f"{address}output/?claim={claim.fence}")

    assert '<span class="ansi-green">100 %</span>\n&lt;script&gt;' in part
    assert "⟦U+202E⟧gnp.exe⟦U+0007⟧\n" in part
    assert "50 %" not in part
    assert part.lstrip().startswith("<section")
    assert file["Content-Type"].startswith("text/plain")
    assert file["X-Content-Type-Options"] == "nosniff"
    assert "attachment" in file["Content-Disposition"]
    assert client.get(f"{address}output/?claim=99").status_code == 404


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "\x1b[1;31mbad\x1b[22m b\x1b[39m.",
            '<span class="ansi-red ansi-bold">bad</span><span class="ansi-red"> b</span>.',
        ),
        ("\x1b[38;5;196ma\x1b[48;2;1;2;3mb", "ab"),
        ("\x1b]0;title\x07\x1b[?25lx", "x"),
        ("\x1b[31", "⟦U+001B⟧[31"),
        ("\x1b[33my\nz", '<span class="ansi-yellow">y</span>\n<span class="ansi-yellow">z</span>'),
        ("a" * 4_010, "a" * 4_000 + " [… 10 more characters in this line …]"),
    ],
)
def test_orders_to_a_terminal(text, shown):
    assert as_html(text) == shown
