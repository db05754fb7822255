"""What the fast routes of lists share: a plain query, and the page that PostgreSQL has made."""

from __future__ import annotations

import re
from urllib.parse import unquote

from agents.api.fast import Asked, Paged
from agents.api.pagination import MOST, cursor_of, next_link, page_body
from agents.models.json_page import JsonPage

PLAIN = re.compile(r"[A-Za-z0-9_.:-]+")  # nothing that a field would trim or change
LIMIT = re.compile(r"[0-9]{1,3}")
USUAL = "50"


def plain_query(text: str, longest: dict[str, int]) -> dict[str, str] | None:
    """The parameters in a query that has only `limit`, `cursor` and those of `longest`, each once, of plain
    characters and at most so many; else None.
    """
    query: dict[str, str] = {}
    allowed = {"limit": 3, "cursor": 500, **longest}
    for part in text.split("&") if text else ():
        name, _, value = part.partition("=")
        value = unquote(value) if "%" in value else value
        if name in query or not PLAIN.fullmatch(value) or len(value) > allowed.get(name, 0):
            return None
        query[name] = value
    limit = query.get("limit", USUAL)
    return query if LIMIT.fullmatch(limit) and 1 <= int(limit) <= MOST else None


def limit_of(query: dict[str, str]) -> int:
    return int(query.get("limit", USUAL))


def paged(asked: Asked, query: dict[str, str], page: JsonPage | None) -> Paged | None:
    """The answer with this page; None without one: the full view says why."""
    if page is None:
        return None
    following = cursor_of(page)
    link = next_link(asked.request.address, query, following) if following else ""
    return Paged(page_body(page.results, following), link)
