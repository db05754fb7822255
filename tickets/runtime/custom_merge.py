"""Custom merges: the answer of a profile becomes the merged result, if it is a JSON object.

A callable returns it; a command prints it.
"""

from __future__ import annotations

from typing import Any

from agents.executors.job import Ending
from omoi_site import strict_json
from omoi_site.errors import Malformed
from tickets.workflows.fault_texts import ARTICLES


def merged(ending: Ending, profile: str) -> Ending:
    """The ending as that of a merge: its result is the object itself; without one it has failed for good."""
    if not ending.ok:
        return ending
    found: Any = ending.result.get("value")
    if "output" in ending.result and "value" not in ending.result:
        try:
            found = strict_json.read(str(ending.result["output"]).encode())
        except Malformed as fault:
            return _refused(profile, f"its output cannot be read: {fault.message}")
    if isinstance(found, dict):
        return Ending(True, found)
    return _refused(profile, f"it gave {ARTICLES.get(type(found), 'a number')}")


def _refused(profile: str, why: str) -> Ending:
    return Ending.refused(f"the profile {profile} must give the merged result as a JSON object, but {why}")
