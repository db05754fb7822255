"""The gate checks that Omoi ships, one module per family. Importing this package registers them.

Each takes the newest artifact of a type from the case (`tickets.models.gate.verdict.Case`) and reads it.
"""

from tickets.gates.checks import (
    approvals,
    changes,
    commands,
    commits,
    criteria,
    documents,
    http,
    json_files,
    reports,
    reviews,
    tasks,
)

__all__ = [
    "approvals",
    "changes",
    "commands",
    "commits",
    "criteria",
    "documents",
    "http",
    "json_files",
    "reports",
    "reviews",
    "tasks",
]
