"""What syncs, merges, joins and needs say of themselves on pages."""

from __future__ import annotations

from dataclasses import dataclass

from omoi_site.templatetags.omoi import long, short

WHEN = {"failure": "on failure", "always": "however it ends"}  # how a need must end, if not in success


@dataclass(frozen=True)
class Coordination:
    """How a task brings others together. `operation`: sync, merge, or empty for a task that is worked on.
    `join`: how many of the tasks `of` it needs; None means all. `cancels_others`: when it goes on, those that
    have not ended are cancelled.
    """

    operation: str = ""
    join: int | None = None
    of: int = 0
    strategy: str = ""
    timeout_s: int | None = None
    on_timeout: str = ""
    cancels_others: bool = False

    @property
    def some(self) -> bool:
        """Whether fewer than all tasks are enough."""
        return self.join is not None and self.join < self.of

    @property
    def cancels(self) -> bool:
        """Whether any may be left to cancel when it goes on."""
        return self.cancels_others and (self.some or self._goes_on_in_time)

    @property
    def enough(self) -> str:
        """How many are enough, in two or three words."""
        if not self.some:
            return f"all {self.of}" if self.of > 1 else ""
        return f"first of {self.of}" if self.join == 1 else f"{self.join} of {self.of}"

    @property
    def brief(self) -> str:
        """For a node: "sync 2 of 3, 30m"."""
        words = f"{self.operation} {self.strategy}".strip()
        parts = [f"{words} {self.enough}".strip() if self.some or not self.strategy else words]
        if self.timeout_s:
            parts.append(short(self.timeout_s))
        return ", ".join(part for part in parts if part)

    @property
    def sentence(self) -> str:
        """For the list; empty for a task that needs all that it names."""
        then = ", then cancels the others" if self.cancels and self.some else ""
        if not self.operation:
            return f"Goes on from {self._needed}{then}" if self.some else ""
        if self.operation == "merge":
            # one need: a sync, which had several
            what = "the tasks before it" if self.of == 1 else self._needed
            return f"Merges the results of {what}: {self.strategy}"
        over = "goes on with what there is" if self._goes_on_in_time else "fails"
        end = f"; {over} after {long(self.timeout_s)}" if self.timeout_s else ""
        last = " and cancels the others" if self.cancels and not self.some else ""
        return f"Waits for {self._needed}{then}{end}{last}"

    @property
    def _goes_on_in_time(self) -> bool:
        """Whether it goes on when its time is over, with fewer than it needs."""
        return bool(self.timeout_s) and self.on_timeout == "continue"

    @property
    def _needed(self) -> str:
        if self.join == 1 and self.some:
            return f"the first of {self.of} tasks"
        if self.some:
            return f"{self.join} of {self.of} tasks"
        return f"all {self.of} tasks" if self.of > 1 else "one task" if self.of else "no task"
