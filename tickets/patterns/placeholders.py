"""Placeholders of a pattern document: `${name}` stands for the argument of this name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

PLACEHOLDER = re.compile(r"\$\{([A-Za-z][A-Za-z0-9_-]{0,80})\}")


def whole(value: Any) -> str:
    """The name, if the value is one placeholder and nothing else; otherwise empty."""
    found = PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else ""


def names(part: Any) -> list[str]:
    """Each name that is used, in the order of its first use."""
    return list(dict.fromkeys(_names(part)))


def _names(part: Any) -> list[str]:
    if isinstance(part, dict):
        return [name for value in part.values() for name in _names(value)]
    if isinstance(part, list):
        return [name for item in part for name in _names(item)]
    return PLACEHOLDER.findall(part) if isinstance(part, str) else []


def length(part: Any, arguments: Mapping[str, int]) -> int:
    """How many characters the texts of the part have once `filled` with arguments of these lengths, counted
    without making them.
    """
    if isinstance(part, dict):
        return sum(length(value, arguments) for value in part.values())
    if isinstance(part, list):
        return sum(length(item, arguments) for item in part)
    if not isinstance(part, str):
        return 0
    inserted = Counter(PLACEHOLDER.findall(part))
    return len(part) + sum(count * arguments[name] for name, count in inserted.items() if name in arguments)


def filled(part: Any, arguments: Mapping[str, Any]) -> Any:
    """The part with its arguments in place, in one pass: inserted text is not searched again. A value that is
    a placeholder as a whole becomes the argument itself, be it a number or a list.
    """
    if isinstance(part, dict):
        return {key: filled(value, arguments) for key, value in part.items()}
    if isinstance(part, list):
        return [filled(item, arguments) for item in part]
    if not isinstance(part, str):
        return part
    if (name := whole(part)) in arguments:
        return arguments[name]
    return PLACEHOLDER.sub(lambda found: str(arguments.get(found[1], found[0])), part)
