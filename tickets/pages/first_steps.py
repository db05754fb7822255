"""The first steps of an empty installation: a project, an agent with its key, a ticket."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from agents.models import Agent, AgentSpec, Key, Project, ProjectSpec, rights
from agents.models.agent import REGISTER
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tickets.models import Ticket, TicketSpec
from tickets.models.ticket.transitions import WRITE
from tickets.models.workflow import DEFAULT
from tickets.pages.of_projects import project_of
from tickets.pages.once import Made, new_token, once
from tickets.pages.views import arrive, form
from tickets.templatetags.projects import projects_of

PROJECT, AGENT, TICKET, DONE = "project", "agent", "ticket", "done"
STEPS = (PROJECT, AGENT, TICKET)


class FirstSteps:
    """refused: of the form that was sent; key: of the agent that was registered, which is shown only once."""

    def __init__(
        self, request: HttpRequest, refused: OmoiError | None = None, key: str = "", agent: str = ""
    ) -> None:
        self.request, self.by, self.refused = request, request.user, refused
        self.key, self.named = key, agent
        self.typed = request.POST if refused else {}
        self.token = new_token()

    @property
    def may_begin(self) -> bool:
        """Whether the person may create projects."""
        return "admin" in rights.scopes(self.by)

    @cached_property
    def project(self) -> Project | None:
        asked = self.request.GET.get("project", "") or self.request.POST.get("project", "")
        if asked:
            return project_of(self.request, asked)
        return next(iter(projects_of(self.request)), None)

    @cached_property
    def scopes(self) -> frozenset[str]:
        return rights.scopes(self.by, self.project) if self.project else frozenset()

    @property
    def may_register(self) -> bool:
        return REGISTER in self.scopes

    @property
    def may_open(self) -> bool:
        return WRITE in self.scopes

    @cached_property
    def agent(self) -> Agent | None:
        """The first agent of the project."""
        if self.project is None:
            return None
        agents = self.project.agents.exclude(kind=Agent.Kind.PERSON).exclude(state=Agent.State.RETIRED)
        return agents.order_by("pk").first()

    @cached_property
    def step(self) -> str:
        """The one that comes next."""
        if self.project is None:
            return PROJECT
        if self.key or self.agent is None:
            return AGENT
        return DONE if self.project.tickets_made else TICKET

    @property
    def steps(self) -> list[tuple[int, str, str]]:
        """Number, name and state of each: done, now or to come."""
        at = len(STEPS) if self.step == DONE else STEPS.index(self.step)
        states = ["done" if n < at else "now" if n == at else "later" for n in range(len(STEPS))]
        return [(n + 1, name, states[n]) for n, name in enumerate(STEPS)]

    @property
    def board(self) -> str:
        return f"{reverse('board')}?project={self.project.key}" if self.project else reverse("board")

    @property
    def longest(self) -> int:
        return field_limits.longest(Ticket, "title")


@form
def first_steps(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _shown(request, FirstSteps(request))
    try:
        match request.POST.get("act"):
            case "project":
                return arrive(request, *once(request, lambda: _created(request)))
            case "agent":
                agent, key = _registered(request)
                return _shown(request, FirstSteps(request, key=key, agent=agent))
            case "ticket":
                return arrive(request, *once(request, lambda: _opened(request)))
    except OmoiError as error:
        error.leave_trace()
        return _shown(request, FirstSteps(request, error))
    raise Http404("There is no such step.")


def _created(request: HttpRequest) -> Made:
    key, name = (request.POST.get(field, "").strip() for field in ("key", "name"))
    project = Project.objects.create_project(
        ProjectSpec(key.upper(), name, workflow=DEFAULT), by=request.user
    )
    address = f"{reverse('first_steps')}?project={project.key}"
    return Made(f"{project.key} was created. Now register an agent that works in it.", address)


@sql.atomic
def _registered(request: HttpRequest) -> tuple[str, str]:
    """The name of a new agent, and its key."""
    project = project_of(request, request.POST.get("project", ""))
    name = request.POST.get("agent", "").strip().lower()
    words = request.POST.get("capabilities", "").replace(",", " ").split()
    agent = Agent.objects.register(AgentSpec(name, capabilities=words), projects=[project], by=request.user)
    _, key = Key.objects.issue(agent=agent, by=request.user)
    return agent.name, key


def _opened(request: HttpRequest) -> Made:
    project = project_of(request, request.POST.get("project", ""))
    title = request.POST.get("title", "").strip()
    description = request.POST.get("description", "").replace("\r\n", "\n")
    ticket = Ticket.objects.open(project, TicketSpec(title, description=description), by=request.user)
    sentence = f"{ticket.key} is open. These were the first steps."
    return Made(sentence, f"{reverse('board')}?project={project.key}")


def _shown(request: HttpRequest, page: FirstSteps) -> HttpResponse:
    context: dict[str, Any] = {"page": page, "section": "first_steps"}
    status = page.refused.status if page.refused else 200
    return render(request, "tickets/first_steps/first_steps.html", context, status=status)
