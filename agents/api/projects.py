"""Routes of projects and their members."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import ReasonField, text_of
from agents.api.openapi import IDEMPOTENCY_KEY, IF_MATCH, Answer, listing, route
from agents.api.pagination import PageIn, page
from agents.api.parsing import Shape, parse, parse_query
from agents.api.view import View, tagged
from agents.models import Member, Project, ProjectSpec
from agents.models.project import MOST, MOST_SECONDS
from omoi_site.errors import Invalid


class LimitsOut(serializers.Serializer):
    max_agents = serializers.IntegerField(
        allow_null=True, help_text="how many agents may hold claims in it at the same time"
    )
    max_tickets = serializers.IntegerField(
        allow_null=True, help_text="how many tickets may have claimed tasks at the same time"
    )


class PausedPhaseOut(serializers.Serializer):
    phase = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    by = serializers.CharField()
    at = serializers.DateTimeField()


class ProjectOut(serializers.Serializer):
    key = serializers.CharField()
    name = serializers.CharField()
    repository = serializers.CharField(allow_blank=True)
    workflow = serializers.CharField(
        allow_blank=True, help_text="name of the workflow new tickets follow; empty: the built-in one"
    )
    workflows = serializers.ListField(
        child=serializers.CharField(),
        help_text="names of other workflows its tickets may follow; empty: only `workflow`",
    )
    profiles = serializers.ListField(child=serializers.CharField(), help_text="profiles its tasks may name")
    stall_after_s = serializers.IntegerField(
        help_text="seconds without progress after which a claim is stalled; 0: never"
    )
    stall_grace_s = serializers.IntegerField(help_text="seconds after which a stalled claim is taken back")
    paused = serializers.BooleanField()
    pause_reason = serializers.CharField(allow_blank=True)
    paused_phases = PausedPhaseOut(
        many=True, source="phases_paused", help_text="phases whose tasks nobody is granted"
    )
    limits = LimitsOut(help_text="null: any number")
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class Names(serializers.ListField):
    child = serializers.CharField(max_length=100)
    max_length = 50


class LimitsIn(Shape):
    max_agents = serializers.IntegerField(min_value=1, max_value=MOST, allow_null=True, required=False)
    max_tickets = serializers.IntegerField(min_value=1, max_value=MOST, allow_null=True, required=False)


class StallAfter(serializers.IntegerField):
    def __init__(self, **how: Any) -> None:
        text = (
            "seconds without progress after which a claim is stalled, where neither task nor phase says it;"
            " 0: never. It counts for claims from then on"
        )
        super().__init__(min_value=0, max_value=MOST_SECONDS, help_text=text, **how)


class StallGrace(serializers.IntegerField):
    def __init__(self, **how: Any) -> None:
        text = "seconds after which a stalled claim is taken back"
        super().__init__(min_value=0, max_value=MOST_SECONDS, help_text=text, **how)


class ProjectIn(Shape):
    key = serializers.CharField(max_length=10)
    name = text_of(Project, "name", required=False)
    repository = text_of(Project, "repository", required=False, allow_blank=True)
    workflow = text_of(Project, "workflow", required=False, allow_blank=True)
    workflows = Names(required=False)
    profiles = Names(
        required=False,
        help_text="profiles its tasks may name; only the admin of the installation grants them",
    )
    limits = LimitsIn(required=False, help_text="what is not named stays as it is; null: any number")
    stall_after_s = StallAfter(required=False)
    stall_grace_s = StallGrace(required=False)


class ProjectEdit(Shape):
    name = text_of(Project, "name", required=False)
    repository = text_of(Project, "repository", required=False, allow_blank=True)
    workflow = text_of(Project, "workflow", required=False, allow_blank=True)
    workflows = Names(required=False)
    profiles = Names(
        required=False,
        help_text="profiles its tasks may name; only the admin of the installation grants them",
    )
    limits = LimitsIn(required=False, help_text="what is not named stays as it is; null: any number")
    stall_after_s = StallAfter(required=False)
    stall_grace_s = StallGrace(required=False)


class ReasonIn(Shape):
    reason = ReasonField(required=False, allow_blank=True, default="")


class ProjectsView(View):
    scope = "admin"

    @route(
        "The projects you are a member of",
        parameters=[PageIn],
        gives=listing("Projects", ProjectOut),
        tag="projects",
    )
    def get(self, request: Request) -> Response:
        return page(
            request,
            Project.objects.seen_by(request.user),
            parse_query(PageIn, request),
            lambda rows: ProjectOut(rows, many=True).data,
            by="key",
        )

    @route(
        "Create a project",
        takes=ProjectIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(ProjectOut, status=201),
        refuses=(409, 422),
        tag="projects",
    )
    def post(self, request: Request) -> Response:
        data = flat(parse(ProjectIn, request))
        project = Project.objects.create_project(ProjectSpec(**data), by=request.user)
        return tagged(ProjectOut(project).data, project.version, status=201)


class ProjectView(View):
    scope = "admin"

    @route("One project", gives=ProjectOut, refuses=(404,), tag="projects")
    def get(self, request: Request, key: str) -> Response:
        project = self.project(key)
        return tagged(ProjectOut(project).data, project.version)

    @route(
        "Change a project",
        takes=ProjectEdit,
        parameters=[IDEMPOTENCY_KEY, IF_MATCH],
        gives=ProjectOut,
        refuses=(404, 412, 422),
        tag="projects",
    )
    def patch(self, request: Request, key: str) -> Response:
        data, named = flat(parse(ProjectEdit, request)), self.project(key)
        with Project.objects.locked(pk=named.pk) as project:
            project.edit(by=request.user, version=self.matched(), **data)
        return tagged(ProjectOut(project).data, project.version)


class PauseView(View):
    """`pause` and `resume` are one route each, over the verb of that name."""

    scope = "admin"
    verb = "pause"

    @route(
        "Pause a project, or resume it",
        takes=ReasonIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=ProjectOut,
        refuses=(404, 422),
        tag="projects",
    )
    def post(self, request: Request, key: str) -> Response:
        data, named = parse(ReasonIn, request), self.project(key)
        with Project.objects.locked(pk=named.pk) as project:
            getattr(project, self.verb)(by=request.user, reason=data["reason"])
        return tagged(ProjectOut(project).data, project.version)


class PhasePauseView(View):
    """Like PauseView, for one phase."""

    scope = "admin"
    verb = "pause_phase"

    @route(
        "Pause a phase of a project, or resume it",
        takes=ReasonIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=ProjectOut,
        refuses=(404, 422),
        tag="projects",
    )
    def post(self, request: Request, key: str, phase: str) -> Response:
        data, named = parse(ReasonIn, request), self.project(key)
        with Project.objects.locked(pk=named.pk) as project:
            getattr(project, self.verb)(phase=phase, by=request.user, reason=data["reason"])
        return tagged(ProjectOut(project).data, project.version)


class MemberOut(serializers.Serializer):
    user = serializers.CharField(source="user.username")
    role = serializers.CharField()
    since = serializers.DateTimeField()


class MemberIn(Shape):
    user = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(Member.Role.values)


class MembersView(View):
    scope = "admin"

    @route(
        "The people of a project",
        parameters=[PageIn],
        gives=listing("Members", MemberOut),
        refuses=(404,),
        tag="projects",
    )
    def get(self, request: Request, key: str) -> Response:
        members = self.project(key).members.select_related("user")
        return page(
            request, members, parse_query(PageIn, request), lambda rows: MemberOut(rows, many=True).data
        )

    @route(
        "Give a person a role, or change it",
        takes=MemberIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(MemberOut, status=201),
        refuses=(404, 422),
        tag="projects",
    )
    def post(self, request: Request, key: str) -> Response:
        data, project = parse(MemberIn, request), self.project(key)
        member = Member.objects.set(project, person(data["user"]), data["role"], by=request.user)
        return Response(MemberOut(member).data, status=201)


class MemberView(View):
    scope = "admin"

    @route(
        "Take a person's role away",
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(status=204),
        refuses=(404, 422),
        tag="projects",
    )
    def delete(self, request: Request, key: str, user: str) -> Response:
        Member.objects.remove(self.project(key), person(user), by=request.user)
        return Response(status=204)


def flat(data: dict[str, Any]) -> dict[str, Any]:
    """The fields with those of `limits` among them."""
    limits = data.pop("limits", {})
    return {**data, **limits}


def person(name: str) -> object:
    user = get_user_model().objects.filter(username=name, is_active=True).first()
    if user is None:
        raise Invalid(f"there is no user {name}", field="user")
    return user
