"""Only one process at a time can use a worker's name. It holds an advisory lock, which ends with its
connection.
"""

from __future__ import annotations

import re
import socket

from omoi_site.database import sql
from omoi_site.errors import OmoiError

SLOTS = 1000


class NameTaken(OmoiError):
    """Another process uses this name."""

    code = "name_taken"
    title = "Another worker has this name"


def take(name: str) -> bool:
    """Take the name, or keep it; a process that lost its connection takes it again."""
    row = sql.one("SELECT pg_try_advisory_lock(hashtext('omoi worker'), hashtext(%s)) AS ours", [name])
    return bool(row and row["ours"])


def take_one(wanted: str = "") -> str:
    """Take the name `wanted`, or this host's name with the first free number. Raises NameTaken."""
    host = re.sub(r"[^a-z0-9._-]+", "-", socket.gethostname().lower()).strip("-._")[:50] or "worker"
    for name in [wanted] if wanted else (f"{host}-{slot}" for slot in range(1, SLOTS)):
        if take(name):
            return name
    raise NameTaken(
        f"a worker named {wanted or host} is already running. Give this one another --name,"
        " or stop the other first"
    )
