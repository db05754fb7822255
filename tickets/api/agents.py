"""Routes of agents: register, read, search, change, heartbeat."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Prefetch
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import text_of, texts_of
from agents.api.openapi import IDEMPOTENCY_KEY, IF_MATCH, Answer, listing, route
from agents.api.pagination import PageIn, page
from agents.api.parsing import Shape, parse, parse_query
from agents.api.projects import ReasonIn
from agents.api.view import View, tagged
from agents.models import Agent, AgentSpec, Key, Project
from omoi_site import field_limits
from omoi_site.errors import NotFound
from tickets.api.fields import PhaseField
from tickets.models.claim.workload import STATUSES, fleet
from tickets.models.explain.nobody_else import stand_down

POOLS = "accounts whose limits it shares, see GET /pools; this needs `admin`"


class AgentOut(serializers.Serializer):
    name = serializers.CharField()
    kind = serializers.ChoiceField(Agent.Kind.values)
    state = serializers.ChoiceField(Agent.State.values)
    state_reason = serializers.CharField(allow_blank=True, help_text="why it was put into this state")
    status = serializers.ChoiceField(STATUSES)
    capabilities = serializers.ListField(child=serializers.CharField())
    phases = serializers.ListField(child=serializers.CharField())
    tags = serializers.ListField(child=serializers.CharField())
    capacity = serializers.IntegerField()
    held = serializers.IntegerField(help_text="number of claims it holds now")
    free = serializers.IntegerField()
    pools = serializers.ListField(child=serializers.CharField())
    projects = serializers.SerializerMethodField()
    owner = serializers.CharField(source="owner.username", allow_null=True, default=None)
    last_seen_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()

    def get_projects(self, agent: Agent) -> list[str]:
        return sorted(project.key for project in agent.seen_projects)  # type: ignore[attr-defined]


class WarnedOut(AgentOut):
    warnings = serializers.ListField(
        child=serializers.CharField(), help_text="open tasks that nobody else can do, if there are any"
    )


class AgentIn(Shape):
    name = text_of(Agent, "name")
    kind = serializers.ChoiceField(Agent.AGENT_KINDS, default=Agent.Kind.WORKER)
    capabilities = texts_of(Agent, "capabilities", default=list)
    phases = serializers.ListField(
        child=PhaseField(), max_length=field_limits.most_items(Agent, "phases"), default=list
    )
    tags = texts_of(Agent, "tags", default=list)
    capacity = serializers.IntegerField(min_value=1, max_value=1000, default=1)
    projects = serializers.ListField(child=serializers.CharField(max_length=10), max_length=200, default=list)
    owner = serializers.CharField(max_length=150, required=False, allow_null=True)
    pools = texts_of(Agent, "pools", default=list, help_text=POOLS)


class AgentEdit(Shape):
    kind = serializers.ChoiceField(Agent.AGENT_KINDS, required=False)
    capabilities = texts_of(Agent, "capabilities", required=False)
    phases = serializers.ListField(
        child=PhaseField(), max_length=field_limits.most_items(Agent, "phases"), required=False
    )
    tags = texts_of(Agent, "tags", required=False)
    capacity = serializers.IntegerField(min_value=1, max_value=1000, required=False)
    projects = serializers.ListField(
        child=serializers.CharField(max_length=10), max_length=200, required=False
    )
    pools = texts_of(Agent, "pools", required=False, help_text=POOLS)


class RegisteredOut(serializers.Serializer):
    agent = AgentOut()
    key = serializers.CharField(help_text="shown only this once")


class AgentsIn(PageIn):
    project = serializers.CharField(max_length=10, required=False)
    status = serializers.ChoiceField(STATUSES, required=False)
    capability = serializers.CharField(max_length=100, required=False)
    q = serializers.CharField(max_length=100, required=False, help_text="part of the name")


class AgentsView(View):
    scope = "agents:register"
    secret = True

    @route(
        "The agents of your projects",
        parameters=[AgentsIn],
        gives=listing("Agents", AgentOut),
        refuses=(404,),
        tag="agents",
    )
    def get(self, request: Request) -> Response:
        data = parse_query(AgentsIn, request)
        agents = visible_agents(request.user)
        if "project" in data:
            agents = agents.filter(projects=self.project(data["project"]))
        if "status" in data:
            agents = agents.filter(status=data["status"])
        if "capability" in data:
            agents = agents.filter(capabilities__contains=[data["capability"].strip().lower()])
        if "q" in data:
            agents = agents.filter(name__icontains=data["q"])
        return page(request, agents, data, lambda rows: AgentOut(rows, many=True).data, by="name")

    @route(
        "Register an agent; its key is shown only this once",
        takes=AgentIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(RegisteredOut, status=201),
        refuses=(404, 422),
        tag="agents",
    )
    def post(self, request: Request) -> Response:
        data = parse(AgentIn, request)
        projects = [self.project(key) for key in data.pop("projects")]
        owner = data.pop("owner", None)
        with transaction.atomic():  # without a key, the agent's name would block the next try
            agent = Agent.objects.register(AgentSpec(**data), by=request.user, projects=projects, owner=owner)
            _, text = Key.objects.issue(by=request.user, agent=agent)
            document = {"agent": AgentOut(the_agent(self, agent.name)).data, "key": text}
        return tagged(document, agent.version, status=201)


class AgentView(View):
    scope = "agents:register"

    @route("One agent", gives=AgentOut, refuses=(404,), tag="agents")
    def get(self, request: Request, name: str) -> Response:
        agent = the_agent(self, name)
        return tagged(AgentOut(agent).data, agent.version)

    @route(
        "Change an agent",
        takes=AgentEdit,
        parameters=[IDEMPOTENCY_KEY, IF_MATCH],
        gives=AgentOut,
        refuses=(404, 412, 422),
        tag="agents",
    )
    def patch(self, request: Request, name: str) -> Response:
        data, agent = parse(AgentEdit, request), the_agent(self, name)
        if "projects" in data:
            data["projects"] = [self.project(key) for key in data["projects"]]
        agent = Agent.objects.act(agent.pk, "edit", by=request.user, version=self.matched(), **data)
        return tagged(AgentOut(the_agent(self, name)).data, agent.version)


class MeView(View):
    @route("The agent whose key this is", gives=AgentOut, tag="agents")
    def get(self, request: Request) -> Response:
        agent = the_agent(self, self.agent().name)
        return tagged(AgentOut(agent).data, agent.version)


class AvailabilityIn(ReasonIn):
    available = serializers.BooleanField()


class AvailabilityView(View):
    scope = "agents:register"

    def needed(self, method: str | None) -> str:
        return ""  # an agent may do this for itself; others need the scope below

    @route(
        "Say whether the agent takes new work",
        takes=AvailabilityIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=WarnedOut,
        refuses=(404, 409, 422),
        tag="agents",
    )
    def post(self, request: Request, name: str) -> Response:
        data, agent = parse(AvailabilityIn, request), the_agent(self, name)
        if not data["available"]:
            return stood_down(self, agent, "make_unavailable", data["reason"])
        agent = Agent.objects.act(agent.pk, "make_available", by=request.user, reason=data["reason"])
        return warned(the_agent(self, name), "")


class StandDownView(View):
    """`drain`, `quarantine` and `retire` have one route each, which calls the verb of that name."""

    scope = "agents:register"
    verb = "drain"

    @route(
        "Take an agent out of work",
        takes=ReasonIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=WarnedOut,
        refuses=(404, 409, 422),
        tag="agents",
    )
    def post(self, request: Request, name: str) -> Response:
        data, agent = parse(ReasonIn, request), the_agent(self, name)
        return stood_down(self, agent, self.verb, data["reason"])


def stood_down(view: View, agent: Agent, verb: str, reason: str) -> Response:
    _, left = stand_down(agent.pk, verb, by=view.request.user, reason=reason)
    return warned(the_agent(view, agent.name), left.sentence)


def warned(agent: Any, warning: str) -> Response:
    agent.warnings = [warning] if warning else []
    return tagged(WarnedOut(agent).data, agent.version)


class FitIn(Shape):
    capability = texts_of(Agent, "capabilities", default=list)
    phase = PhaseField(default="")
    kind = serializers.ChoiceField(Agent.AGENT_KINDS, required=False)
    include_degraded = serializers.BooleanField(default=False)


class SearchIn(FitIn):
    limit = serializers.IntegerField(min_value=1, max_value=20, default=5)


class MatchOut(serializers.Serializer):
    agent = AgentOut()
    score = serializers.FloatField()
    matched_capabilities = serializers.ListField(child=serializers.CharField())


class MatchesOut(serializers.Serializer):
    results = MatchOut(many=True)


class SearchView(View):
    @route(
        "Agents that could do such work, best first", parameters=[SearchIn], gives=MatchesOut, tag="agents"
    )
    def get(self, request: Request) -> Response:
        return Response(
            {"results": MatchOut(fitting(request, parse_query(SearchIn, request)), many=True).data}
        )


class BestFitView(View):
    @route("The agent that fits best", parameters=[FitIn], gives=MatchOut, refuses=(404,), tag="agents")
    def get(self, request: Request) -> Response:
        agents = fitting(request, {**parse_query(FitIn, request), "limit": 1})
        if not agents:
            raise NotFound(
                "no agent fits",
                next_action="Ask for fewer capabilities, or see GET /agents for all agents.",
            )
        return Response(MatchOut(agents[0]).data)


class StatisticsOut(serializers.Serializer):
    total = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    by_kind = serializers.DictField(child=serializers.IntegerField())
    by_phase = serializers.DictField(
        child=serializers.IntegerField(), help_text="`any` counts agents of all phases"
    )
    health = serializers.DictField(child=serializers.IntegerField())
    recent_heartbeats = serializers.DictField(child=serializers.IntegerField())
    capacity = serializers.IntegerField()
    held = serializers.IntegerField()


class StatisticsView(View):
    @route("Counts of agents by status, kind and phase", gives=StatisticsOut, tag="agents")
    def get(self, request: Request) -> Response:
        return Response(fleet(request.user).statistics())


def fitting(request: Request, data: dict[str, Any]) -> list[Any]:
    data["capabilities"] = data.pop("capability")
    return visible_agents(request.user, status=False).search(**data)


def visible_agents(who: Any, *, status: bool = True) -> Any:
    """The agents that `who` sees, each with those of its projects that `who` sees."""
    agents = (
        fleet(who)
        .select_related("owner")
        .prefetch_related(Prefetch("projects", Project.objects.seen_by(who), to_attr="seen_projects"))
    )
    return agents.with_status() if status else agents


def the_agent(view: View, name: str) -> Any:
    agent = visible_agents(view.request.user).filter(name=name).first()
    if agent is None:
        raise NotFound(f"there is no agent {name}, or you share no project with it")
    return agent
