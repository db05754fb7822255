"""The list of agents, the page of one, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from agents.models import Event, Key, Pool
from omoi_site.errors import OmoiError
from tickets.models.claim.workload import fleet
from tickets.pages.actions import pool as pool_actions
from tickets.pages.actions.action import Action
from tickets.pages.actions.agent import KINDS
from tickets.pages.actions.agent_key import RevokeKey
from tickets.pages.agents.agent_page import AgentPage
from tickets.pages.agents.dialog import AgentDialog, PoolDialog
from tickets.pages.agents.fleet_page import FleetPage
from tickets.pages.views import arrive, find_action, form, is_part, page
from tickets.templatetags.projects import projects_of

SECTION = "agents"
# pages beside the agent's own from which an action is reached, by what the form says
LEADS_BACK_TO = {"list": "agents:list", "attention": "attention", "overview": "overview"}


@page
def fleet_list(request: HttpRequest) -> HttpResponse:
    cursor = Event.objects.current_cursor()  # read the cursor before the data, so that no change is missed
    shown = FleetPage(request)
    context = {"page": shown, "cursor": cursor, "section": SECTION}
    template = "tickets/agents/_list.html" if is_part(request) else "tickets/agents/list.html"
    answer = render(request, template, context)
    if is_part(request) and "filter" in request.GET:
        answer["HX-Push-Url"] = shown.address
    return answer


@page
def agent(request: HttpRequest, name: str) -> HttpResponse:
    cursor = Event.objects.current_cursor()
    found = find(request, name)
    shown = AgentPage.of(request, found) if found else None
    if shown is None:
        return gone(request, name)
    context = {"page": shown, "cursor": cursor, "section": SECTION}
    template = "tickets/agents/_agent.html" if is_part(request) else "tickets/agents/agent.html"
    return render(request, template, context)


@form
def act(request: HttpRequest, name: str, act: str) -> HttpResponse:
    """An action on an agent: GET shows its dialog, POST does it."""
    kind = find_action(KINDS, act)

    def offered() -> Action | None:
        found = find(request, name, status=True)
        return found and kind(found, request.user)

    return answer(request, name, offered)


@form
def revoke_key(request: HttpRequest, name: str, prefix: str) -> HttpResponse:
    def offered() -> Action | None:
        found = find(request, name)
        keys = Key.objects.filter(agent=found, prefix=prefix.replace("\x00", "?")).select_related("agent")
        return found and RevokeKey(get_object_or_404(keys), request.user)

    return answer(request, name, offered)


@form
def act_on_pool(request: HttpRequest, name: str, act: str) -> HttpResponse:
    """An action on a quota pool: GET shows its dialog, POST does it."""
    kind = find_action(pool_actions.KINDS, act)

    def offered() -> Action:
        seen = Pool.objects.seen_by(request.user).select_related("project")
        return kind(get_object_or_404(seen, name=name), request.user)

    refused, back = None, (request.POST or request.GET).get("back", "")
    project = back if back in {each.key for each in projects_of(request)} else ""
    if request.method == "POST":
        try:
            result = offered().perform(request.POST)
        except OmoiError as error:
            error.leave_trace()
            refused = error
        else:
            if is_part(request):
                return HttpResponse(result, content_type="text/plain; charset=utf-8")
            leads = reverse("project", args=[project]) if project else reverse("agents:list")
            return arrive(request, result, f"{leads}#pool-{name}")
    context = {"dialog": PoolDialog(offered(), request.POST, refused), "section": SECTION, "back": project}
    template = "tickets/actions/_action.html" if is_part(request) else "tickets/agents/pool_action.html"
    return render(request, template, context, status=refused.status if refused else 200)


def answer(request: HttpRequest, name: str, offered: Callable[[], Action | None]) -> HttpResponse:
    """The dialog of an action, or what came of it: to the page's script a sentence or the dialog again, else
    a page. offered: the action, read anew at each call; None if there is no such agent.
    """
    action, refused = offered(), None
    if action is None:
        return gone(request, name)
    back = (request.POST or request.GET).get("back", "")
    back = back if back in LEADS_BACK_TO else ""
    if request.method == "POST":
        try:
            result = action.perform(request.POST)
        except OmoiError as error:
            error.leave_trace()
            refused = error
        else:
            if is_part(request):
                return HttpResponse(result, content_type="text/plain; charset=utf-8")
            address = reverse(LEADS_BACK_TO[back]) if back else reverse("agents:detail", args=[name])
            return arrive(request, result, address)
    now = offered()
    if now is None:
        return gone(request, name)
    context = {
        "dialog": AgentDialog(now, request.POST, refused),
        "section": SECTION,
        "back": back,
    }
    template = "tickets/actions/_action.html" if is_part(request) else "tickets/agents/action.html"
    return render(request, template, context, status=refused.status if refused else 200)


def find(request: HttpRequest, name: str, *, status: bool = False) -> Any:
    """The agent of this name, if the person sees it; it is no person."""
    agents = fleet(request.user).agents()
    agents = agents.with_status() if status else agents
    return agents.filter(name=name.replace("\x00", "?")).first()


def gone(request: HttpRequest, name: str) -> HttpResponse:
    context = {"name": name[:160], "section": SECTION}
    return render(request, "tickets/agents/gone.html", context, status=404)
