"""What would come of installing a document: its faults, what it changes, and who uses the workflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agents.models import Actor, rights
from tickets.models.workflow import Workflow
from tickets.models.workflow_usage import Usage, usage
from tickets.workflows.document import InvalidWorkflow, Plan
from tickets.workflows.text import DiffLine, as_yaml, difference


@dataclass(frozen=True)
class Preview:
    """`plan` is None if the document has faults: each {field, code, message, line?}. `newest`: the version in
    force.
    """

    name: str
    source: Any
    plan: Plan | None
    newest: Workflow | None
    faults: Sequence[dict[str, Any]]
    more_faults: int
    usage: Sequence[Usage]

    @property
    def unchanged(self) -> bool:
        """Whether the version in force says the same, so that no version would be made."""
        return bool(self.plan and self.newest and self.plan.document == self.newest.document)

    @property
    def version(self) -> int:
        """The version that it would be."""
        return (self.newest.version if self.newest else 0) + (not self.unchanged)

    @cached_property
    def difference(self) -> list[DiffLine] | None:
        """What differs from the version in force; None if that is too long to compare."""
        return difference(self.newest.text if self.newest else "", self.text)

    @property
    def text(self) -> str:
        """The text of the document; empty for one that was not sent as a text and has faults."""
        if self.plan:
            return self.plan.text or as_yaml(self.plan.document)
        text = self.source.decode(errors="replace") if isinstance(self.source, bytes) else self.source
        return text.replace("\r\n", "\n") if isinstance(text, str) else ""


def preview(source: Any, *, name: str = "", by: Actor) -> Preview:
    """What `Workflow.objects.install` would do with this document. It changes nothing. `by` needs the same
    right.

    name: the name that the document must have; empty: any.
    """
    rights.require(by, "admin")
    plan, faults, more = None, [], 0
    try:
        plan = Workflow.objects.checked(source, name)
    except InvalidWorkflow as refusal:
        faults, more = refusal.more["errors"], refusal.more.get("more_errors", 0)
    name = name or (plan.name if plan else "")
    newest = Workflow.objects.named(name).order_by("-version").first() if name else None
    return Preview(name, source, plan, newest, faults, more, usage(by, name) if newest else ())
