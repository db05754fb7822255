"""The entries of the navigation: the bar at the left, and on small screens the one at the bottom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse

register = template.Library()
AT_THE_BOTTOM = 4  # entries of the bar of small screens; the others are in the menu beside them


@dataclass(frozen=True)
class Entry:
    """section: what a page passes as `section` to be marked. counts: the name of the number at the right.
    managing: it stands below the others. staff: only for those who may open the admin. of_project: it is
    about the project that the address names, if it names one.
    """

    title: str
    url_name: str
    icon: str
    section: str
    counts: str = ""
    managing: bool = False
    staff: bool = False
    of_project: bool = False


# In this order. An entry whose address does not exist is left out.
ENTRIES = (
    Entry("Overview", "overview", "layout-dashboard", "overview", of_project=True),
    Entry("Attention", "attention", "inbox", "attention", counts="attention", of_project=True),
    Entry("Board", "board", "kanban", "board", counts="board", of_project=True),
    Entry("Tasks", "tasks:list", "list-checks", "tasks", of_project=True),
    Entry("Agents", "agents:list", "bot", "agents", of_project=True),
    Entry("Workflows", "workflows", "workflow", "workflows"),
    Entry("Patterns", "patterns", "git-branch", "patterns"),
    Entry("Schedules", "schedules", "clock", "schedules", of_project=True),
    Entry("Repositories", "repositories", "folder-open", "repositories", of_project=True),
    Entry("Projects", "projects", "folder-kanban", "projects"),
    Entry("Admin", "admin:index", "settings", "admin", managing=True, staff=True),
)


@dataclass(frozen=True)
class Link:
    """An entry on a page of somebody."""

    entry: Entry
    address: str
    count: str
    current: bool
    begins_group: bool


@register.simple_tag(takes_context=True)
def navigation(context: dict[str, Any], counts: dict[str, str]) -> list[Link]:
    """The entries for who looks at the page, each with its number."""
    request = context.get("request")
    person = getattr(request, "user", None)
    project = "" if request is None or hasattr(request, "no_project") else request.GET.get("project", "")
    about = f"?project={project}" if project.isascii() and project.isalnum() else ""
    links: list[Link] = []
    for entry in ENTRIES:
        address = address_of(entry.url_name)
        if not address or (entry.staff and not (person and person.is_staff)):
            continue
        begins = entry.managing and not any(link.entry.managing for link in links)
        current = context.get("section") == entry.section
        address += about if entry.of_project else ""
        links.append(Link(entry, address, counts.get(entry.counts, ""), current, begins))
    return links


@register.filter
def at_the_bottom(links: list[Link]) -> list[Link]:
    return links[:AT_THE_BOTTOM]


@register.filter
def in_the_menu(links: list[Link]) -> list[Link]:
    return links[AT_THE_BOTTOM:]


def address_of(url_name: str) -> str:
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return ""
