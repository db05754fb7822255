"""What the fast routes of lists share: a plain query, and the page that PostgreSQL has made."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from agents.api.fast import Asked, Paged
from agents.api.pagination import MOST, next_link, page_body
from agents.api.view import written
from agents.models.json_page import JsonPage

PLAIN = re.compile(r"[A-Za-z0-9_.-]+")  # no escapes, and nothing that a field would trim
LIMIT = re.compile(r"[0-9]{1,3}")
USUAL = 50


def plain_query(text: str, names: Collection[str]) -> dict[str, Any] | None:
    """The parameters in a query that has only `limit`, `cursor` and these names, each once and of plain
    characters; else None. `limit` is a number.
    """
    query: dict[str, Any] = {}
    for part in text.split("&") if text else ():
        name, _, value = part.partition("=")
        if name in query or not PLAIN.fullmatch(value) or not (name in names or name in ("limit", "cursor")):
            return None
        query[name] = value
    limit = query.get("limit", str(USUAL))
    if not LIMIT.fullmatch(limit) or not 1 <= int(limit) <= MOST:
        return None
    return query | {"limit": int(limit)}


def paged(asked: Asked, page: JsonPage | None) -> Paged | None:
    """The answer with this page; None without one: the full view says why."""
    if page is None:
        return None
    following = None if page.following is None else written(page.following)
    link = ""
    if following:
        query = dict(part.split("=") for part in asked.query.split("&") if part)
        link = next_link(asked.request.address, query, following)
    return Paged(page_body(page.results, following), link)
