"""What a text that speaks of the API says to who reads it in a terminal: our command for the same act.

Refusals and remedies are written once, for clients of the API. Where one of our commands does the same, a
command names that instead. What has no command stays as it is.
"""

from __future__ import annotations

import re

RUN = "python3 manage.py"
NAME = r"([^/\s),;]+)"
# An act of the API, as its texts write it; and our command for it.
COMMANDS = [
    (rf"GET /tasks/{NAME}/explain", r"explain \1"),
    (rf"GET /tickets/{NAME}/explain", r"explain \1"),
    (rf"GET /tickets/{NAME}/gate", r"approvals list \1"),
    (rf"GET /agents/{NAME}", r"agents history \1"),
    (r"GET /pools", "pools list"),
    (rf"POST /tasks/{NAME}/cancellation", r"tasks cancel \1 --reason TEXT"),
    (rf"POST /tasks/{NAME}/retry", r"tasks retry \1 --reason TEXT"),
    (rf"POST /tasks/{NAME}/bump", r"tasks bump \1 --reason TEXT"),
    (
        rf"POST /tasks/{NAME}/assignment with yourself \(me\)",
        r"tasks take \1 --person NAME --reason TEXT",
    ),
    (rf"POST /tasks/{NAME}/assignment", r"tasks reassign \1 --to NAME --reason TEXT"),
    (rf"POST /tickets/{NAME}/artifacts", r"artifacts add \1 TYPE FILE"),
    (rf"POST /tickets/{NAME}/transitions", r"tickets move \1 PHASE --person NAME"),
    (rf"POST /agents/{NAME}/availability", r"agents available \1"),
    (rf"POST /agents/{NAME}/(retire|drain|quarantine)", r"agents \2 \1"),
    (rf"POST /pools/{NAME}/open", r"pools open \1"),
    (rf"POST /projects/{NAME}/phases/{NAME}/resume", r"projects resume \1 \2"),
    (rf"POST /projects/{NAME}/resume", r"projects resume \1"),
]
ACTS = [(re.compile(pattern.replace(" /", r" (?:/api/v1)?/") + r"(?![\w/])"), to) for pattern, to in COMMANDS]
WORDS = {
    "`dependants`": "--dependants",
    "(past_limit)": "(--past-limit)",
    "(GET …/gate)": "(approvals list)",
    "its new `evidence`": "--seen and its new evidence",
}


def in_commands(text: str) -> str:
    """The text with our commands in place of the acts of the API."""
    for pattern, command in ACTS:
        text = pattern.sub(f"{RUN} {command}", text)
    for field, option in WORDS.items():
        text = text.replace(field, option)
    return text
