"""Strict JSON: UTF-8, without NUL, NaN, half surrogates or keys named twice, at most 32 levels deep."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

from omoi_site.errors import Malformed, short

DEPTH = 32
# Everything but the brackets outside of strings. A string without an end reaches to the end of the text.
NO_BRACKET = re.compile(r'[^\[\]{}"]+|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
SQUARE = str.maketrans("{}", "[]")


def read(body: bytes, what: str = "the body") -> Any:
    """The document in `body`; an empty body is an empty object. Raises Malformed, which says what is wrong
    with `what`.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"{what} is not UTF-8 (byte {error.start})") from error
    if deeper(text):
        raise Malformed(f"{what} is nested deeper than {DEPTH} levels")
    try:
        document = (
            json.loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_once)
            if text.strip()
            else {}
        )
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{what} is not valid JSON: {error}") from error
    if "\\u" in text or "\0" in text:
        _keepable(document, what)
    return document


def deeper(text: str) -> bool:
    """Whether brackets outside strings nest too deep. A cheap count comes first: most bodies have few
    brackets in all.
    """
    if text.count("[") + text.count("{") <= DEPTH:
        return False
    brackets = pairs = NO_BRACKET.sub("", text).translate(SQUARE)
    for _ in range(DEPTH):  # each round removes the innermost level of what is well-formed
        pairs = pairs.replace("[]", "")
    depth = 0
    for bracket in brackets if pairs else "":
        depth += 1 if bracket == "[" else -1
        if depth > DEPTH:
            return True
    return False


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"the number {number[:20]} is too large")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {json.dumps(short(key, 60))} appears twice")
    return result


def _keepable(document: Any, what: str) -> None:
    """Refuse escapes for characters that no text in the database can hold."""
    match document:
        case str():
            if "\0" in document:
                raise Malformed(f"{what} contains a NUL character, which cannot be stored")
            try:
                document.encode()
            except UnicodeEncodeError as error:
                raise Malformed(f"{what} contains half a surrogate pair, which cannot be stored") from error
        case dict():
            for key, value in document.items():
                _keepable(key, what)
                _keepable(value, what)
        case list():
            for value in document:
                _keepable(value, what)
