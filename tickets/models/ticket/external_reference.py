"""The external reference of a ticket: an address, or any other line of text."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from agents.models import Actor, label, via
from omoi_site.database import sql
from tickets.models.journal_sql import ticket_events

FILLED = """jsonb_build_object(
  'before', '{"external_ref": ""}'::jsonb, 'after', jsonb_build_object('external_ref', external_ref))"""
FILL = sql.statement(
    __file__, "fill_external_ref", journal=ticket_events("filled", "'ticket.edited'", data=FILLED)
)


def fill(refs: Mapping[int, str], *, by: Actor) -> int:
    """Set the external reference of those tickets (by id) that have none. Returns how many."""
    params = {"tickets": list(refs), "refs": list(refs.values()), "actor": label(by), "key": via(by)}
    return len(sql.rows(FILL, params)) if refs else 0


def address(ref: str) -> str:
    """The reference as an address for a link; empty if it is not one, or if a name before an @ hides the
    host.
    """
    try:
        parts = urlsplit(ref)
        followed = (
            parts.scheme in ("http", "https")
            and parts.hostname
            and "@" not in parts.netloc
            and not any(map(str.isspace, ref))
        )
    except ValueError:  # half an IPv6 address
        return ""
    return ref if followed else ""
