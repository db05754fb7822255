"""The summary of what earlier phases hand over: ours, or one that an installation puts in its place.

OMOI_CONTEXT_SUMMARISER names a function `summarise(context, tokens)`, where `context` is {target_phase,
phases: {NAME: content}} with all that was recorded and `tokens` how long the text may be. It runs inside the
transaction of a move, while the ticket is locked, so it must be fast, and give the same text for the same
context. It has OMOI_CONTEXT_SUMMARISER_S seconds. Then the move goes on with our own summary, and what still
runs is left to itself in its thread.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from omoi_site import field_limits
from omoi_site.errors import short
from tickets.models.context.time_limit import TooLate, called_within

POINTS = 20
POINT = 300  # characters
BYTES = 4  # of a text, taken for one token
LEAST = 200  # tokens of a brief
LONGEST_S = 10  # for which a ticket stays locked
NOTHING = "No earlier phase hands anything over yet."

log = logging.getLogger(__name__)


def summarise(context: dict[str, Any], tokens: int) -> str:
    """The points of each phase, oldest phase first: its summary, decisions, risks and first task. Where there
    are too many, the oldest are left out.
    """
    points = [short(point, POINT) for point in _points(context["phases"])]
    kept = points[-POINTS:]
    while kept and len(_text(kept, len(points)).encode()) > tokens * BYTES:
        kept.pop(0)
    return _text(kept, len(points))


def summary_of(context: dict[str, Any], tokens: int) -> tuple[str, str]:
    """The summary, of at most this many tokens, and what was wrong with the installation's own summariser;
    the summary is ours then.
    """
    if not (name := settings.CONTEXT_SUMMARISER):
        return summarise(context, tokens), ""
    try:
        copy = json.loads(json.dumps(context))
        text = called_within(settings.CONTEXT_SUMMARISER_S, import_string(name), copy, tokens)
        fault = _fault(text)
    except TooLate as late:
        fault = str(late)
        log.warning("the summariser %s %s", name, fault)
    except Exception as error:
        log.warning("the summariser %s failed", name, exc_info=True)
        fault = f"raised {type(error).__name__}"
    else:
        if not fault:
            return cut(text.strip(), tokens), ""
        log.warning("the summariser %s %s", name, fault)
    return summarise(context, tokens), f"{name} {fault}, so this is the built-in summary"


def cut(text: str, tokens: int) -> str:
    """The text, cut at a blank to at most this many tokens."""
    if len(text.encode()) <= tokens * BYTES:
        return text
    start = text.encode()[: tokens * BYTES - 4].decode(errors="ignore")
    return f"{start.rsplit(maxsplit=1)[0] if ' ' in start else start} …"


def _fault(text: Any) -> str:
    if not isinstance(text, str):
        return f"returned {type(text).__name__} instead of a text"
    if not field_limits.seen(text):
        return "returned an empty text"
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        return "returned a text that cannot be stored"
    return ""


def _points(phases: dict[str, Any]) -> Iterator[str]:
    for phase, content in phases.items():
        yield f"{phase}: {content['summary']}"
        for kind in ("decision", "risk"):
            yield from (f"{phase} {kind}: {item['text']}" for item in content[f"{kind}s"])
        if content["tasks"]:
            yield f"{phase} lead task: {content['tasks'][0]['summary']}"


def _text(points: list[str], of: int) -> str:
    left = of - len(points)
    lines = [f"({left} earlier {'point is' if left == 1 else 'points are'} left out)"] if left else []
    return "\n".join(lines + [f"- {' '.join(point.split())}" for point in points]) or NOTHING


@checks.register()
def summariser_can_be_called(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = []
    if settings.CONTEXT_TOKENS < LEAST:
        found.append(
            checks.Error(
                f"OMOI_CONTEXT_TOKENS is {settings.CONTEXT_TOKENS}, but the least is {LEAST}.", id="omoi.E021"
            )
        )
    if not 0 < settings.CONTEXT_SUMMARISER_S <= LONGEST_S:
        found.append(
            checks.Error(
                f"OMOI_CONTEXT_SUMMARISER_S is {settings.CONTEXT_SUMMARISER_S:g}, but it must be more than 0"
                f" and at most {LONGEST_S}.",
                hint="Moves and notes of a ticket wait for the summariser.",
                id="omoi.E023",
            )
        )
    if name := settings.CONTEXT_SUMMARISER:
        try:
            good = isinstance(import_string(name), Callable)  # type: ignore[arg-type]
            fault = "" if good else "it is not a function"
        except Exception as error:  # whatever its module raises at import
            fault = f"{type(error).__name__}: {error}"
        if fault:
            found.append(
                checks.Error(
                    f"OMOI_CONTEXT_SUMMARISER is {name}, which cannot be used: {fault}.",
                    hint="Name a function summarise(context, tokens) by its full path, or unset it.",
                    id="omoi.E022",
                )
            )
    return found
