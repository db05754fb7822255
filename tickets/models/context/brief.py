"""The brief of a ticket's context: what earlier phases hand over to the work that can be claimed now.

It is stored with the ticket, so that a claim, which reads the ticket anyway, gives it as it is:
{target_phase, phases: {NAME: content}, current?, summary, tokens, budget, omitted: [{phase, what, count}],
fault?}. Empty while there is nothing to hand over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.conf import settings

from tickets.models.context.content import LISTS, Content, empty
from tickets.models.context.fit import fitted, size_of
from tickets.models.context.summary import BYTES, summary_of


class Brief(NamedTuple):
    """The values of a ticket's columns `context` and `summary`."""

    context: dict[str, Any]
    summary: str


NOTHING = Brief({}, "")


def brief_of(target: str, phases: Mapping[str, Content], notes: Mapping[str, list[dict[str, Any]]]) -> Brief:
    """The brief for work in the phase `target`, from the contents of the phases before it, in order, and what
    was noted for `target` itself; as long as the budget allows.
    """
    phases = {name: content for name, content in phases.items() if not empty(content)}
    current = {name: items for name, items in notes.items() if items}
    if not phases and not current:
        return NOTHING
    budget = settings.CONTEXT_TOKENS
    whole = {name: _without_omitted(content) for name, content in phases.items()}
    summary, fault = summary_of({"target_phase": target, "phases": whole}, budget // 2)
    frame = {"phases": dict.fromkeys(whole, ""), "current": "", "summary": summary}
    here: Content = {"tasks": [], "artifacts": [], "summary": "", **{name: [] for name in LISTS}, **current}
    parts, cut = fitted([*whole.items(), (target, here)], budget * BYTES - size_of(frame))
    *kept, here = parts
    context: dict[str, Any] = {
        "target_phase": target,
        "phases": {
            name: content
            for name, content in zip(whole, kept, strict=True)
            if not empty(content) or content["summary"]
        },
    }
    if current := {name: here[name] for name in LISTS if here[name]}:
        context["current"] = current
    context["summary"] = summary
    context["tokens"] = tokens_of(context)
    context["budget"] = budget
    context["omitted"] = _omitted(phases) + cut
    if fault:
        context["fault"] = fault
    return Brief(context, summary)


def tokens_of(context: Mapping[str, Any]) -> int:
    """About how many tokens it has for a language model: a quarter of the bytes of what it tells."""
    told = {name: context[name] for name in ("phases", "current", "summary") if name in context}
    return -(-size_of(told) // BYTES)


def _without_omitted(content: Content) -> Content:
    return {name: value for name, value in content.items() if name != "omitted"}


def _omitted(phases: Mapping[str, Content]) -> list[dict[str, Any]]:
    """What was left out of the stored contents already."""
    return [
        {"phase": name, **item} for name, content in phases.items() for item in content.get("omitted", ())
    ]
