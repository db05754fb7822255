"""Markdown as HTML that cannot act: no HTML of its own, no pictures, links to other sites only."""

from __future__ import annotations

import re
import time
from typing import Any

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from tickets.pages.previews.text import visible

LONGEST = 128 << 10  # bytes that are drawn
LINES = 5_000  # a rule may read all lines that follow, once for each line
MARKS = 20_000  # characters that may begin or end something: four times those of a manual full of tables
STEPS = 15_000  # looks at a block or a place in a text, about half a second; the largest manual needs 6,000
SECONDS = 2  # of CPU time, should a step ever be slow
MARK = re.compile(r"[\\*_`~\[\]()<>&|]")
TAGS = {
    *("h3", "h4", "h5", "h6", "p", "blockquote", "ul", "ol", "li", "pre", "code", "em", "strong", "s", "hr"),
    *("br", "a", "table", "thead", "tbody", "tr", "th", "td"),
}
SCHEMES = {"http", "https", "mailto"}
ELSEWHERE = re.compile(r"(https?://[^/\\]|mailto:)", re.IGNORECASE)

DEEPEST = 20  # levels; what is nested deeper, the parser leaves out


class TooIntricate(Exception):
    """Drawing it would take too long, or leave something out."""


def _check(state: StateBlock | StateInline, *_: Any) -> bool:
    """A rule that never matches, but is asked at each block and each place in a text."""
    state.env["steps"] += 1
    if state.env["steps"] > STEPS or time.thread_time() > state.env["end"]:
        raise TooIntricate
    return False


MARKDOWN = (
    MarkdownIt("commonmark", {"html": False, "maxNesting": DEEPEST})
    .enable(["table", "strikethrough"])
    .disable("image")
)
MARKDOWN.block.ruler.before("table", "check", _check)
MARKDOWN.inline.ruler.before("text", "check", _check)


def html_of(text: str) -> SafeString:
    """Raises TooIntricate. What it would cost is bounded before, and looked at while it is done."""
    text = text.replace("\r\n", "\n")
    if text.count("\n") > LINES or sum(1 for _ in MARK.finditer(text)) > MARKS:
        raise TooIntricate
    env = {"steps": 0, "end": time.thread_time() + SECONDS}
    tokens = MARKDOWN.parse(visible(text), env)
    if max((token.level for token in tokens), default=0) >= DEEPEST - 1:
        raise TooIntricate
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):  # below the headings of the page
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
    made = MARKDOWN.renderer.render(tokens, MARKDOWN.options, env)
    return mark_safe(
        nh3.clean(
            made,
            tags=TAGS,
            attributes={"a": {"href"}},
            url_schemes=SCHEMES,
            attribute_filter=_kept,
            link_rel="noopener noreferrer nofollow",
        )
    )


def _kept(element: str, attribute: str, value: str) -> str | None:
    """A link without a scheme would lead to a page of this site, and so would `http:/path`, as browsers read
    it.
    """
    return value if ELSEWHERE.match(value) else None
