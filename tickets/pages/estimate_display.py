"""An estimate in words, for the page of a ticket."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from omoi_site import humanize
from omoi_site.humanize import counted
from tickets.models.estimate.estimate import Estimate, Part

SHOWN = 12  # parts of the critical path


@dataclass(frozen=True)
class PathPart:
    part: Part

    @property
    def name(self) -> str:
        return self.part.title or f"Stay in {humanize.phase(self.part.phase)}"

    @property
    def took(self) -> str:
        """How long it takes, and how that is known."""
        if not self.part.group:
            return "no time"
        samples = counted(self.part.samples, "sample")
        return f"{humanize.length(self.part.expected_s)}, from {samples}"


@dataclass(frozen=True)
class EstimateDisplay:
    found: Estimate

    @property
    def known(self) -> bool:
        return not self.found.unknown

    @property
    def soon(self) -> str:
        return self._in(self.found.expected_at)

    @property
    def likely(self) -> str:
        return self._in(self.found.likely_by)

    def _in(self, at: datetime | None) -> str:
        return humanize.coming((at - self.found.made_at).total_seconds()) if at else ""

    @property
    def parts(self) -> list[PathPart]:
        return [PathPart(part) for part in self.found.critical_path[:SHOWN]]

    @property
    def more(self) -> int:
        return max(0, len(self.found.critical_path) - SHOWN)

    @property
    def held(self) -> str:
        """How well past estimates held, in a sentence."""
        past = self.found.past
        if past is None:
            return "No estimate of this workflow can be compared yet: none of its tickets was done since."
        times = f"{past.low:.1f} to {past.high:.1f} times as long as was expected"
        if past.count < 4:
            return f"Of {counted(past.count, 'past estimate')}, the work took {times}."
        return f"In the middle half of the last {past.count} estimates, the work took {times}."
