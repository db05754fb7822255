"""The comments of a ticket, a few at a time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from tickets.models import Comment, Ticket

PAGE = 20
LENGTH = (
    4_000  # characters shown of one, unless it is asked for whole: a live refresh draws all of them again
)


class Comments:
    """`query`: comments=<id of one, for those before it>, comment=<id of one to show whole>."""

    def __init__(self, ticket: Ticket, query: Mapping[str, str]) -> None:
        self.ticket = ticket
        self.query = query

    @cached_property
    def _read(self) -> list[Comment]:
        comments = self.ticket.comments.order_by("-id")
        if self.earlier:
            comments = comments.filter(pk__lt=int(self.query["comments"]))
        return list(comments[: PAGE + 1])

    @property
    def earlier(self) -> bool:
        """Whether those before some comment are asked for, not the latest."""
        before = self.query.get("comments", "")
        return before.isascii() and before.isdigit() and len(before) < 19

    @property
    def page(self) -> list[Comment]:
        """The newest last."""
        return self._read[PAGE - 1 :: -1]

    @property
    def shown(self) -> list[tuple[Comment, str, bool]]:
        """Each with the text that is shown of it, and whether that is not all."""
        whole = self.query.get("comment", "")
        return [
            (comment, comment.body[:LENGTH], True)
            if len(comment.body) > LENGTH and str(comment.pk) != whole
            else (comment, comment.body, False)
            for comment in self.page
        ]

    @property
    def before(self) -> int | None:
        """The comment before which there are more; None: there are none."""
        return self.page[0].pk if len(self._read) > PAGE else None
