"""Acceptance criteria: what must be true of a ticket, each with the artifact that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.models import Actor, label, rights
from omoi_site import field_limits
from omoi_site.errors import Faults, Invalid, NotFound, short
from tickets.models.ticket.fields import TicketFields

MOST = 50  # criteria of a ticket
LONGEST = 500  # characters of a criterion
ANSWER = f"tickets:write{rights.EITHER}work"  # the right to name the evidence


@dataclass(frozen=True)
class Criterion:
    """state: `open`, `answered`, or `old`: the artifact has another revision since."""

    number: int
    text: str
    state: str
    evidence: dict[str, str] | None = None  # phase, name and hash of the artifact, and by whom it was named


class AcceptanceCriteria(TicketFields):
    class Meta:
        abstract = True

    @property
    def criteria(self) -> list[Criterion]:
        if not self.acceptance:
            return []
        now = {(row.phase, row.name): row.blob_id for row in self.artifacts.current()}
        return [
            Criterion(number, each["text"], _state(each["evidence"], now), each["evidence"])
            for number, each in enumerate(self.acceptance, 1)
        ]

    def answer(self, *, by: Actor, number: int, evidence: str) -> None:
        """Name the artifact that answers a criterion, as it is now: `name` or `phase/name`. An empty name
        takes the answer back.
        """
        self.expect_permitted("answer", by)
        if not 0 < number <= len(self.acceptance):
            raise NotFound(f"{self.key} has no acceptance criterion {number}")
        named = self._named(evidence) if evidence else None
        answer = named and {
            "phase": named.phase,
            "name": named.name,
            "hash": named.blob_id,
            "by": label(by),
        }
        former = self.acceptance[number - 1]
        if _same(former["evidence"], answer):
            return
        self.acceptance = [*self.acceptance]
        self.acceptance[number - 1] = {**former, "evidence": answer}
        data = {"number": number, "text": former["text"], "evidence": answer}
        self.record("ticket.criterion_answered", by=by, data=data)
        self.hint_advance()

    def _named(self, evidence: str) -> Any:
        """The newest artifact of this name, that of the ticket's phase first."""
        there = sorted(self.artifacts.current(), key=lambda row: (row.phase == self.phase, row.pk))
        for row in reversed(there):
            if evidence in (row.name, f"{row.phase}/{row.name}"):
                return row
        names = ", ".join(sorted({row.name for row in there})[:20])
        raise Invalid(
            f"{self.key} has no artifact {short(evidence, 60)}; it has {names or 'none'}", field="evidence"
        )


def criteria_of(texts: Sequence[str], former: Sequence[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    """The criteria with these texts, as they are stored. One that was there before keeps its answer."""
    texts = [text.strip() for text in texts]
    faults = Faults()
    if len(texts) > MOST:
        faults.add("acceptance", f"at most {MOST} criteria are allowed; there are {len(texts)}")
    for index, text in enumerate(texts[:MOST]):
        if fault := _fault(text, texts[:index]):
            faults.add(f"acceptance.{index}", fault)
    faults.check()
    answers = {each["text"]: each["evidence"] for each in former}
    return [{"text": text, "evidence": answers.get(text)} for text in texts]


def _fault(text: str, before: Sequence[str]) -> str:
    if len(text) > LONGEST:
        return f"at most {LONGEST} characters are allowed; there are {len(text)}"
    if not field_limits.seen(text):
        return "say what must be true"
    return field_limits.shown_fault(text) or ("this criterion appears twice" if text in before else "")


def _state(evidence: dict[str, str] | None, now: dict[tuple[str, str], str]) -> str:
    if evidence is None:
        return "open"
    return "answered" if now.get((evidence["phase"], evidence["name"])) == evidence["hash"] else "old"


def _same(one: dict[str, str] | None, other: dict[str, str] | None) -> bool:
    keys = ("phase", "name", "hash")
    return one == other or bool(one and other and all(one[key] == other[key] for key in keys))
