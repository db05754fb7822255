"""The search page, whose part the palette of every page shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from omoi_site import humanize
from tickets.models.search import LONGEST, SHORTEST, Found, search
from tickets.pages.views import is_part, page
from tickets.templatetags.addresses import task_page, ticket_address

KINDS = {  # in this order, each with its heading and icon
    "ticket": ("Tickets", "kanban"),
    "task": ("Tasks", "list-checks"),
    "agent": ("Agents", "bot"),
    "project": ("Projects", "folder-open"),
}
IN_THE_PALETTE, ON_THE_PAGE = 6, 50  # of each kind


@dataclass(frozen=True)
class Entry:
    found: Found
    icon: str

    @property
    def address(self) -> str:
        found = self.found
        match found.kind:
            case "ticket":
                return ticket_address(found.key)
            case "task":
                return task_page(found.name)
            case "agent":
                return reverse("agents:detail", args=[found.key])
        return f"{reverse('board')}?project={found.key}"

    @property
    def state(self) -> str:
        return humanize.phase(self.found.state) if self.found.state else ""


class SearchPage:
    def __init__(self, text: str, by: Any, *, most: int) -> None:
        self.text, self.by, self.most = text.strip()[:LONGEST], by, most
        self.longest = LONGEST

    @property
    def too_short(self) -> bool:
        return len(self.text) < SHORTEST

    @cached_property
    def groups(self) -> list[tuple[str, list[Entry]]]:
        """Each kind of which something was found: its heading and entries."""
        found = search(self.text, by=self.by, most=self.most)
        groups = [
            (heading, [Entry(each, icon) for each in found if each.kind == kind])
            for kind, (heading, icon) in KINDS.items()
        ]
        return [group for group in groups if group[1]]


@page
def search_page(request: HttpRequest) -> HttpResponse:
    part = is_part(request)
    most = IN_THE_PALETTE if part else ON_THE_PAGE
    context = {"page": SearchPage(request.GET.get("q", ""), request.user, most=most), "section": "search"}
    return render(request, "tickets/search/_found.html" if part else "tickets/search/search.html", context)
