"""The pages of the site: one address for each route of the URL map, found by following links."""

from __future__ import annotations

import html
import re
from collections import deque
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, resolve

LINK = re.compile(r"""\b(?:href|action|formaction|hx-get|data-act)="(/[^"#]*)""")
APART = ("admin/", "api/")  # parts of the URL map that are not pages of this kind
FOLLOWED = 4  # addresses of a route whose links are followed


def routes(patterns: Any = None, prefix: str = "") -> Iterator[str]:
    """The routes of all pages, each as the URL map writes it."""
    for pattern in patterns if patterns is not None else get_resolver().url_patterns:
        route = prefix + str(pattern.pattern)
        if route.startswith(APART):
            continue
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


def pages(client: Any, *begin: str) -> dict[str, str]:
    """By route, the first address at which `client` gets a whole page. begin: addresses to begin with, beside
    the routes without parameters.
    """
    found: dict[str, str] = {}
    followed: dict[str, int] = {}
    left = deque([*begin, *(f"/{route}" for route in routes() if "<" not in route)])
    known = set(left)
    while left:
        address = left.popleft()
        route = resolve(address.partition("?")[0]).route
        if followed.get(route, 0) == FOLLOWED or route.startswith((*APART, "logout/")):
            continue
        answer = client.get(address)
        if "text/html" not in answer.headers.get("Content-Type", "") or answer.status_code != 200:
            continue
        followed[route] = followed.get(route, 0) + 1
        text = answer.content.decode()
        if 'id="main"' in text:
            found.setdefault(route, address)
        for link in map(html.unescape, LINK.findall(text)):
            if link not in known and not link.startswith("/static/"):
                known.add(link)
                left.append(link)
    return found
