"""Comments of a beads issue.

Older versions of the format number comments separately in each copy, later ones give them an id, and some
files have neither. So a comment is identified by its content: the same text by the same author in the same
second is the same comment.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from omoi_site import field_limits
from tickets.interchange.storable_text import kept_text, wrong_text
from tickets.models import Comment, NewComment

AUTHOR = Comment._meta.get_field("author").max_length
BODY = Comment._meta.get_field("body").max_length


def problems(issue: dict[str, Any]) -> Iterator[str]:
    """Messages that say why the comments of an issue cannot be imported."""
    comments = issue.get("comments") or []
    if not isinstance(comments, list):
        yield "comments must be a list"
        return
    for number, comment in enumerate(comments, 1):
        name = f"comment {number}"
        if not isinstance(comment, dict):
            yield f"{name} must be an object"
            continue
        if comment.get("text") is not None:
            yield from wrong_text(f"{name}: text", comment["text"], BODY)
        if comment.get("author") is not None:
            yield from wrong_text(f"{name}: author", comment["author"], AUTHOR)
        if isinstance(comment.get("created_at"), str):
            yield from wrong_text(f"{name}: created_at", comment["created_at"])
        if comment.get("issue_id", issue.get("id")) != issue.get("id"):
            yield f"{name} is one of {kept_text(str(comment['issue_id']))[:200]}"


def new_comments(
    issue: dict[str, Any], moment: Callable[[dict[str, Any]], datetime | None]
) -> list[NewComment]:
    """The comments of an issue, oldest first, those without a time last; empty ones are left out. `moment`
    parses the time of a comment.
    """
    result, times = [], Counter[tuple[str, ...]]()
    for comment in issue.get("comments") or ():
        body = comment.get("text") or ""
        if field_limits.blank_fault(body):
            continue
        author = " ".join((comment.get("author") or "").split())
        author = "" if field_limits.blank_fault(author) else author
        same = author, _second(comment), body.strip()
        times[same] += 1  # written twice, it is imported twice
        digest = hashlib.blake2b("\0".join([*same, str(times[same])]).encode(), digest_size=16).hexdigest()
        result.append(NewComment(source_id=digest, author=author, body=body, created_at=moment(comment)))
    return sorted(result, key=lambda comment: comment.created_at or datetime.max.replace(tzinfo=UTC))


def _second(comment: dict[str, Any]) -> str:
    """When it was written, in UTC and to the second, because some versions cut fractions off; unchanged if it
    is not a time.
    """
    text = comment.get("created_at")
    try:
        moment = datetime.fromisoformat(text)  # type: ignore[arg-type]
        return (
            (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
            .astimezone(UTC)
            .isoformat(timespec="seconds")
        )
    except (TypeError, ValueError, OverflowError):
        return str(text or "")
