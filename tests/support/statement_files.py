"""The files with the product's statements, and which of them stand in a text that was sent."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.conf import settings

from omoi_site.database import sql

APPS = ("agents", "collaboration", "omoi_site", "tickets")
IMPORT = "when a backlog is imported"
FAULT = "after a sweep has found a fault"
START = "when a process starts, and when an operator asks"
ABSENCE = "once after the machine slept"
FOLLOWERS = "reads only the rows of the processes that follow the journal"
# Statements that no act of the test of plans runs: less than once a minute, or of a small table.
NOT_RUN = {
    "agents/models/journal_follower_forget.sql": FOLLOWERS,
    "agents/models/journal_follower_state.sql": FOLLOWERS,
    "agents/models/sign_in_tries.sql": "when somebody signs in",
    "omoi_site/brokers/take.sql": "reads only the messages of the PostgreSQL broker",
    "omoi_site/database/privileges.sql": START,
    "omoi_site/database/restored.sql": START,
    "omoi_site/database/role_check.sql": START,
    "omoi_site/database/schema.sql": "when the tables of an empty database are made",
    "tickets/models/attention/messages_kept.sql": "reads one row, where the broker is not PostgreSQL",
    "tickets/models/claim/extend_leases.sql": ABSENCE,
    "tickets/models/claim/extend_stalls.sql": ABSENCE,
    "tickets/models/claim/extend_timeouts.sql": ABSENCE,
    "tickets/models/claim/lock_profile_pools.sql": "when a worker claims where profiles name pools",
    "tickets/models/claim/lower_bound.sql": FAULT,
    "tickets/models/ticket/due_into_limited.sql": "where a phase limits its tickets",
    "tickets/models/claim/misplaced.sql": "when a profile names other pools",
    "tickets/models/claim/phase_stalls.sql": "when a ticket goes on under another version of its workflow",
    "tickets/models/explain/nobody_else.sql": "when somebody takes an agent out of work",
    "tickets/models/freeze/grants.sql": "when somebody looks at freezes: it reads a part of an index",
    "tickets/models/freeze/history.sql": "when somebody looks at freezes: it reads an index of few events",
    "tickets/models/freeze/open_transactions.sql": "when somebody freezes",
    "tickets/models/project_rows.sql": "when somebody looks at projects: counts that end at 500",
    "tickets/models/task/alarm.sql": FAULT,
    "tickets/models/search.sql": "when somebody searches: it reads a fixed number of titles, and few match",
    "tickets/models/ticket/adopt.sql": IMPORT,
    "tickets/models/ticket/count_comments.sql": IMPORT,
    "tickets/models/ticket/existing_tickets.sql": IMPORT,
    "tickets/models/ticket/family.sql": IMPORT,
    "tickets/models/ticket/family_waits.sql": IMPORT,
    "tickets/models/ticket/fill_external_ref.sql": IMPORT,
    "tickets/models/ticket/parent_cycle.sql": IMPORT,
    "tickets/models/ticket/waits_for_children.sql": IMPORT,
    "tickets/models/workflow_statistics.sql": "when somebody asks for statistics: it reads a whole history",
    "tickets/models/workflow_usage.sql": "when somebody looks at workflows: it counts all open tickets",
    "tickets/simulation/task_events.sql": "at the end of a simulation",
    "tickets/models/waiting/due_by_time.sql": FAULT,
    "tickets/models/waiting/untold.sql": FAULT,
    "tickets/models/waiting/untold_tickets.sql": FAULT,
}


def every() -> set[str]:
    files = (file for app in APPS for file in (settings.ROOT / app).rglob("*.sql"))
    return {str(file.relative_to(settings.ROOT)) for file in files if "migrations" not in file.parts}


def among(texts: Iterable[str]) -> set[str]:
    """Those of which each piece between two `{parts}` stands in one of the texts, in order."""
    plain = [_plain(text) for text in texts]
    return {
        file
        for file in every()
        if any(_has(text, _pieces((settings.ROOT / file).read_text())) for text in plain)
    }


def _pieces(text: str) -> list[str]:
    return [plain for piece in sql.PART.split(text)[::2] if (plain := _plain(piece))]


def _has(text: str, pieces: list[str]) -> bool:
    at = 0
    for piece in pieces:
        if (at := text.find(piece, at)) < 0:
            return False
        at += len(piece)
    return True


def _plain(text: str) -> str:
    """In one line, without comments; some statements are written for a table and then used for its alias."""
    lines = (re.sub(r"(^|\s)--.*", "", line) for line in text.splitlines())
    return " ".join(" ".join(lines).split()).replace("%%", "%").replace("tickets_ticket.", "k.")
