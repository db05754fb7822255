"""Names of gate checks for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

GateEntry = dict[str, Any]  # one check of a gate: {check, …parameters}

TASKS = "tasks_completed"


def words(word: Any) -> str:
    return str(word).replace("_", " ")


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


NAMES: dict[str, Callable[[GateEntry], str]] = {
    "artifact": lambda entry: f"{words(entry['type'])} submitted",
    "min_length": lambda entry: f"{words(entry['type'])} of {entry['length']} characters or more",
    "sections": lambda entry: f"Sections {' and '.join(words(name) for name in entry['sections'])}",
    "min_coverage": lambda entry: (
        f"{'Claimed coverage' if entry.get('claimed') else 'Coverage'} of {entry['percent']:g} % or more"
    ),
    "has_tests": lambda entry: "The change has tests",
    "tests_passed": lambda entry: "All tests pass",
    "http": lambda entry: f"Answer {entry.get('status', 200)} from {entry['url']}",
    "command": lambda entry: f"Command {entry['profile']} ends well",
    "agent_review": lambda entry: "Approved by a reviewing agent",
    "acceptance": lambda entry: "Every acceptance criterion is answered",
    "json_schema": lambda entry: f"{words(entry['type'])} is valid JSON of its schema",
    "file_exists": lambda entry: f"The commit has {entry['path']}",
    "file_contains": lambda entry: f"{entry['path']} contains “{entry['text']}”",
    "commit_on_branch": lambda entry: f"The commit is on {entry.get('branch', 'the base branch')}",
    "evidence_of_commit": lambda entry: "All reports are of the commit that is judged",
    "approvals": lambda entry: (
        f"1 approval by an {entry['role']}"
        if entry["count"] == 1
        else f"{entry['count']} approvals by {entry['role']}s"
    ),
    TASKS: lambda entry: "All tasks completed",
}


def name_of(entry: GateEntry) -> str:
    try:
        return capital(NAMES[entry["check"]](entry))
    except (KeyError, TypeError, ValueError):
        more = ", ".join(
            f"{words(key)} {value}"
            for key, value in entry.items()
            if key not in ("check", "passed", "reasons")
        )
        return capital(f"{words(entry['check'])}{f': {more}' if more else ''}")
