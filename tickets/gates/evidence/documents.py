"""Markdown documents: their length as a reader sees it, and their headings."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock

from tickets.gates.evidence.bounded_xml import Budget, Unreadable
from tickets.gates.evidence.markdown import Reader
from tickets.gates.evidence.text import decode

LONGEST = 256 << 10  # bytes of a document: Markdown is parsed in pure Python, and some of it slowly
BLOCKS = 20_000  # headings, paragraphs, list items … in a document
HEADINGS = 1_000


@dataclass(frozen=True)
class Document:
    """A Markdown document: its number of visible characters (a run of blanks counts one, a break between
    blocks two), and its headings as slugs.
    """

    length: int
    sections: frozenset[str]
    hides: str = ""  # the start tag that hid the most text


def _count(state: StateBlock, line: int, end: int, silent: bool) -> bool:
    """A parser rule that never matches, but is called for each block."""
    state.env["budget"].check()
    state.env["blocks"] += 1
    if state.env["blocks"] > BLOCKS:
        raise Unreadable(f"a document may have at most {BLOCKS} blocks (headings, paragraphs, list items)")
    return False


MARKDOWN = MarkdownIt().disable(
    ["inline", "reference"]
)  # block rules are enough for headings; the other rules take minutes for a text made to be slow
MARKDOWN.block.ruler.before("table", "count", _count)


def document(content: bytes) -> Document:
    if len(content) > LONGEST:
        raise Unreadable(f"a document may have at most {LONGEST >> 10} KiB")
    tokens = MARKDOWN.parse(decode(content), {"blocks": 0, "budget": Budget()})
    reader, blocks, sections = Reader(), [], set()
    for before, token in itertools.pairwise([None, *tokens]):
        if token and token.content:
            read = {"inline": reader.text, "html_block": reader.html}.get(token.type, reader.code)
            shown = read(token.content)
            if before and before.type == "heading_open":
                sections.add(slug(shown[:200]))
                shown = shown and f"{before.markup} {shown}"
            blocks.append(shown)
    if len(sections) > HEADINGS:
        raise Unreadable(f"a document may have at most {HEADINGS} headings")
    return Document(len("\n\n".join(filter(None, blocks))), frozenset(sections), reader.hides)


def slug(heading: str) -> str:
    """`Acceptance criteria` and `acceptance_criteria` are the same section."""
    return re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_")
