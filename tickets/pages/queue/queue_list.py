"""The list of tasks, worst first: what the address asks for, how many have each status, one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.http import HttpRequest

from agents.models import Project
from omoi_site.errors import Invalid
from omoi_site.field_limits import whole_number
from omoi_site.humanize import ROLES
from tickets.models import BulkAct, Task
from tickets.models.queue.queue_page import COUNTED, Place, QueuePage, queue_counts, queue_page, queue_rows
from tickets.models.queue.task_filter import FAILURES, PARAMETERS, UNFINISHED, TaskFilter
from tickets.models.ticket.fields import Priority
from tickets.models.ticket.transitions import WRITE
from tickets.pages.of_projects import OfProjects
from tickets.templatetags.tickets import TASK

PAGE = 50  # tasks of a page
MOST_WORDS = 4  # capabilities in a row
ADDRESS = (*PARAMETERS, "sort", "after")
NEWEST = "newest"
ACTS = (
    (BulkAct.Act.RETRY.value, "Retry", "rotate-ccw"),
    (BulkAct.Act.BUMP.value, "Bump", "chevrons-up"),
    (BulkAct.Act.PRIORITISE.value, "Priority", "signal-high"),
    (BulkAct.Act.CANCEL.value, "Cancel", "ban"),
)
# Who a task may wait on, as the filter offers it.
WHO = {**{role: words.partition(" ")[2] for role, words in ROLES.items()}, "task": "another task"} | {
    "agent": "its holder",
    "user": "a person",
}


@dataclass(frozen=True)
class Tile:
    """A number of tasks by status, which leads to them. asks: the status in that address; empty if the list
    shows it already.
    """

    status: str
    asks: str
    label: str
    number: str
    tone: str
    icon: str


@dataclass(frozen=True)
class Row:
    task: Any

    @property
    def status(self) -> str:
        return str(self.task.status)

    @property
    def words(self) -> Sequence[str]:
        return list(self.task.capabilities[:MOST_WORDS])

    @property
    def more_words(self) -> int:
        return max(0, len(self.task.capabilities) - MOST_WORDS)

    @property
    def lease_over(self) -> bool:
        return self.status == "running" and self.task.stalled_at is not None

    @property
    def since(self) -> datetime:
        """Since when it is as it is: when it ended, was claimed, or was added."""
        task = self.task
        return (task.ended_at or (task.claimed_at if task.state == "claimed" else None)) or task.created_at


class QueueList(OfProjects):
    """Values that nothing can have are not taken, and `fault` says so; an unknown project is not found."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.fault = ""
        try:
            self.asked = TaskFilter.read(request.GET)
        except Invalid as refusal:
            self.fault = refusal.message
            self.asked = TaskFilter(project=self.project)
        self.newest = request.GET.get("sort") == NEWEST

    @property
    def filtered(self) -> bool:
        return bool(self.asked.names or self.asked.status != UNFINISHED or self.project)

    @cached_property
    def ids(self) -> list[int]:
        return [project.pk for project in self.shown]

    @cached_property
    def page(self) -> QueuePage:
        after = Place.read(self.request.GET.get("after", ""))
        return queue_page(self.asked, projects=self.ids, limit=PAGE, after=after, newest=self.newest)

    @cached_property
    def rows(self) -> list[Row]:
        return [Row(task) for task in queue_rows(self.page.ids)]

    @property
    def following(self) -> str:
        return str(self.page.following or "")

    @property
    def complete(self) -> bool:
        """Whether this page has all that match."""
        return not (self.following or self.request.GET.get("after"))

    @property
    def short(self) -> bool:
        """Whether there may be more although the page is not full: it has looked at all that it may."""
        return bool(self.following) and len(self.rows) < PAGE

    # -- the filter

    @property
    def text(self) -> str:
        """What was typed."""
        return self.request.GET.get("text", "")[:100]

    @property
    def priority(self) -> str:
        return "" if self.asked.priority is None else Priority(self.asked.priority).name.lower()

    @property
    def priorities(self) -> list[str]:
        return [name.lower() for name in Priority.names]

    @property
    def who(self) -> dict[str, str]:
        return WHO

    @property
    def failures(self) -> dict[str, str]:
        return FAILURES

    @property
    def other_filters(self) -> list[tuple[str, str, str]]:
        """Those that have no field, each with its name, its words and its value."""
        words = {
            "ticket": "Ticket",
            "agent": "Held by",
            "capability": "Needs",
            "failure": "Failed",
            "error": "Same error",
        }
        shown = {**self.asked.document, "failure": FAILURES.get(self.asked.failure, "").lower()}
        if self.asked.error:
            shown["error"] = self.error_text
        return [
            (name, word, str(shown[name]))
            for name, word in words.items()
            if getattr(self.asked, name) and not (name == "ticket" and self.text)
        ]

    @property
    def error_text(self) -> str:
        """The error that the tasks share, as the first of them has it."""
        return self.rows[0].task.error[:120] if self.rows else self.asked.error

    @property
    def query(self) -> str:
        """The filter, for the form that acts on all that match."""
        asked = self.request.GET.copy()
        for name in list(asked):
            if name not in PARAMETERS:
                del asked[name]
        return asked.urlencode()

    # -- numbers of these projects, whatever else is asked for

    @cached_property
    def counts(self) -> dict[str, int]:
        return queue_counts(self.ids)

    @property
    def tiles(self) -> list[Tile]:
        counts = self.counts
        pending = counts["pending"]
        waiting = f"{COUNTED:,}+"
        if pending < COUNTED:
            waiting = f"{max(0, pending - counts['stuck'] - counts['ready']):,}"
        return [
            self._tile("failed", _shown(counts["failed"])),
            self._tile("stuck", _shown(counts["stuck"])),
            self._tile("running", _shown(counts["running"])),
            self._tile("ready", _shown(counts["ready"])),
            self._tile("waiting", waiting),
        ]

    def _tile(self, status: str, number: str) -> Tile:
        tone, icon = TASK[status]
        asks = "" if status == self.asked.status else status
        return Tile(status, asks, status, number, tone if number != "0" else "neutral", icon)

    @property
    def empty(self) -> bool:
        """Whether there is nothing unfinished at all."""
        return not any(self.counts.values())

    # -- acts on many

    @property
    def acts(self) -> Sequence[tuple[str, str, str]]:
        """Each with the text of its button and its icon."""
        return ACTS

    @cached_property
    def denied(self) -> str:
        """Why the person can change no task here; empty if they can change some."""
        allowed = Project.objects.allowing(self.by, WRITE)
        if self.by.is_superuser or allowed.filter(pk__in=self.ids).exists():
            return ""
        return "You need the role of an operator in a project to change its tasks"

    @cached_property
    def beside(self) -> list[BulkAct]:
        return BulkAct.objects.beside(self.ids, who=self.by)

    @property
    def address(self) -> str:
        return self.sharable(ADDRESS)


def _shown(number: int) -> str:
    return f"{COUNTED:,}+" if number >= COUNTED else f"{number:,}"


def task_of(key: str, *, by: Any) -> Task | None:
    """The task of a key such as OMO-1.7, or of its id alone, if the person sees its project."""
    ticket, dot, number = key.replace("\x00", "?").upper().rpartition(".")
    tasks = Task.objects.seen_by(by).select_related(
        "ticket__workflow", "ticket__project", "project", "holder"
    )
    found: Task | None = tasks.filter(
        pk=whole_number(number) or 0, **({"ticket_key": ticket} if dot else {})
    ).first()
    return found
