"""The list of archived tickets."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from agents.models import Event, rights
from omoi_site.field_limits import whole_number
from tickets.models import Ticket
from tickets.models.ticket.documents import LAST
from tickets.models.ticket.transitions import WRITE
from tickets.pages.of_projects import OfProjects
from tickets.pages.views import is_part, page

PAGE = 50


class ArchivedPage(OfProjects):
    """`project`, else the first one; `q`: a part of the title, or the key; `before`: where it begins."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.text = request.GET.get("q", "").replace("\0", " ").strip()[:200]
        self.before = whole_number(request.GET.get("before", "")) or LAST

    @cached_property
    def of(self) -> Any:
        """Its project; None if the person has none."""
        named = [each for each in self.projects if each.key == self.project]
        return next(iter(named or self.projects), None)

    @property
    def topics(self) -> str:
        return f"project:{self.of.key}" if self.of else ""

    @cached_property
    def found(self) -> list[Ticket]:
        if self.of is None:
            return []
        rows = Ticket.objects.filter(project=self.of, archived_at__isnull=False, pk__lt=self.before)
        matching = rows.matching(self.text) if self.text else rows
        return list(matching.select_related("workflow").order_by("-id")[: PAGE + 1])

    @property
    def rows(self) -> list[Ticket]:
        return self.found[:PAGE]

    @property
    def following(self) -> int:
        """Where the next page begins; 0 on the last one."""
        return self.rows[-1].pk if len(self.found) > PAGE else 0

    @cached_property
    def may(self) -> bool:
        return self.of is not None and WRITE in rights.scopes(self.by, self.of)

    @property
    def address(self) -> str:
        return self.sharable(("project", "q", "before"))


@page
def archived(request: HttpRequest) -> HttpResponse:
    cursor = Event.objects.current_cursor()
    shown = ArchivedPage(request)
    context = {"page": shown, "cursor": cursor, "section": "board"}
    template = "tickets/archived/_list.html" if is_part(request) else "tickets/archived/archived.html"
    answer = render(request, template, context)
    if is_part(request) and "filter" in request.GET:
        answer["HX-Push-Url"] = shown.address
    return answer
