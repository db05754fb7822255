"""What drawing Markdown costs is bounded before it is done, and real documents are drawn."""

from __future__ import annotations

import pytest

from tests.support import ROOT
from tickets.pages.previews import markdown
from tickets.pages.previews.markdown import LONGEST, MARKDOWN, TooIntricate, html_of

SLOW = {
    "brackets": "[",
    "links without end": "[a](",
    "pictures without end": "![",
    "emphasis": "_*a*_",
    "emphasis without end": "*a **b ",
    "code without end": "`a",
    "quotes": "> a\n",
    "quotes in lists": "- > a\n",
    "lists": "- a\n",
    "lists in one line": "- - - - - - - - - a\n",
    "definitions without end": "[a\n",
    "titles without end": '[a]: b "\n',
    "headings": "a\n-\n",
    "tables": "a|b\n-|-\n\n",
    "a long table": "|c|d|\n",
    "paragraphs": "a\n",
    "tags": "<a",
    "references": "&amp;",
}
MANUALS = sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("part", SLOW.values(), ids=SLOW)
def test_what_would_take_long_is_refused_before_it_is_read(monkeypatch, part):
    monkeypatch.setattr(MARKDOWN, "parse", lambda *_: pytest.fail("it was read"))

    with pytest.raises(TooIntricate):
        html_of(part * (LONGEST // len(part)))


@pytest.mark.full
@pytest.mark.parametrize("part", ["|c|d|e|f\n|-|-|-|-\n\n", "- - - - a\n", "  - a\n    - b\n"])
def test_what_is_left_ends_after_so_many_steps(monkeypatch, part):
    monkeypatch.setattr(markdown, "SECONDS", 3600)
    monkeypatch.setattr(markdown, "LINES", LONGEST)
    monkeypatch.setattr(markdown, "MARKS", LONGEST)

    with pytest.raises(TooIntricate):
        html_of(part * (LONGEST // len(part)))


def test_what_is_left_ends_with_its_time(monkeypatch):
    monkeypatch.setattr(markdown, "SECONDS", -1)

    with pytest.raises(TooIntricate):
        html_of("a\n")


def test_a_manual_of_the_largest_size_is_drawn_also_by_a_busy_machine(monkeypatch):
    monkeypatch.setattr(markdown, "SECONDS", 3600)
    text = "".join(manual.read_text() for manual in MANUALS).encode()[:LONGEST].decode(errors="ignore")
    assert len(text) > LONGEST * 0.9

    assert "<table>" in html_of(text)
