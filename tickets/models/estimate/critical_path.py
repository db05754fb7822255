"""When each step of a graph ends, if all take as long as expected, and the chain that decides it.

Nothing fails here. A need of a failure is met only where its parent is cancelled.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tickets.models.task.readiness import met

Key = Hashable


@dataclass(frozen=True, slots=True)
class Wait:
    """A need of a step that has not ended, as in `Need`."""

    parent: Key
    when: str = "success"
    on_failure: str = "hold"


@dataclass(frozen=True, slots=True)
class Step:
    """takes: seconds from its begin to its end. earliest: it begins no sooner. needed: how many of its needs
    must be met. after: it begins when all of these have ended that ever do.
    """

    takes: float
    earliest: float = 0.0
    needs: Sequence[Wait] = ()
    needed: int = 0
    after: Sequence[Key] = ()


@dataclass(frozen=True, slots=True)
class End:
    """`at`: seconds from now. `by`: the step whose end let it begin; None: it could begin by itself.
    cancelled: its needs can no longer be met, so it is cancelled then and takes no time.
    """

    at: float
    by: Key | None = None
    cancelled: bool = False

    @property
    def state(self) -> str:
        return "cancelled" if self.cancelled else "completed"


@dataclass
class Ends:
    """The steps that end. A step that waits for a person, or in a circle, has none."""

    steps: Mapping[Key, Step]
    known: dict[Key, End] = field(default_factory=dict)

    def chain(self, last: Key) -> list[Key]:
        """The steps that decide when `last` ends, the first one first."""
        chain, key = [], last
        while key is not None:
            chain.append(key)
            key = self.known[key].by
        return chain[::-1]

    def begin(self, key: Key) -> float:
        """When it begins to take its time."""
        end = self.known[key]
        return end.at if end.cancelled else end.at - self.steps[key].takes


def ends(steps: Mapping[Key, Step]) -> Ends:
    """When each step ends. Takes each step and each edge once, beside sorting the needs of one step."""
    found = Ends(steps)
    for key in _in_order(steps):
        if end := _end(steps[key], found.known):
            found.known[key] = end
    return found


def _in_order(steps: Mapping[Key, Step]) -> Iterator[Key]:
    """Each step after those that it waits for; none that waits in a circle."""
    children = defaultdict(list)
    left: Counter[Key] = Counter()
    for key, step in steps.items():
        for parent in (*(need.parent for need in step.needs), *step.after):
            if parent in steps:
                children[parent].append(key)
                left[key] += 1
    todo = [key for key in steps if not left[key]]
    while todo:
        key = todo.pop()
        yield key
        for child in children[key]:
            left[child] -= 1
            if not left[child]:
                todo.append(child)


def _end(step: Step, known: Mapping[Key, End]) -> End | None:
    good: list[tuple[float, Wait]] = []
    bad: list[tuple[float, Wait]] = []
    for need in step.needs:
        if parent := known.get(need.parent):
            ends_well = met(need.when, need.on_failure, parent.state)
            (good if ends_well else bad).append((parent.at, need))
    if len(good) < step.needed:
        return _cancelled(step, bad)
    begin, by = step.earliest, None
    if step.needed:
        at, need = sorted(good, key=_at)[step.needed - 1]
        begin, by = (at, need.parent) if at >= begin else (begin, by)
    for key in step.after:
        if (other := known.get(key)) and (other.at > begin or (by is None and other.at >= begin)):
            begin, by = other.at, key
    return End(begin + step.takes, by)


def _cancelled(step: Step, bad: list[tuple[float, Wait]]) -> End | None:
    """Once too few of its needs can be met, the next one with that policy which ends badly cancels it."""
    hopeless = len(step.needs) - step.needed
    if len(bad) <= hopeless:
        return None
    since = sorted(at for at, _ in bad)[hopeless] if hopeless >= 0 else 0.0
    cancelling = [(at, need) for at, need in bad if at >= since and need.on_failure == "cancel"]
    if not cancelling:
        return None
    at, need = min(cancelling, key=_at)
    return End(at, need.parent, cancelled=True)


def _at(ended: tuple[float, Wait]) -> float:
    return ended[0]
