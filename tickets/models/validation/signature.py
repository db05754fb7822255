"""The signature of a failure: equal for two that differ only in what changes at every run."""

from __future__ import annotations

import hashlib
import re

LOOKED_AT = 20_000  # characters
# In this order. None can take long: no repetition stands inside another.
CHANGING = (
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:z| ?[+-]\d\d:?\d\d)?)?"), "<time>"),
    (re.compile(r"\b\d\d?:\d\d:\d\d(?:[.,]\d+)?"), "<time>"),
    (re.compile(r"\b0x[0-9a-f]+\b"), "<hex>"),
    # a path keeps its last part: the folder changes from run to run, the file that fails does not
    (re.compile(r"(?<![\w.~-])(?:[a-z]:|[\w.~-]*)[/\\](?:[\w.~@+-]*[/\\])*"), "<path>/"),
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{6,}\b"), "<hex>"),
    (re.compile(r"\d+(?:[.,]\d+)*"), "<n>"),
    (re.compile(r"\s+"), " "),
)


def signature_of(error: str) -> str:
    """A digest of the text without its numbers, times, addresses, folders and blanks."""
    text = error[:LOOKED_AT].lower()
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return hashlib.sha256(text.strip().encode(errors="replace")).hexdigest()[:32]
