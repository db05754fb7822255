"""The switch in the frame of every page: all projects of its reader, or one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import template
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from agents.models import Project
from agents.models.saved_view import PASSING
from tickets.models.frame import Frame

register = template.Library()
# Pages that are about all projects or about one, by the name of their address; others lead to the overview.
OF_ALL = {"overview", "attention", "agents:list", "freeze", "tasks:list"}
OF_ONE = {"board", "archived", "repositories", "schedules"}


@dataclass(frozen=True)
class Choice:
    key: str
    name: str
    address: str
    current: bool


@dataclass(frozen=True)
class Switch:
    """`current`: the key of the project that the page is about; empty: of all."""

    current: str
    all_address: str
    choices: Sequence[Choice]
    more: int


def projects_of(request: HttpRequest) -> list[Project]:
    """The projects that the person sees, read once for a page."""
    found: list[Project] | None = getattr(request, "_projects_seen", None)
    if found is None:
        found = list(Project.objects.seen_by(request.user).order_by("key"))
        request._projects_seen = found  # type: ignore[attr-defined]
    return found


@register.simple_tag(takes_context=True)
def project_switch(context: dict[str, Any], frame: Frame) -> Switch | None:
    """None where there is nothing to choose."""
    request = context.get("request")
    if request is None or frame.number < 2:
        return None
    about = request.resolver_match.view_name if request.resolver_match else ""
    shared = about in OF_ALL | OF_ONE
    here = request.path if shared else reverse("overview")
    kept = _lasting(request.GET) if shared else {}
    current = _named(context, request if shared else None)
    return Switch(
        current,
        all_address=reverse("overview") if about in OF_ONE else f"{here}?{urlencode(kept)}".rstrip("?"),
        choices=[
            Choice(key, name, f"{here}?{urlencode({**kept, 'project': key})}", key == current)
            for key, name in frame.projects
        ],
        more=frame.number - len(frame.projects),
    )


def _lasting(query: Mapping[str, str]) -> dict[str, str]:
    """What else the page is asked for, which stays with another project."""
    return {name: text for name, text in query.items() if text and name not in {*PASSING, "project"}}


def _named(context: dict[str, Any], request: HttpRequest | None) -> str:
    """The project that the page says it is about, else that of the address."""
    project = context.get("project") or getattr(context.get("ticket"), "project", None)
    return str(getattr(project, "key", "")) or (request.GET.get("project", "") if request else "")
