"""What a program printed for a terminal, as HTML: its colours by our tones, everything else escaped.

Of the orders to a terminal, those that set colours and weight are obeyed. Those that move the cursor or clear
a line are left out. All other invisible characters are shown by their numbers.
"""

from __future__ import annotations

import re

from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from omoi_site import field_limits

ORDER = re.compile(
    r"\x1b\[([0-9;:]{0,40})m"  # colours and weight
    r"|\x1b\[[0-9;?]{0,40}[A-HJKSTfhlnsu]"  # the cursor, and what is cleared
    r"|\x1b\](?:[^\x07\x1b]{0,2000})(?:\x07|\x1b\\)"  # titles and links
    r"|\x1b[=>78()][B0]?"
)
COLORS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
BOLD, FAINT = 1, 2
WIDTH = 4_000  # characters of a line that are shown


def as_html(text: str) -> SafeString:
    """Lines that a program wrote over are shown as they were last."""
    lines = text.replace("\r\n", "\n").split("\n")
    style = Style()
    return mark_safe("\n".join(style.line(_last(line)) for line in lines))


def _last(line: str) -> str:
    """What a terminal shows of a line after its carriage returns, with the orders before them."""
    *before, last = line.rstrip("\r").rsplit("\r", 1)
    orders = "".join(found[0] for found in ORDER.finditer(before[0])) if before else ""
    if len(last) > WIDTH:
        last = f"{last[:WIDTH]} [… {len(last) - WIDTH:,} more characters in this line …]"
    return orders + last


class Style:
    """Colour and weight as they stand, which go on from line to line."""

    def __init__(self) -> None:
        self.color, self.bold, self.faint = "", False, False

    def line(self, text: str) -> str:
        parts, at = [], 0
        for order in ORDER.finditer(text):
            parts.append(self._shown(text[at : order.start()]))
            at = order.end()
            if order[1] is not None:
                self._obey(order[1])
        parts.append(self._shown(text[at:]))
        return "".join(parts)

    def _shown(self, text: str) -> str:
        if not text:
            return ""
        safe = str(conditional_escape(field_limits.visible(text)))
        names = [f"ansi-{self.color}"] if self.color else []
        names += ["ansi-bold"] * self.bold + ["ansi-faint"] * self.faint
        return f'<span class="{" ".join(names)}">{safe}</span>' if names else safe

    def _obey(self, codes: str) -> None:
        numbers = [int(code) if code.isdecimal() else 0 for code in re.split("[;:]", codes)[:16]]
        while numbers:
            number = numbers.pop(0)
            if number == 0:
                self.color, self.bold, self.faint = "", False, False
            elif number == BOLD:
                self.bold = True
            elif number == FAINT:
                self.faint = True
            elif number == 22:
                self.bold = self.faint = False
            elif 30 <= number <= 37 or 90 <= number <= 97:
                self.color = COLORS[number % 10]
            elif number == 39:
                self.color = ""
            elif number in (38, 48):  # one of many colours, with its values
                kind = numbers.pop(0) if numbers else 0
                del numbers[: {5: 1, 2: 3}.get(kind, 0)]
