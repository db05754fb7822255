"""Sign-ins, sign-outs and refusals: recorded in the log and, for known principals, also in the journal.

A flood fills neither. For each kind, a process writes at most ten a minute per address to the log, and ten a
minute per principal to the journal. The next entry says how many were left out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Hashable
from typing import Any

import structlog

from agents.models.account import Account
from agents.models.actor import Actor, label, pk_of
from agents.models.agent import Agent
from omoi_site.database import sql

MOST, SPAN_S = 10, 60.0
REMEMBERED = 10_000

access_log = structlog.get_logger("omoi.access")
log = logging.getLogger(__name__)


class Allowance:
    """Allows `most` of each kind within `span_s`."""

    def __init__(self, most: int = MOST, span_s: float = SPAN_S) -> None:
        self.most, self.span_s = most, span_s
        self.used: dict[
            Hashable, list[float]
        ] = {}  # by kind: when its span began, how many were taken in it, how many left out since

    def take(self, kind: Hashable) -> int | None:
        """How many were left out before this one; None if this one is left out too."""
        if len(self.used) >= REMEMBERED:
            self.used.clear()
        now = time.monotonic()
        used = self.used.setdefault(kind, [now, 0, 0])
        if now - used[0] >= self.span_s:
            used[0], used[1] = now, 0
        if used[1] >= self.most:
            used[2] += 1
            return None
        left_out, used[1], used[2] = int(used[2]), used[1] + 1, 0
        return left_out


in_log, in_journal = Allowance(), Allowance()


def note(kind: str, *, address: str, who: Actor | None = None, by: Actor | None = None, **data: Any) -> None:
    """Record that `kind` (`signed_in`, `sign_in_failed`, `signed_out`, `refused`) happened to `who`: an
    agent, a person, or None for an unknown sender.

    `by` is the actor, if not `who`. `data` must not contain a secret, nor any text from an unknown sender
    except an address.
    """
    named = {"who": label(who)} if who else {}
    if (left_out := in_log.take((kind, address))) is not None:
        write = access_log.info if kind in ("signed_in", "signed_out") else access_log.warning
        write(kind, address=address, **named, **data, **({"left_out": left_out} if left_out else {}))
    if who and (left_out := in_journal.take((kind, label(who)))) is not None:
        try:
            _record(
                who,
                kind,
                by or who,
                {"address": address, **data, **({"left_out": left_out} if left_out else {})},
            )
        except Exception:
            log.exception("the journal could not be written")


@sql.atomic
def _record(who: Actor, kind: str, by: Actor, data: dict[str, Any]) -> None:
    if isinstance(who, Agent):
        return who.record(f"agent.{kind}", by=by, data=data)
    account, _ = Account.objects.get_or_create(user_id=pk_of(who))
    return account.record(f"user.{kind}", by=by, data=data)
