"""Routes of pools: accounts whose limit several agents and profiles share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import MomentField, ReasonField, text_of
from agents.api.openapi import IDEMPOTENCY_KEY, IF_MATCH, Answer, listing, route
from agents.api.pagination import PageIn, page
from agents.api.parsing import Shape, parse, parse_query
from agents.api.projects import ReasonIn
from agents.api.view import View, tagged
from agents.models import Pool
from agents.models.pool import MOST_CLAIMS
from omoi_site.errors import NotFound
from tickets.models.pool_state import documents

STATES = ["open", "full", "closed", "due", "tried"]


class PoolOut(serializers.Serializer):
    name = serializers.CharField()
    project = serializers.CharField(allow_null=True, help_text="whose admins manage it")
    limit = serializers.IntegerField(allow_null=True, help_text="how many claims it allows at once")
    state = serializers.ChoiceField(
        STATES,
        help_text=(
            "`full`: as many claims as its limit; `closed`; `due`: the next claim is the probe;"
            " `tried`: a probe is held"
        ),
    )
    claims = serializers.IntegerField(help_text="how many it has now")
    profiles = serializers.ListField(
        child=serializers.CharField(), help_text="that name it, as the clock found them"
    )
    probe = serializers.CharField(allow_null=True, help_text="the task of the claim that tries it out")
    closed_at = serializers.DateTimeField(allow_null=True)
    closed_by = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)
    resets_at = serializers.DateTimeField(
        allow_null=True, help_text="null while it is closed: when somebody opens it"
    )
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class LimitIn(Shape):
    limit = serializers.IntegerField(
        min_value=1, max_value=MOST_CLAIMS, allow_null=True, help_text="claims at once; null: any number"
    )


class PoolIn(Shape):
    name = text_of(Pool, "name")
    project = serializers.CharField(
        max_length=10, required=False, allow_null=True, help_text="whose admins manage it"
    )
    limit = serializers.IntegerField(min_value=1, max_value=MOST_CLAIMS, required=False, allow_null=True)


class CloseIn(Shape):
    reason = ReasonField()
    resets_at = MomentField(required=False, allow_null=True)


class PoolsView(View):
    scope = "admin"

    @route("The pools you see", parameters=[PageIn], gives=listing("Pools", PoolOut), tag="agents")
    def get(self, request: Request) -> Response:
        rows = Pool.objects.seen_by(request.user).select_related("project")
        return page(request, rows, parse_query(PageIn, request), shown, by="name")

    @route(
        "Create a pool",
        takes=PoolIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(PoolOut, status=201),
        refuses=(404, 409, 422),
        tag="agents",
    )
    def post(self, request: Request) -> Response:
        data = parse(PoolIn, request)
        key = data.get("project")
        project = self.project(key) if key else None
        pool = Pool.objects.create_pool(
            data["name"], by=request.user, project=project, limit=data.get("limit")
        )
        return answer(pool.pk, status=201)


class PoolView(View):
    scope = "admin"

    @route("One pool", gives=PoolOut, refuses=(404,), tag="agents")
    def get(self, request: Request, name: str) -> Response:
        return answer(the_pool(self, name).pk)

    @route(
        "Change the limit of a pool",
        takes=LimitIn,
        parameters=[IDEMPOTENCY_KEY, IF_MATCH],
        gives=PoolOut,
        refuses=(404, 412, 422),
        tag="agents",
    )
    def patch(self, request: Request, name: str) -> Response:
        data, pool = parse(LimitIn, request), the_pool(self, name)
        Pool.objects.act(pool.pk, "edit", by=request.user, version=self.matched(), **data)
        return answer(pool.pk)

    @route(
        "Remove a pool that no agent and no profile names",
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(status=204),
        refuses=(404, 409),
        tag="agents",
    )
    def delete(self, request: Request, name: str) -> Response:
        Pool.objects.remove(the_pool(self, name).pk, by=request.user)
        return Response(status=204)


class CloseView(View):
    scope = "admin"

    @route(
        "Close a pool: its agents and profiles are granted nothing until then",
        takes=CloseIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=PoolOut,
        refuses=(404, 422),
        tag="agents",
    )
    def post(self, request: Request, name: str) -> Response:
        data, pool = parse(CloseIn, request), the_pool(self, name)
        Pool.objects.act(pool.pk, "close", by=request.user, **data)
        return answer(pool.pk)


class OpenView(View):
    scope = "admin"

    @route(
        "Open a pool now, without a probe",
        takes=ReasonIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=PoolOut,
        refuses=(404, 422),
        tag="agents",
    )
    def post(self, request: Request, name: str) -> Response:
        data, pool = parse(ReasonIn, request), the_pool(self, name)
        Pool.objects.act(pool.pk, "open", by=request.user, reason=data["reason"])
        return answer(pool.pk)


def the_pool(view: View, name: str) -> Pool:
    pool = Pool.objects.seen_by(view.request.user).filter(name=name).first()
    if pool is None:
        raise NotFound(f"there is no pool {name}, or you are not a member of its project")
    return pool


def answer(pk: int, *, status: int = 200) -> Response:
    for document in shown(Pool.objects.select_related("project").filter(pk=pk)):
        return tagged(document, document["version"], status=status)
    raise NotFound("the pool has been removed")


def shown(pools: Iterable[Pool]) -> list[Any]:
    """As PoolOut describes them."""
    return list(PoolOut(documents(pools), many=True).data)
