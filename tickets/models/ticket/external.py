"""What a ticket is called elsewhere: an address that can be followed, or any other line of text."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from agents.models import Actor, label, via
from omoi_site.database import sql
from tickets.models.journal_sql import ticket_events

FILLED = """jsonb_build_object(
  'before', '{"external_ref": ""}'::jsonb, 'after', jsonb_build_object('external_ref', external_ref))"""
FILL = f"""
WITH i AS (SELECT * FROM unnest(%(tickets)s::bigint[], %(refs)s::varchar[]) AS i(ticket, ref)),
mine AS MATERIALIZED (SELECT k.id, i.ref FROM tickets_ticket k JOIN i ON i.ticket = k.id WHERE k.external_ref = '' ORDER BY k.id FOR NO KEY UPDATE OF k),
told AS (UPDATE tickets_ticket k SET external_ref = mine.ref, version = k.version + 1, events = k.events + 1
         FROM mine WHERE k.id = mine.id RETURNING k.key, k.project_id, k.events, k.external_ref)
{ticket_events("told", "'ticket.edited'", data=FILLED)} RETURNING id
"""


def fill(refs: Mapping[int, str], *, by: Actor) -> int:
    """Give an external reference to tickets, by id, that have none; how many took it. One that has another
    keeps it.
    """
    given = {"tickets": list(refs), "refs": list(refs.values()), "actor": label(by), "key": via(by)}
    return len(sql.rows(FILL, given)) if refs else 0


def address(ref: str) -> str:
    """The reference as an address to follow; empty where it is none, or where a name before an @ hides the
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
