"""The overview: what needs the person, who is at work on what, and the figures of the last hours or days, of
all their projects or of one.
"""

from __future__ import annotations

from functools import cached_property

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from agents.models import Event
from agents.models.actor import sees_all
from omoi_site.database import sql
from tickets.models import Ticket
from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import Item, Query
from tickets.models.claim.at_work import AtWork, at_work
from tickets.models.figures.figures import RANGES, Range, figures
from tickets.pages.attention import Row
from tickets.pages.figures import DATA, FiguresShown, Table
from tickets.pages.first_steps import FirstSteps
from tickets.pages.latest_events import Latest, latest_events
from tickets.pages.of_projects import OfProjects
from tickets.pages.views import BOARD_PARAMETERS, is_part, page
from tickets.templatetags.frame import frame_of, shown_count

ITEMS, OF_KIND, CLAIMS, STUCK_SHOWN = 8, 3, 10, 50  # that it shows
PARAMETERS = ("project", "range", "data")
OF_THE_BOARD = set(BOARD_PARAMETERS) - {"project"}


class Overview(OfProjects):
    """What the address asks for. Unknown values are ignored, except an unknown project."""

    @cached_property
    def found(self) -> tuple[list[Item], bool]:
        query = Query(self.project, mine=True)
        return attention_list.page(query, by=self.by, limit=ITEMS, of_kind=OF_KIND)

    @property
    def rows(self) -> list[Row]:
        """The first items that the person can act on, some of each kind."""
        return [Row(item, self.by, back="overview") for item in self.found[0]]

    @property
    def more_items(self) -> bool:
        return self.found[1]

    @cached_property
    def number_shown(self) -> str:
        """How many items there are for the person; of all projects, as the navigation has it."""
        rows = len(self.found[0])
        in_all = 0 if self.project else frame_of(self.request).attention
        if self.more_items and in_all <= rows:
            return f"{rows}+"
        return shown_count(in_all) if self.more_items else str(rows)

    @cached_property
    def for_others(self) -> int:
        """How many items there are for those with another role, if there are none for the person."""
        return attention_list.count(Query(self.project), by=self.by)

    @cached_property
    def ids(self) -> list[int]:
        return [project.pk for project in self.shown]

    @cached_property
    def at_work(self) -> AtWork:
        return at_work(self.ids, shown=CLAIMS)

    @property
    def unused(self) -> bool:
        """Whether none of the projects has ever had a ticket."""
        return not any(project.tickets_made for project in self.projects)

    @property
    def for_others_shown(self) -> str:
        return f"{shown_count(self.for_others)} item{'' if self.for_others == 1 else 's'}"

    @property
    def ranges(self) -> list[tuple[str, str]]:
        return [(each.name, each.words) for each in RANGES]

    @cached_property
    def over(self) -> Range:
        asked = self.request.GET.get("range")
        return next((each for each in RANGES if each.name == asked), RANGES[0])

    @property
    def range(self) -> str:
        return self.over.name

    @cached_property
    def stuck(self) -> frozenset[int]:
        return attention_list.stuck(Query(self.project), by=self.by)

    @cached_property
    def figures(self) -> FiguresShown:
        found = figures(self.ids, self.over, of_all=self.of_all)
        return FiguresShown(found, len(self.stuck), self.at_work)

    @cached_property
    def of_all(self) -> bool:
        """Whether it is about all projects that there are."""
        return not self.project and sees_all(self.by)

    @cached_property
    def latest(self) -> list[Latest]:
        return latest_events(self.ids, of_all=self.of_all)

    @cached_property
    def data(self) -> str:
        """The figure whose table is shown."""
        asked = self.request.GET.get("data", "")
        return asked if asked in DATA else ""

    @cached_property
    def table(self) -> Table | None:
        return self.figures.table(self.data)

    @cached_property
    def stuck_tickets(self) -> list[Ticket]:
        """The longest in their phase first."""
        return list(Ticket.objects.filter(pk__in=self.stuck).order_by("phase_since", "pk")[:STUCK_SHOWN])

    @property
    def address(self) -> str:
        return self.sharable(PARAMETERS)


@page
def overview(request: HttpRequest) -> HttpResponse:
    if OF_THE_BOARD & request.GET.keys():  # the board stood here once, and links to it still do
        return redirect(f"{reverse('board')}?{request.GET.urlencode()}")
    cursor = Event.objects.current_cursor()  # read the cursor before the data, so that no change is missed
    shown = Overview(request)
    context = {"page": shown, "cursor": cursor, "section": "overview"}
    if not shown.projects:
        steps = FirstSteps(request)
        template = "tickets/first_steps/first_steps.html" if steps.may_begin else "tickets/no_project.html"
        return render(request, template, {**context, "page": steps, "title": "Overview"})
    template = "tickets/overview/_overview.html" if is_part(request) else "tickets/overview/overview.html"
    with sql.snapshot():  # its parts are several statements
        answer = render(request, template, context)
    if is_part(request) and "filter" in request.GET:
        answer["HX-Push-Url"] = shown.address
    return answer
