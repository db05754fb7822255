"""Texts of an issue in which a reader sees nothing: replaced or left out, as the report says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from omoi_site import field_limits

NOT_NEEDED = ("status", "issue_type", "external_ref", "assignee")  # left out, as if they were empty


def replace_blank_texts(issue: dict[str, Any], line: str, warnings: list[str]) -> dict[str, Any]:
    """The issue, with its id instead of such a title, and without other such texts."""
    kept = {name: value for name, value in issue.items() if name not in NOT_NEEDED or not _invisible(value)}
    if issue.get("labels"):
        kept["labels"] = [label for label in issue["labels"] if not _invisible(label)]
    if left_out := list(_left_out(issue)):
        warnings.append(f"{line}: left out, because they have no visible character: {', '.join(left_out)}")
    if field_limits.blank_fault(issue["title"]):
        warnings.append(f"{line}: the title of {issue['id']} has no visible character. Its id is the title")
        kept["title"] = issue["id"]
    return kept


def _left_out(issue: dict[str, Any]) -> Iterator[str]:
    yield from (name for name in NOT_NEEDED if _invisible(issue.get(name)))
    if any(map(_invisible, issue.get("labels") or ())):
        yield "labels"
    comments = issue.get("comments") or ()
    if any(_invisible(comment.get("author")) for comment in comments):
        yield "authors of comments"
    if any(_invisible(comment.get("text")) for comment in comments):
        yield "comments"


def _invisible(value: Any) -> bool:
    """Not so for a text of nothing but blanks: that is an empty one."""
    return isinstance(value, str) and bool(value.strip() and field_limits.blank_fault(value))
