"""One connection that follows the journal, and whether it needs a NOTIFY for what is new.

Awake, it looks by itself many times a second, and nobody sends a NOTIFY for it. Asleep, each statement that
writes the journal sends one. A transaction that wrote while the follower was awake sends none when it
commits, so after falling asleep the follower looks on until every such transaction has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from agents.models.journal_changes import look
from omoi_site.database import sql
from omoi_site.serving.journal_change import Change

Link = psycopg.AsyncConnection[Any]

STATE = sql.statement(__file__, "journal_follower_state")
FORGET_ENDED = sql.statement(__file__, "journal_follower_forget")


class JournalFollower:
    """What `JournalListener` asks of the journal, on its connection in autocommit. `rights_changed` is called
    when a look finds that they did.
    """

    def __init__(self, rights_changed: Callable[[], None] = lambda: None) -> None:
        self.rights_changed = rights_changed

    async def listen(self, link: Link) -> int:
        """Hear of what is committed from now on; as `fall_asleep`."""
        await link.execute("LISTEN omoi_events")
        return await self.fall_asleep(link)

    async def look(self, link: Link, cursor: str) -> Change:
        change = await look(link, cursor)
        if change.rights:
            self.rights_changed()
        return change

    async def fall_asleep(self, link: Link) -> int:
        """Ask for a NOTIFY. Returns a transaction number: the older ones may commit without one.

        The number is taken after the commit. A transaction can begin while that is under way, and so be newer
        than the one of the UPDATE and still have read that nobody is asleep.
        """
        await link.execute(STATE, {"asleep": True})
        taken = await (await link.execute("SELECT pg_current_xact_id()::text::bigint")).fetchone()
        assert taken
        number: int = taken[0]
        return number

    async def wake_up(self, link: Link) -> None:
        await link.execute(STATE, {"asleep": False})

    async def forget_ended(self, link: Link) -> None:
        """Remove followers whose connection has ended: nobody needs a NOTIFY for them."""
        await link.execute(FORGET_ENDED)
