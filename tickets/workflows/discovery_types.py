"""The types of discoveries: any name of small letters, a few of which have other spellings."""

from __future__ import annotations

TYPE = r"^[a-z][a-z0-9_]{0,59}$"
USUAL = ("security_issue", "needs_clarification", "optimisation", "bug")
SPELLINGS = {
    "requires_clarification": "needs_clarification",
    "optimization": "optimisation",
    "optimization_opportunity": "optimisation",
}


def normal(kind: str) -> str:
    """The type in the spelling that is stored."""
    return SPELLINGS.get(kind, kind)
