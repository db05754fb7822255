"""Actions on the acceptance criteria of a ticket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from agents.models import rights
from tickets.models import Ticket
from tickets.models.ticket.acceptance import ANSWER, LONGEST, MOST
from tickets.pages.actions.action import TicketAction
from tickets.pages.forms import ActionForm

MOST_SHOWN = 500  # artifacts to choose from


class CriteriaForm(ActionForm):
    acceptance = forms.CharField(
        label="What must be true, one criterion on each line",
        required=False,
        max_length=MOST * (LONGEST + 2),
        widget=forms.Textarea({"class": "input", "rows": 8, "cols": False}),
    )


class WriteCriteria(TicketAction):
    name = "criteria"
    label = "Write criteria"
    icon = "list-checks"
    event = "ticket.edited"

    @property
    def available(self) -> bool:
        return not self.ticket.closed

    @property
    def effects(self) -> Sequence[str]:
        if not any(each.evidence for each in self.ticket.criteria):
            return []
        return ["A criterion that you change is open again. The others keep their evidence."]

    def form(self, data: Mapping[str, Any] | None = None, **how: Any) -> ActionForm:
        texts = "\n".join(each.text for each in self.ticket.criteria)
        return CriteriaForm(data, **{**how, "initial": {"acceptance": texts, **(how.get("initial") or {})}})

    def is_made(self, typed: Mapping[str, str]) -> bool:
        return [each.text for each in self.ticket.criteria] == criteria_in(typed.get("acceptance", ""))

    def do(self, values: dict[str, Any]) -> str:
        texts = criteria_in(values["acceptance"])
        Ticket.objects.act(self.ticket.pk, "edit", by=self.by, version=values["version"], acceptance=texts)
        return (
            f"{self.ticket.key} has {len(texts)} acceptance {'criterion' if len(texts) == 1 else 'criteria'}"
        )


def criteria_in(text: str) -> list[str]:
    """One criterion on each line."""
    return [line.strip() for line in text.splitlines() if line.strip()]


class AnswerForm(ActionForm):
    """The verb itself checks whether they are there: the ticket may have changed since the form was shown."""

    number = forms.IntegerField(label="Criterion")
    evidence = forms.CharField(label="Evidence", required=False, max_length=300)

    def __init__(self, *args: Any, ticket: Ticket, **how: Any) -> None:
        super().__init__(*args, **how)
        names = [f"{artifact.phase}/{artifact.name}" for artifact in ticket.artifacts.current()[:MOST_SHOWN]]
        self._choose("number", [(each.number, f"{each.number}. {each.text}") for each in ticket.criteria])
        self._choose("evidence", [*((name, name) for name in names), ("", "None: it is open")])

    def _choose(self, field: str, choices: Sequence[tuple[Any, str]]) -> None:
        self.fields[field].widget = forms.Select({"class": "input"}, choices=choices)


class AnswerCriterion(TicketAction):
    name = "answer"
    label = "Name evidence"
    icon = "link"
    event = "ticket.criterion_answered"
    scope = ANSWER

    @property
    def available(self) -> bool:
        return bool(self.ticket.acceptance) and not self.ticket.closed

    @property
    def permitted(self) -> bool:
        return not self.permissions.scopes.isdisjoint(ANSWER.split(rights.EITHER))

    def form(self, data: Mapping[str, Any] | None = None, **how: Any) -> ActionForm:
        first = next((each.number for each in self.ticket.criteria if each.state != "answered"), 1)
        initial = {"number": first, **(how.get("initial") or {})}
        return AnswerForm(data, ticket=self.ticket, **{**how, "initial": initial})

    def is_made(self, typed: Mapping[str, str]) -> bool:
        named = {str(each.number): each.evidence for each in self.ticket.criteria}.get(
            typed.get("number", "")
        )
        return (f"{named['phase']}/{named['name']}" if named else "") == typed.get("evidence", "")

    def do(self, values: dict[str, Any]) -> str:
        number, evidence = values["number"], values["evidence"]
        how = {"number": number, "evidence": evidence}
        Ticket.objects.act(self.ticket.pk, "answer", by=self.by, version=values["version"], **how)
        return f"{evidence} answers criterion {number}" if evidence else f"Criterion {number} is open"
