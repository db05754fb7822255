"""What the checks of a gate ask for, as people say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Asked = dict[str, Any]  # an entry of a gate: {check, …parameters}

TASKS = "tasks_completed"


def spoken(word: Any) -> str:
    return str(word).replace("_", " ")


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


NAMES: dict[str, Callable[[Asked], str]] = {
    "artifact": lambda asked: f"{spoken(asked['type'])} handed in",
    "min_length": lambda asked: f"{spoken(asked['type'])} of {asked['length']} characters or more",
    "sections": lambda asked: f"Sections {' and '.join(spoken(name) for name in asked['sections'])}",
    "min_coverage": lambda asked: f"Coverage of {asked['percent']:g} % or more",
    "has_tests": lambda asked: "The change brings tests",
    "tests_passed": lambda asked: "All tests pass",
    TASKS: lambda asked: "All tasks completed",
}


def name_of(asked: Asked) -> str:
    try:
        return capital(NAMES[asked["check"]](asked))
    except (KeyError, TypeError, ValueError):
        more = ", ".join(
            f"{spoken(key)} {value}"
            for key, value in asked.items()
            if key not in ("check", "passed", "reasons")
        )
        return capital(f"{spoken(asked['check'])}{f': {more}' if more else ''}")
