"""The plan of a pattern: the tasks that it adds to a ticket, and what each of them needs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any

from omoi_site.errors import short
from tickets.patterns import placeholders
from tickets.patterns.document import (
    Block,
    InvalidPattern,
    Pattern,
    blocks,
    faults_of,
    names,
    numbered,
)
from tickets.patterns.schema import JOINS, MOST_NEEDS
from tickets.workflows import plain_yaml
from tickets.workflows.document import refuse
from tickets.workflows.fault_texts import did_you_mean
from tickets.workflows.faults import COUNTED, Fault
from tickets.workflows.faults import Path as FaultPath

KEY = re.compile(r"(?:[A-Z][A-Z0-9]*-\d+\.)?(\d{1,18})")
TITLE = 300  # characters
LONGEST = 25_000_000  # characters of all texts: what the descriptions of the most tasks may have, and more
TOO_LONG = f"with these arguments the texts of the pattern have more than {LONGEST} characters in all"
HINTED = 20  # of the faults, the first ones that say what may be meant: to find that takes long
LISTED = 20  # names of arguments in a fault
TOO_MANY_NEEDS = (
    f"up to here, its tasks need more than {MOST_NEEDS} tasks in all: put a sync before what waits for many"
)
NO_OTHERS = (
    "this join waits for all that it needs, so there are no others to cancel: give it the strategy first or"
    " majority, without a sync and a merge of the same tasks, or write `others` with the sync"
)
MERGES = ("combine", "union", "intersection", "custom")  # strategies of a join that merge its tasks first


@dataclass(frozen=True)
class PlannedNeed:
    """`on`: the name of a task of the pattern, or the id of a task that is there already."""

    on: str | int
    when: str = "success"
    on_failure: str = "hold"


@dataclass(frozen=True)
class PlannedTask:
    """A task to add. An empty phase or priority is decided by what it needs. `path`: where the document has
    it.
    """

    name: str
    block: str
    title: str
    path: FaultPath
    needs: tuple[PlannedNeed, ...]
    description: str = ""
    kind: str = "task"
    phase: str = ""
    priority: str = ""
    join: int | None = None
    operation: str = ""
    strategy: str = ""
    timeout_s: int | None = None
    on_timeout: str = "fail"
    others: str = "continue"
    capabilities: tuple[str, ...] = ()
    profile: str = ""
    slots: Mapping[str, Any] = field(default_factory=dict)
    max_attempts: int = 3


def plan(pattern: Pattern, arguments: Mapping[str, Any]) -> list[PlannedTask]:
    """The tasks of a pattern with these arguments, each after those that it needs. Raises InvalidPattern with
    every fault.
    """
    if wrong := list(islice(_of_arguments(pattern, arguments), COUNTED)):
        raise refuse(wrong, None, InvalidPattern)
    lengths = {name: len(str(value)) for name, value in arguments.items()}
    if placeholders.length(pattern.document, lengths) > LONGEST:
        raise refuse([Fault(("arguments",), TOO_LONG)], None, InvalidPattern)
    document = placeholders.filled(pattern.document, arguments)
    try:
        plain_yaml.expect_few_values(document)
    except plain_yaml.Unreadable as error:
        raise refuse(
            [Fault(("arguments",), f"with these arguments, {error}")], None, InvalidPattern
        ) from error
    if faults := faults_of(document):
        raise pattern.refusal(faults)
    planner = _Planner(document)
    for block in blocks(document):
        getattr(planner, block.kind)(block)
        if planner.needs > MOST_NEEDS:
            raise pattern.refusal([Fault(block.path, TOO_MANY_NEEDS)])
    if planner.faults:
        raise pattern.refusal(planner.faults)
    return list(planner.tasks.values())


def phase_name(text: str) -> str:
    return text.strip().upper().removeprefix("PHASE_")


def _of_arguments(pattern: Pattern, arguments: Mapping[str, Any]) -> Iterator[Fault]:
    wanted, inner = pattern.arguments, {f"{name}_id" for name in names(pattern.document)}
    for name in wanted:
        if name not in arguments:
            hint = _close_to_inner(name, inner)
            yield Fault(("arguments",), f"the argument {name} is missing{hint}")
    known = ", ".join(wanted[:LISTED]) + (", …" if len(wanted) > LISTED else "") or "none"
    for number, name in enumerate(sorted(arguments.keys() - set(wanted))):
        hint = (number < HINTED and did_you_mean(name, wanted)) or f"; it has: {known}"
        shown = short(name, 60)
        yield Fault(("arguments", shown), f"the pattern {pattern.name} has no argument {shown}{hint}")


def _close_to_inner(name: str, inner: set[str]) -> str:
    return (
        f"; the tasks of this pattern are {', '.join(sorted(inner)[:5])}"
        if name.startswith("split_task_")
        else ""
    )


class _Planner:
    """Makes the tasks of one block after the other."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.tasks: dict[str, PlannedTask] = {}
        self.faults: list[Fault] = []
        self.needs = 0  # of all tasks
        self.split_tasks: dict[str, str] = {}  # the names split_task_N, and those that the tasks have
        self.syncs: dict[frozenset[str | int], str] = {}
        self.merges: dict[frozenset[str | int], str] = {}

    def split(self, block: Block) -> None:
        source = self._one(block.content["source_task_id"], (*block.path, "source_task_id"))
        needs = _needs(block, [source]) if source else ()
        for place, task in enumerate(block.content["target_tasks"]):
            name = task.get("id", numbered(place + 1))
            self.split_tasks[numbered(place + 1)] = name
            self._add(_task(name, "split", task, (*block.path, "target_tasks", place), needs))

    def sync(self, block: Block) -> None:
        waiting = self._sources(block)
        required = self._required(block, waiting)
        self._add(
            PlannedTask(
                name=block.id,
                block="sync",
                title=block.content.get("title", f"Sync: {_words(block.id)}"),
                path=block.path,
                needs=_needs(block, waiting),
                kind="sync",
                phase=block.content.get("phase_id", ""),
                join=required,
                operation="sync",
                timeout_s=block.content.get("timeout_seconds"),
                on_timeout=block.content.get("on_timeout", "fail"),
                others=block.content.get("others", "continue"),
            )
        )
        self.syncs.setdefault(frozenset(waiting), block.id)

    def merge(self, block: Block) -> None:
        sources = self._sources(block)
        strategy, profile = block.content["merge_strategy"], block.content.get("profile", "")
        sync = self.syncs.get(frozenset(sources))
        required = self._required(block, sources)
        if sync and required is not None:
            self._fault(
                block, "required_count", f"how many are merged is said by the sync {sync}: leave it out"
            )
        if (strategy == "custom") != bool(profile):
            self._fault(block, "profile", "a custom merge needs a profile, and no other has one")
        if strategy == "custom" and sync:
            self._fault(
                block,
                "merge_strategy",
                f"its worker is given the results of the tasks that a custom merge needs, and the sync {sync}"
                " has none of them: leave the sync out, and write required_count here",
            )
        self._add(
            PlannedTask(
                name=block.id,
                block="merge",
                title=block.content.get("title", f"Merge: {_words(block.id)}"),
                path=block.path,
                needs=_needs(block, [sync] if sync else sources),
                kind="custom_merge" if strategy == "custom" else "merge",
                phase=block.content.get("phase_id", ""),
                priority=block.content.get("priority", "").lower(),
                join=required,
                operation="" if strategy == "custom" else "merge",
                strategy=strategy,
                profile=profile,
                slots=block.content.get("slots", {}),
            )
        )
        self.merges.setdefault(frozenset(sources), block.id)

    def join(self, block: Block) -> None:
        sources = self._sources(block)
        strategy = block.content.get("merge_strategy", "all")
        same = frozenset(sources)
        if strategy in MERGES and same not in self.merges:
            inner = {
                "id": f"{block.id}_merge",
                "title": f"Merge: {_words(block.id)}",
                "source_task_ids": list(sources),
                "merge_strategy": strategy,
            }
            edge = {key: block.content[key] for key in ("when", "on_failure") if key in block.content}
            self.merge(Block("merge", block.path, {**inner, **edge}))
        on = self.merges.get(same) or self.syncs.get(same)
        needed = {"all": None, "first": 1, "majority": len(sources) // 2 + 1}[
            strategy if strategy in JOINS and not on else "all"
        ]
        task = block.content["continuation_task"]
        name = task.get("id", block.id)
        path = (*block.path, "continuation_task")
        others = block.content.get("others", "continue")
        if others == "cancel" and needed is None:
            self._fault(block, "others", NO_OTHERS)
        join = _task(name, "join", task, path, _needs(block, [on] if on else sources), needed)
        self._add(replace(join, others=others))

    def _add(self, task: PlannedTask) -> None:
        if task.name in self.tasks:
            self.faults.append(Fault(task.path, f"{task.name} is the name of two tasks of this pattern"))
        self.tasks[task.name] = task
        self.needs += len(task.needs)

    def _fault(self, block: Block, key: str, message: str) -> None:
        self.faults.append(Fault((*block.path, key), message))

    def _sources(self, block: Block) -> list[str | int]:
        """What a block names, without repetition; without a list, the tasks of the split."""
        key = "waiting_task_ids" if block.kind == "sync" else "source_task_ids"
        if key not in block.content:
            if not self.split_tasks:
                self._fault(
                    block, key, f"name the tasks in `{key}`: there is no split whose tasks could be meant"
                )
            return list(self.split_tasks.values())
        found = [self._one(text, (*block.path, key, place)) for place, text in enumerate(block.content[key])]
        times = Counter(on for on in found if on)
        if repeated := sorted(str(on) for on, count in times.items() if count > 1):
            self._fault(block, key, f"{repeated[0]} is named twice")
        return list(times)

    def _one(self, text: str | int, path: FaultPath) -> str | int | None:
        """The task that is meant: a name of the pattern, or the id of one that is there already."""
        name = str(text).strip()
        if (inner := placeholders.whole(name)).endswith("_id"):
            name = inner.removesuffix("_id")
        name = self.split_tasks.get(name, name)
        if name in self.tasks:
            return name
        if found := KEY.fullmatch(name):
            return int(found[1])
        if name in self._names:
            wrong = "is added later than what needs it"
        else:
            hint = did_you_mean(name, self.tasks) if len(self.faults) < HINTED else ""
            wrong = f"is neither a task of this pattern nor the id or key of a task{hint}"
        self.faults.append(Fault(path, f"{short(name, 60)} {wrong}"))
        return None

    @cached_property
    def _names(self) -> set[str]:
        return set(names(self.document))

    def _required(self, block: Block, sources: Sequence[str | int]) -> int | None:
        required: int | None = block.content.get("required_count")
        if required is not None and sources and required > len(sources):
            self._fault(
                block, "required_count", f"{required} are required, but there are only {len(sources)} tasks"
            )
        return required


def _task(
    name: str,
    block: str,
    task: Mapping[str, Any],
    path: FaultPath,
    needs: tuple[PlannedNeed, ...],
    join: int | None = None,
) -> PlannedTask:
    description = task.get("description", "")
    first = description.strip().partition("\n")[0].strip()
    return PlannedTask(
        name=name,
        block=block,
        title=task.get("title") or short(first, TITLE) or _words(task.get("task_type", name)),
        path=path,
        needs=needs,
        description=description,
        kind=task.get("task_type", "task"),
        phase=task.get("phase_id", ""),
        priority=task.get("priority", "").lower(),
        join=join,
        timeout_s=task.get("timeout_seconds"),
        capabilities=tuple(task.get("required_capabilities", ())),
        profile=task.get("profile", ""),
        slots=task.get("slots", {}),
        max_attempts=task.get("max_attempts", 3),
    )


def _needs(block: Block, on: Sequence[str | int]) -> tuple[PlannedNeed, ...]:
    edge = {key: block.content[key] for key in ("when", "on_failure") if key in block.content}
    return tuple(PlannedNeed(one, **edge) for one in on)


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").capitalize()
