"""The page of an act on many tasks: what it would do, how far it is, what came of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.http import HttpRequest

from agents.models import Project, label
from omoi_site.errors import OmoiError
from tickets.models import BulkAct, Task
from tickets.models.queue.why_not import WORDS, Group
from tickets.models.ticket.fields import Priority
from tickets.runtime.sweeps import health


class BulkPage:
    """refused: the error of the last try to confirm or stop it."""

    def __init__(self, bulk: BulkAct, request: HttpRequest, refused: OmoiError | None = None) -> None:
        self.bulk, self.request, self.by, self.refused = bulk, request, request.user, refused

    @property
    def mine(self) -> bool:
        return self.bulk.actor == label(self.by)

    @property
    def reason(self) -> str:
        """What was typed."""
        return self.request.POST.get("reason", "")

    @property
    def priorities(self) -> list[tuple[str, str]]:
        return [(str(each.value), each.name.lower()) for each in Priority]

    @property
    def chosen_priority(self) -> str:
        return self.request.POST.get("priority", "")

    # -- before

    @cached_property
    def _preview(self) -> tuple[int, list[Group]]:
        return self.bulk.preview()

    @property
    def possible(self) -> int:
        return self._preview[0]

    @property
    def impossible(self) -> list[tuple[int, str, str]]:
        """How many it is not possible for, why, and the key of one."""
        numbers: dict[str, int] = defaultdict(int)
        examples: dict[str, str] = {}
        for group in self._preview[1]:
            numbers[group.why_not] += group.number
            examples.setdefault(group.why_not, group.example)
        ordered = sorted(numbers, key=lambda why: -numbers[why])
        return [(numbers[why], WORDS[why], examples[why]) for why in ordered]

    @cached_property
    def beside(self) -> list[BulkAct]:
        """Other acts that are being carried out in the same projects."""
        found = BulkAct.objects.beside(self.bulk.projects, who=self.by)
        return [each for each in found if each.pk != self.bulk.pk]

    @property
    def asked(self) -> Sequence[tuple[str, Any]]:
        """The filter, as it was when this was prepared."""
        names = {"waiting_on": "waits for", "ids": "chosen"}
        shown = {**self.bulk.asked, **({"error": "the same"} if self.bulk.asked.get("error") else {})}
        return [(names.get(name, name), value) for name, value in shown.items()]

    # -- meanwhile and after

    @property
    def gone_through(self) -> int:
        return self.bulk.number - self.bulk.left

    @property
    def clock_fault(self) -> str:
        """Why it does not go on; empty if it does."""
        return health() if self.bulk.state == BulkAct.State.RUNNING else ""

    @cached_property
    def left_out(self) -> list[tuple[int, str, list[str]]]:
        """How many were left out, why, and the keys of the first ones."""
        found = self.bulk.left_out()
        ids = [pk for _, _, some in found for pk in some]
        keys = (
            {task.pk: task.key for task in Task.objects.filter(pk__in=ids).only("ticket_key")} if ids else {}
        )
        return [(number, words, [keys[pk] for pk in some if pk in keys]) for number, words, some in found]

    @property
    def topics(self) -> str:
        keys = Project.objects.filter(pk__in=self.bulk.projects).values_list("key", flat=True)[:500]
        return " ".join(f"project:{key}" for key in keys)

    @property
    def address(self) -> str:
        return self.request.path
