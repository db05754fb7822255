"""A discovery to record: what an agent found on the way."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from omoi_site.errors import Invalid, short

MOST = 50  # with one completion


@dataclass(frozen=True)
class NewDiscovery:
    type: str
    title: str
    body: str = ""


NAMES = [field.name for field in fields(NewDiscovery)]


def read(item: Any, place: int) -> NewDiscovery:
    """The discovery that somebody wrote as JSON, in this place of a list. Raises Invalid; the verb checks the
    texts themselves.
    """
    at = f"discoveries.{place}"
    if not isinstance(item, dict):
        raise Invalid("must be an object with a type, a title and a body", field=at)
    for name, value in item.items():
        if name not in NAMES:
            raise Invalid(f"{short(name, 60)} is not known; there are {', '.join(NAMES)}", field=at)
        if not isinstance(value, str):
            raise Invalid("must be a text", field=f"{at}.{name}")
    for name in ("type", "title"):
        if name not in item:
            raise Invalid("is required", field=f"{at}.{name}")
    return NewDiscovery(**item)
