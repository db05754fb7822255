"""The route that settles many claims in one transaction."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import MomentField, text_of
from agents.api.openapi import route
from agents.api.parsing import Shape, parse
from agents.api.view import View
from agents.models import Agent
from tickets.api.artifacts import NewArtifactsIn, new_artifacts
from tickets.api.claims import (
    KIND_HELP,
    POOL_HELP,
    RESET_HELP,
    ClaimOut,
    NextIn,
    claim_document,
    failure_of,
    narrowed,
    of_kind,
)
from tickets.api.fields import FenceField, IdField
from tickets.api.new_discoveries import NewDiscoveriesIn, new_discoveries
from tickets.models import Outcome, Settlement, Task
from tickets.models.claim.failure_kind import KINDS

MOST = 200


class SettlementIn(Shape):
    task = IdField()
    fence = FenceField()
    outcome = serializers.ChoiceField(["completed", "failed"])
    result = serializers.JSONField(required=False, allow_null=True)
    error = text_of(Task, "error", required=False, allow_blank=True, help_text="required for a failure")
    kind = serializers.ChoiceField(KINDS, required=False, help_text=f"of a failure: {KIND_HELP}")
    pool = serializers.CharField(max_length=63, required=False, help_text=POOL_HELP)
    resets_at = MomentField(required=False, help_text=RESET_HELP)
    artifacts = NewArtifactsIn()
    discoveries = NewDiscoveriesIn(help_text="of a completion only")

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if data["outcome"] == "failed":
            if "error" not in data:
                raise serializers.ValidationError({"error": ["required for a failure"]})
            if data.get("discoveries"):
                raise serializers.ValidationError({"discoveries": ["only a completion has discoveries"]})
        return of_kind(data)


class SettlementsIn(Shape):
    items = SettlementIn(many=True, allow_empty=False, max_length=MOST)  # type: ignore[call-arg]
    next = NextIn(
        required=False,
        help_text=(
            "also claim work in the same act; the answer then has `claims`, which are empty"
            " if there is none or a claim would be refused. If no workflow has one of its phases, the whole"
            " request is refused and nothing is settled"
        ),
    )


class SettledOut(serializers.Serializer):
    task = IdField()
    ok = serializers.BooleanField()
    state = serializers.CharField(required=False, help_text="the task's state, if it was settled")
    late = serializers.BooleanField(required=False, help_text="true for a completion whose lease had ended")
    code = serializers.CharField(required=False)
    detail = serializers.CharField(required=False)
    holder = serializers.CharField(required=False, allow_null=True)


class SettlementsOut(serializers.Serializer):
    results = SettledOut(many=True, help_text="one for each item, in order")
    claims = ClaimOut(
        many=True,
        required=False,
        help_text="what `next` granted; a repeated request returns those still held",
    )


class SettlementsView(View):
    scope = "work"
    stores = False  # idempotent by fence

    @route(
        "Settle up to 200 claims in one transaction",
        takes=SettlementsIn,
        gives=SettlementsOut,
        refuses=(409, 422),
        tag="work",
    )
    def post(self, request: Request) -> Response:
        return Response(settle(parse(SettlementsIn, request), self.agent()))


def settle(data: dict[str, Any], agent: Agent) -> dict[str, Any]:
    """Settle, and claim what `next` asks for. The answer as SettlementsOut describes it."""
    outcomes, more = [_outcome(item) for item in data["items"]], {}
    if "next" in data:
        wanted, which = narrowed(data["next"], by=agent)
        settled, claims = Task.objects.settle_and_claim(outcomes, **wanted, **which)
        more = {"claims": [claim_document(claim) for claim in claims]}
    else:
        settled = Task.objects.settle(outcomes, by=agent)
    lost = [settlement.task for settlement in settled if settlement.lost]
    seen = (
        set(Task.objects.seen_by(agent).filter(pk__in=lost).values_list("pk", flat=True)) if lost else set()
    )
    return {"results": [_settled(settlement, settlement.task in seen) for settlement in settled], **more}


def _outcome(item: dict[str, Any]) -> Outcome:
    artifacts, result = new_artifacts(item.get("artifacts", [])), item.get("result")
    failed = failure_of(item) if item["outcome"] == "failed" else {}
    return Outcome(
        int(item["task"]),
        item["fence"],
        item["outcome"],
        result=result,
        artifacts=artifacts,
        discoveries=new_discoveries(item),
        **failed,
    )


def _settled(settlement: Settlement, seen: bool) -> dict[str, Any]:
    if not settlement.lost:
        late = {"late": True} if settlement.late else {}
        return {"task": str(settlement.task), "ok": True, "state": settlement.state, **late}
    # do not reveal who holds a task in a project that the caller cannot see
    more = (
        {"detail": settlement.lost.message, "holder": settlement.lost.more["holder"]}
        if seen
        else {"detail": "there is no such claim"}
    )
    return {"task": str(settlement.task), "ok": False, "code": settlement.lost.code, **more}
