"""The attention page: what needs somebody, across the projects of the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from agents.models import Event
from omoi_site.database import sql
from omoi_site.errors import Malformed
from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import Item, Place, Query
from tickets.models.attention.registry import registered
from tickets.pages import actions
from tickets.pages.actions.action import Action
from tickets.pages.of_projects import OfProjects
from tickets.pages.views import is_part, page
from tickets.templatetags.addresses import (
    action_address,
    discovery_action_address,
    task_action_address,
    task_page,
    ticket_address,
)
from tickets.templatetags.frame import shown_count

PAGE = 50  # items of a page
PARAMETERS = ("project", "kind", "view", "after")
ON_AGENT = {"availability": "resume", "requeue": "requeue"}  # its action, by the end of the route
ROLES = {
    "viewer": "a member",
    "operator": "an operator",
    "approver": "an approver",
    "admin": "an administrator",
}


@dataclass(frozen=True)
class Row:
    """One item as the page shows it."""

    item: Item
    person: Any
    back: str = "attention"  # the page to which an act leads back

    @property
    def id(self) -> str:
        return f"{self.item.kind.name}-{self.item.id}"

    @property
    def address(self) -> str:
        """Of its task, else of its ticket, or of its agent; of the installation, in the admin for those who
        may go there.
        """
        if self.item.kind.installation:
            return (
                reverse("admin:tickets_sweeprun_changelist") if self.person.is_staff else self.item.act.path
            )
        if schedule := _schedule(self.item):
            return reverse("schedule", args=[schedule])
        if self.item.about:
            return reverse("agents:detail", args=[self.item.about])
        if not self.item.ticket:
            return f"{reverse('board')}?{urlencode({'project': self.item.project})}"
        return task_page(self.item.subject) if self.item.task else ticket_address(self.item.ticket)

    @property
    def alike_address(self) -> str:
        """Of the tasks that failed with the same error."""
        return f"{reverse('tasks:list')}?{urlencode({'status': 'failed', 'error': self.item.alike})}"

    @property
    def label(self) -> str:
        """What the button says."""
        no_page = not (self.item.ticket or self.item.about)
        to_board = bool(self.item.project) and no_page and self.item.act.method == "GET"
        return "Open the board" if to_board else self.item.act.label

    @property
    def who(self) -> str:
        return ROLES[self.item.who].partition(" ")[2]

    @property
    def people(self) -> str:
        return ", ".join(self.item.people)

    @property
    def denied(self) -> str:
        """Why the person cannot act; empty if they can. Everybody may look."""
        act = self.item.act
        if act.method == "GET":
            return ""
        if not self.item.mine:
            return f"You need the role of {ROLES[self.item.who]} in this project"
        in_admin = not (act.page or act.section or self.on_agent or self.person.is_staff)
        return "Only an administrator of Omoi can do this on a page" if in_admin else ""

    @property
    def direct(self) -> bool:
        """Whether the act needs no dialog."""
        name = self.item.act.page
        kinds: Sequence[type[Action]] = actions.TASK if self.item.task else actions.TICKET
        if self.item.act.discovery:
            kinds = actions.DISCOVERY
        return bool(name) and actions.find(kinds, name).direct

    @property
    def on_agent(self) -> tuple[str, str] | None:
        """The agent that the act is done to and the name of that action on its page; None for other acts."""
        before, _, verb = self.item.act.path.rpartition("/")
        action = ON_AGENT.get(verb)
        return (before.rpartition("/")[2], action) if action else None

    @property
    def opens_dialog(self) -> bool:
        return bool(self.item.act.page or self.on_agent)

    @property
    def act_address(self) -> str:
        """The page of the act: of an action, or of agents in the admin; else what the item is about."""
        item = self.item
        if item.act.page:
            if item.act.discovery:
                act = discovery_action_address(item.ticket, item.act.discovery, item.act.page)
            elif item.task:
                act = task_action_address(item.ticket, item.task, item.act.page)
            else:
                act = action_address(item.ticket, item.act.page)
            return f"{act}?moves={item.moves}&back={self.back}"
        body = item.act.body or {}
        if self.person.is_staff and item.act.path.endswith("/agents"):
            filled = {"name": body["name"], "capabilities": ",".join(body["capabilities"])}
            return f"{reverse('admin:agents_agent_add')}?{urlencode(filled)}"
        if self.on_agent:
            return f"{reverse('agents:action', args=self.on_agent)}?back={self.back}"
        return f"{ticket_address(item.ticket)}#{item.act.section}" if item.act.section else self.address


class AttentionPage(OfProjects):
    """What the address asks for. Unknown values are ignored, except an unknown project."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        asked = request.GET
        self.kinds = registered().values()
        self.kind = asked.get("kind", "") if asked.get("kind") in registered() else ""
        self.view = "all" if asked.get("view") == "all" else ""

    @property
    def filtered(self) -> bool:
        return bool(self.project or self.kind)

    def query(self, *, mine: bool) -> Query:
        return Query(self.project, [self.kind] if self.kind else (), mine)

    @cached_property
    def found(self) -> tuple[list[Item], bool]:
        after = place_in(self.request.GET.get("after", ""))
        return attention_list.page(self.query(mine=not self.view), by=self.by, limit=PAGE, after=after)

    @property
    def rows(self) -> list[Row]:
        return [Row(item, self.by) for item in self.found[0]]

    @property
    def following(self) -> str:
        """Where the next page begins; empty on the last one."""
        items, more = self.found
        return str(items[-1].place) if more else ""

    @cached_property
    def mine(self) -> int:
        return attention_list.count(self.query(mine=True), by=self.by)

    @cached_property
    def all(self) -> int:
        return attention_list.count(self.query(mine=False), by=self.by)

    @property
    def for_others(self) -> str:
        """How many items there are for those with another role."""
        return f"{shown_count(self.all)} item{'' if self.all == 1 else 's'}"

    @property
    def views(self) -> list[tuple[str, str, str]]:
        return [("", "For you", shown_count(self.mine)), ("all", "For everybody", shown_count(self.all))]

    @property
    def address(self) -> str:
        return self.sharable(PARAMETERS)


def _schedule(item: Item) -> str:
    """The id of the schedule that the item is about; empty if it is about something else."""
    before, _, pk = item.act.path.rpartition("/")
    return pk if before.endswith("/schedules") else ""


def place_in(text: str) -> Place | None:
    try:
        return Place.read(text)
    except Malformed:
        return None


@page
def attention(request: HttpRequest) -> HttpResponse:
    cursor = Event.objects.current_cursor()  # read the cursor before the data, so that no change is missed
    shown = AttentionPage(request)
    context = {"page": shown, "cursor": cursor, "section": "attention"}
    template = "tickets/attention/_attention.html" if is_part(request) else "tickets/attention/attention.html"
    with sql.snapshot():  # the counts and the items are several statements
        answer = render(request, template, context)
    if is_part(request) and "filter" in request.GET:
        answer["HX-Push-Url"] = shown.address
    return answer
