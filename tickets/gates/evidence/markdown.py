"""The visible text of Markdown, without what a rendered page would hide and without link targets."""

from __future__ import annotations

import html
import re
from bisect import bisect_left
from collections import defaultdict

from omoi_site import field_limits

COMMENT = r"<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<![a-z][^>]*(?:>|\Z)"
TAG = r"""<(?P<end>/?)(?P<name>[a-z][a-z0-9-]*)(?P<attributes>(?:[^<>"']|"[^"]*"|'[^']*')*)>"""
IN_HTML = re.compile(f"{COMMENT}|{TAG}", re.DOTALL | re.IGNORECASE)
IN_TEXT = re.compile(
    rf"(?P<escaped>\\[!-/:-@\[-`{{-~])|(?P<ticks>`+)|{COMMENT}|{TAG}", re.DOTALL | re.IGNORECASE
)
TICKS = re.compile("`+")
VALUE = re.compile(r""""[^"]*"|'[^']*'""")
HIDES = re.compile(
    r"(?<![\w-])(?:hidden|style|aria-hidden)(?![\w-])", re.IGNORECASE
)  # a style may hide its element; styles are not interpreted
UNSEEN = set(
    [
        "script",
        "style",
        "template",
        "title",
        "head",
        "noscript",
        "noembed",
        "noframes",
        "iframe",
        "object",
        "audio",
        "video",
        "canvas",
        "svg",
        "datalist",
        "select",
        "dialog",
    ]
)
EMPTY = set(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    ]
)  # void elements
DEFINITION = re.compile(r" {0,3}\[(?!\^)[^\[\]]+\]:")  # a link definition; some people use it as a comment
IMAGE = re.compile(r"!\[[^\[\]]*\](?:\([^()]*\))?")
LINK = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
MARKS = str.maketrans("[]()&!", "......")  # in code, which is shown unchanged
ABSURD = re.compile(r"&#x?[0-9a-f]{9,};?", re.IGNORECASE)  # a character reference that is too large


class Reader:
    """Reads the blocks of one document in order. An element that hides text may begin in one block and end in
    another.
    """

    def __init__(self) -> None:
        self._hidden_by, self._depth = "", 0
        self._start = ""
        self.hidden: dict[str, int] = {}  # how many characters each start tag has hidden so far

    @property
    def hides(self) -> str:
        """The start tag that hid the most text, and whether it is still open; empty if no text was hidden."""
        if not self.hidden:
            return ""
        tag = max(self.hidden, key=self.hidden.__getitem__)
        return f"{tag}, which is never closed," if self._depth and tag == self._start else tag

    def code(self, content: str) -> str:
        """The visible text of a code block."""
        shown: list[str] = []
        self._append(shown, content)
        return field_limits.seen("".join(shown))

    def html(self, content: str) -> str:
        """The visible text of an HTML block."""
        return self._seen(self._shown(content, IN_HTML))

    def text(self, content: str) -> str:
        """The visible text of a paragraph or heading."""
        return "" if DEFINITION.match(content) else self._seen(self._shown(content, IN_TEXT))

    @staticmethod
    def _seen(shown: str) -> str:
        return field_limits.seen(html.unescape(ABSURD.sub("", LINK.sub(r"\1", IMAGE.sub("", shown)))))

    def _shown(self, content: str, pattern: re.Pattern[str]) -> str:
        shown: list[str] = []
        closers = _ticks(content) if pattern is IN_TEXT else {}
        place = 0
        while match := pattern.search(content, place):
            self._append(shown, content[place : match.start()])
            place, parts = match.end(), match.groupdict()
            if parts.get("escaped"):
                self._append(shown, match[0][1:].translate(MARKS))
            elif ticks := parts.get("ticks"):
                later_runs = closers.get(len(ticks), [])
                next_one = bisect_left(later_runs, place)
                if next_one < len(later_runs):
                    self._append(shown, content[place : later_runs[next_one]].translate(MARKS))
                    place = later_runs[next_one] + len(ticks)
                else:
                    self._append(shown, ticks)
            elif name := (parts["name"] or "").lower():
                self._tag(name, bool(parts["end"]), parts["attributes"])
        self._append(shown, content[place:])
        return "".join(shown)

    def _append(self, shown: list[str], text: str) -> None:
        if not self._depth:
            shown.append(text)
        elif count := len(text.strip()):
            self.hidden[self._start] = self.hidden.get(self._start, 0) + count

    def _tag(self, name: str, end: bool, attributes: str) -> None:
        if name in EMPTY:
            return
        if self._depth:
            self._depth += 0 if name != self._hidden_by else -1 if end else 1
        elif not end and (name in UNSEEN or HIDES.search(VALUE.sub('""', attributes))):
            self._hidden_by, self._depth = name, 1
            hiding = HIDES.search(VALUE.sub('""', attributes))
            self._start = (
                f"<{name}>" if name in UNSEEN or not hiding else f"<{name[:40]} {hiding[0].lower()}>"
            )


def _ticks(content: str) -> dict[int, list[int]]:
    """Where runs of backticks begin, by length: inline code ends at the next run of the same length."""
    starts = defaultdict(list)
    for run in TICKS.finditer(content):
        starts[len(run[0])].append(run.start())
    return starts
