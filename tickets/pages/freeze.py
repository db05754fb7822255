"""The page of freezes: stop everything or one project, let it go on, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from agents.models import Event, Project, rights
from agents.models.actor import sees_all
from omoi_site import field_limits, humanize
from omoi_site.errors import OmoiError
from tickets.models import Freeze
from tickets.models.claim.at_work import AtWork, at_work
from tickets.models.freeze import record, sentences
from tickets.models.freeze.freeze import SCOPE
from tickets.models.freeze.record import Act, Grants
from tickets.pages.of_projects import OfProjects
from tickets.pages.views import arrive, form, is_part

CLAIMS, NAMED = 10, 12  # that it shows; projects named in a row
AGAIN = "Freeze it again to wait for what is left."


@dataclass(frozen=True)
class Row:
    """A freeze. `held`: the keys of the projects that it holds, of those that the person sees. `may`: whether
    they may end it; `may_free`: whether they may let one of its projects go on.
    """

    freeze: Freeze
    held: Sequence[str]
    thawed: Sequence[str]
    may: bool
    again: bool  # its form was refused
    chosen: str  # the key of the project in the form: as it was sent, or as the address names it

    @property
    def key(self) -> str:
        return self.freeze.project.key if self.freeze.project else ""

    @property
    def name(self) -> str:
        return self.key or "Everything"

    @property
    def asked(self) -> bool:
        """Whether the address names a project that it holds."""
        return self.chosen in self.held

    @property
    def thawed_named(self) -> Sequence[str]:
        return self.thawed[:NAMED]

    @property
    def more_thawed(self) -> int:
        return len(self.thawed) - len(self.thawed_named)


@dataclass(frozen=True)
class Past:
    """A freeze or thaw of the journal, as a line of the history."""

    act: Act

    @property
    def thawed(self) -> bool:
        return self.act.kind == "project.thawed"

    @property
    def what(self) -> str:
        whole = self.act.everything and not (self.thawed and self.act.number == 1)
        if whole:
            return "everything"
        more = self.act.number - len(self.act.names)
        return ", ".join(self.act.names) + (f" and {more} more" if more else "")


class FreezePage(OfProjects):
    """typed: the fields of a refused form; `act` says which."""

    def __init__(self, request: HttpRequest, refused: OmoiError | None = None) -> None:
        super().__init__(request)
        self.refused = refused
        self.typed = request.POST if refused else {}

    @property
    def address(self) -> str:
        return reverse("freeze")

    @property
    def topics(self) -> str:
        """What it follows live: all projects of the person."""
        return " ".join(project.topic for project in self.projects)

    @cached_property
    def freezes(self) -> list[Freeze]:
        return list(Freeze.objects.seen_by(self.by))

    @cached_property
    def may_all(self) -> bool:
        return SCOPE in rights.scopes(self.by)

    @cached_property
    def choices(self) -> list[Project]:
        """The projects that the person may freeze."""
        if self.may_all:
            return self.projects
        return list(Project.objects.allowing(self.by, SCOPE).order_by("key"))

    @property
    def may(self) -> bool:
        return self.may_all or bool(self.choices)

    @cached_property
    def rows(self) -> list[Row]:
        allowed = {project.pk for project in self.choices}
        return [
            Row(
                freeze,
                held=[each.key for each in self.projects if self._holds(freeze, each)],
                thawed=[each.key for each in self.projects if each.pk in freeze.thawed],
                may=self.may_all if freeze.project_id is None else freeze.project_id in allowed,
                again=self._asked(freeze),
                chosen=self.typed.get("project", "") if self._asked(freeze) else self.project,
            )
            for freeze in self.freezes
        ]

    def _asked(self, freeze: Freeze) -> bool:
        number, _, _ = self.typed.get("seen", "").partition(".")
        return self.typed.get("act") == "thaw" and number == str(freeze.pk)

    @staticmethod
    def _holds(freeze: Freeze, project: Project) -> bool:
        if freeze.project_id is None:
            return project.pk not in freeze.thawed
        return freeze.project_id == project.pk

    @cached_property
    def frozen(self) -> dict[int, Any]:
        """The projects that are frozen, each since when."""
        return {
            project.pk: min(freeze.since for freeze in held)
            for project in self.projects
            if (held := [freeze for freeze in self.freezes if self._holds(freeze, project)])
        }

    @cached_property
    def running(self) -> AtWork:
        """What is still held where it is frozen."""
        return at_work(list(self.frozen), shown=CLAIMS)

    @cached_property
    def grants(self) -> Grants:
        return record.grants_since(self.frozen)

    @cached_property
    def history(self) -> list[Past]:
        ids = None if sees_all(self.by) else [project.pk for project in self.projects]
        return [Past(act) for act in record.latest(ids)]

    def last_thaw(self, key: str) -> Act | None:
        """The last one of this project; without a key, of everything."""
        thaws = (past.act for past in self.history if past.thawed)
        return next((act for act in thaws if (key in act.names if key else act.everything)), None)


@form
def freeze(request: HttpRequest) -> HttpResponse:
    """GET shows it. POST freezes, or thaws, as `act` says."""
    if request.method != "POST":
        return _shown(request)
    key = request.POST.get("project", "")
    project = get_object_or_404(Project.objects.seen_by(request.user), key=key) if key else None
    act = {"freeze": _frozen, "thaw": _thawed}.get(request.POST.get("act", ""))
    if act is None:
        raise Http404("There is no such act.")
    try:
        return act(request, project)
    except OmoiError as error:
        error.leave_trace()
        return _shown(request, error)


def _frozen(request: HttpRequest, project: Project | None) -> HttpResponse:
    frozen = Freeze.objects.freeze(
        project,
        by=request.user,
        reason=request.POST.get("reason", ""),
        stop_held="stop_held" in request.POST,
        seen=request.POST.get("seen", "")[:50],
    )
    key = project.key if project else ""
    lines = sentences.outcome(key, frozen, again=AGAIN)
    if not frozen.new and (first := Freeze.objects.filter(project=project).first()):
        reason, now = field_limits.visible(first.reason), timezone.now()
        told = sentences.frozen_already(key, since=first.since, now=now, by=first.by, reason=reason)
        lines = [told, *lines]
    level = messages.SUCCESS if frozen.in_force else messages.ERROR
    return arrive(request, " ".join(lines), reverse("freeze"), level)


def _thawed(request: HttpRequest, project: Project | None) -> HttpResponse:
    seen, reason = request.POST.get("seen", "")[:50], request.POST.get("reason", "")
    was = Freeze.objects.thaw(project, by=request.user, reason=reason, seen=seen)
    key = project.key if project else ""
    name = sentences.named(key)
    if was:
        done = f"{name} goes on: work is granted again." if key else _goes_on(request)
    else:
        done = f"{name} was not frozen any more, so nothing was done."
        if last := FreezePage(request).last_thaw(key):
            ago = humanize.relative(last.at, timezone.now())
            done = f"{done} {humanize.actor(last.actor)} thawed it {ago}."
    return arrive(request, done, reverse("freeze"))


def _goes_on(request: HttpRequest) -> str:
    left = [freeze.project.key for freeze in Freeze.objects.seen_by(request.user) if freeze.project]
    if not left:
        return "Everything goes on: work is granted again."
    stay = ", ".join(left[:NAMED])
    verb = "stays" if len(left) == 1 else "stay"
    return f"The freeze of everything is over. {stay} {verb} frozen by themselves."


def _shown(request: HttpRequest, refused: OmoiError | None = None) -> HttpResponse:
    cursor = Event.objects.current_cursor()  # before the data, so that no change is missed
    context = {"page": FreezePage(request, refused), "cursor": cursor, "section": "freeze"}
    part = is_part(request) and request.method != "POST"
    template = "tickets/freeze/_freeze.html" if part else "tickets/freeze/freeze.html"
    return render(request, template, context, status=refused.status if refused else 200)
