"""A call of the API by the fast route and by the full view: both must answer the same.

Inside of a test's transaction the fast route's work is rolled back before the view runs. In a test whose
transactions are real, the fast route answers as it does in production, and the view what it leaves.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from django.db import connection, transaction
from django.http import HttpResponse

from agents.models.activity import activity
from agents.models.key_cache import keys
from omoi_site.api import fast
from omoi_site.serving.standard_headers import standard_headers

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
NAMES = {b"etag": "ETag", b"link": "Link", b"x-wait": "X-Wait", b"x-principal": "X-Principal"}
answered: Counter[str] = Counter()  # by "METHOD /path": how often the fast route answered


def by_both(
    method: str,
    path: str,
    *,
    query: dict[str, Any],
    headers: dict[str, str],
    body: Any,
    full: Callable[[], Any],
) -> Any:
    """The answer; `full` asks the view."""
    keys.forget()  # as the journal has it done when rights change
    call = fast.find(scope(method, path, query, headers))
    if call is None:
        return full()
    text = body if isinstance(body, bytes) else str(body or "").encode()
    if not connection.in_atomic_block:
        found = call.answer(text)
        return full() if found is None else _response(method, path, *found)
    with undone():
        found = call.answer(text)
    answer = full()
    if found is not None:
        same(_response(method, path, *found), answer)
    return answer


@contextmanager
def undone() -> Any:
    hints, noted = {**connection.hints}, {**activity.noted}
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    connection.hints, activity.noted = hints, noted


def same(quick: Any, full: Any) -> None:
    assert (quick.status_code, _headers(quick)) == (full.status_code, _headers(full))
    assert bool(quick.content) == bool(full.content)
    if quick.content:
        assert timeless(quick.json()) == timeless(full.json())


def timeless(value: Any) -> Any:
    match value:
        case str():
            return TIME.sub("<time>", value)
        case dict():
            return {name: timeless(inner) for name, inner in value.items()}
        case list():
            return [timeless(inner) for inner in value]
    return value


def scope(method: str, path: str, query: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    """As the server hands it to the application."""
    named = {"host": "testserver", "content-type": "application/json", **headers}
    return {
        "type": "http",
        "method": method.upper(),
        "path": path,
        "raw_path": path.encode(),
        "query_string": urlencode(query, doseq=True).encode(),
        "headers": [(name.lower().encode(), value.encode("latin1")) for name, value in named.items()],
    }


def _headers(answer: Any) -> dict[str, Any]:
    found = {name: value for name, value in answer.items() if name != "Content-Length"}
    policy = found.pop("Content-Security-Policy")
    return {**found, "policy": sorted(policy.split("; "))}


def _response(
    method: str, path: str, status: int, more: list[tuple[bytes, bytes]], content: bytes
) -> HttpResponse:
    answered[f"{method.upper()} {path}"] += 1
    answer: Any = HttpResponse(content, status=status, headers=standard_headers())
    if content:
        answer["Content-Type"] = "application/json"
    else:
        del answer["Content-Type"]
    for name, value in more:
        answer[NAMES[name]] = value.decode()
    answer.json = lambda: json.loads(content)
    return answer
