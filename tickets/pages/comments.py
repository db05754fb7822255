"""The comments of a ticket, a few at a time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from tickets.models import Comment, Ticket

PAGE = 20
LENGTH = 4_000  # characters shown of a comment, because a live refresh draws all of them again
# one more than a page shows, if there are more
COMMENTS = f"""
SELECT id, author, source, created_at, body
FROM tickets_comment
WHERE ticket_id = %(ticket)s
  AND id < %(before)s
ORDER BY id DESC
LIMIT {PAGE + 1}
"""


class Comments:
    """`query`: comments=<id: show those before it>, comment=<id: show it whole>."""

    def __init__(self, ticket: Ticket, query: Mapping[str, str]) -> None:
        self.ticket = ticket
        self.query = query

    @cached_property
    def _read(self) -> list[Comment]:
        before = int(self.query["comments"]) if self.earlier else 2**63 - 1
        return list(Comment.objects.raw(COMMENTS, {"ticket": self.ticket.pk, "before": before}))

    @property
    def earlier(self) -> bool:
        """Whether the page shows comments before a certain one, not the latest."""
        before = self.query.get("comments", "")
        return before.isascii() and before.isdigit() and len(before) < 19

    @property
    def page(self) -> list[Comment]:
        """The comments to show, newest last."""
        return self._read[PAGE - 1 :: -1]

    @property
    def shown(self) -> list[tuple[Comment, str, bool]]:
        """Each comment with the text to show, and whether it was cut."""
        whole = self.query.get("comment", "")
        return [
            (comment, comment.body[:LENGTH], True)
            if len(comment.body) > LENGTH and str(comment.pk) != whole
            else (comment, comment.body, False)
            for comment in self.page
        ]

    @property
    def before(self) -> int | None:
        """The id of the comment before which there are more; None if there are none."""
        return self.page[0].pk if len(self._read) > PAGE else None
