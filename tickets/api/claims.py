"""Routes of claims: claim, heartbeat, progress, settle, release."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import MomentField, ReasonField, text_of
from agents.api.openapi import IDEMPOTENCY_KEY, Answer, route
from agents.api.parsing import Shape, parse
from agents.api.view import View
from agents.models import Agent, Project, rights
from omoi_site import field_limits
from omoi_site.errors import Invalid
from tickets.api.artifacts import NewArtifactsIn, new_artifacts
from tickets.api.fields import FenceField, IdField, PhaseField, PriorityField, number
from tickets.api.new_discoveries import NewDiscoveriesIn, new_discoveries
from tickets.api.tasks import CompletedOut, TaskOut, completed_document, no_task, task_document, the_task
from tickets.models import Claim, ClaimLost, Outcome, Task
from tickets.models.claim.failure_kind import KINDS, RATE_LIMITED
from tickets.models.claim.heartbeat import Heartbeat, Report
from tickets.models.claim.wake_up import wait_keys
from tickets.models.ticket.fields import Priority


class NextIn(Shape):
    limit = serializers.IntegerField(min_value=1, max_value=100, default=1)
    capabilities = serializers.ListField(
        child=serializers.CharField(max_length=100),
        max_length=100,
        required=False,
        help_text="only narrows the agent's own phases and capabilities",
    )
    phases = serializers.ListField(child=PhaseField(), max_length=50, required=False)
    project = serializers.CharField(max_length=20, required=False)
    lease_s = serializers.IntegerField(min_value=5, max_value=14400, default=60)


class ClaimIn(NextIn):
    wait_s = serializers.FloatField(
        min_value=0,
        max_value=30,
        default=0,
        help_text="if there is nothing to grant, wait so long, then answer 204",
    )


class ClaimedTaskOut(serializers.Serializer):
    id = IdField(source="task")
    key = serializers.CharField()
    title = serializers.CharField()
    kind = serializers.CharField()
    ticket = serializers.CharField()
    phase = serializers.CharField()
    priority = PriorityField()
    timeout_s = serializers.IntegerField(allow_null=True)


class ClaimOut(serializers.Serializer):
    task = ClaimedTaskOut(source="*")
    fence = serializers.IntegerField(help_text="send it with every later write")
    attempt = serializers.IntegerField()
    lease_expires_at = serializers.DateTimeField()
    stall_after_s = serializers.IntegerField(
        help_text="after so many seconds without progress the claim is stalled; 0: never"
    )
    locks = serializers.ListField(child=serializers.DictField(), default=[])
    brief = serializers.DictField()


class ClaimsOut(serializers.Serializer):
    claims = ClaimOut(many=True)


class ClaimsView(View):
    scope = "work"

    @route(
        "Take ready work",
        takes=ClaimIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(ClaimsOut, empty={204: "nothing to grant within `wait_s`"}),
        refuses=(404, 409, 422),
        tag="work",
    )
    def post(self, request: Request) -> Response:
        data = parse(ClaimIn, request)
        wanted, which = narrowed(data, by=self.agent())
        claims = Task.objects.claim(**wanted, **which)
        if claims:
            for claim in claims:
                rights.note_used(self.agent(), "work", claim.ticket.partition("-")[0])
            return Response({"claims": [claim_document(claim) for claim in claims]})
        if which["project"]:
            self.project(
                which["project"].key
            )  # only if there is nothing: otherwise the claims are in the answer
        return self.nothing_yet(data["wait_s"], lambda: wait_keys(**which))


def narrowed(data: dict[str, Any], *, by: Agent) -> tuple[dict[str, Any], dict[str, Any]]:
    """The number and the options of a claim, as the verbs take them."""
    project = Project(key=data["project"].upper()) if "project" in data else None
    which = {
        "by": by,
        "capabilities": data.get("capabilities"),
        "phases": data.get("phases"),
        "project": project,
    }
    return {name: data[name] for name in ("limit", "lease_s")}, which


def claim_document(claim: Claim) -> dict[str, Any]:
    """As ClaimOut describes it. It is handwritten, because the serializer costs more than the claim."""
    return {
        "task": {
            "id": str(claim.task),
            "key": claim.key,
            "title": claim.title,
            "kind": claim.kind,
            "ticket": claim.ticket,
            "phase": claim.phase,
            "priority": PRIORITIES[claim.priority],
            "timeout_s": claim.timeout_s,
        },
        "fence": claim.fence,
        "attempt": claim.attempt,
        "lease_expires_at": claim.lease_expires_at,
        "stall_after_s": claim.stall_after_s,
        "locks": [],
        "brief": claim.brief,
    }


PRIORITIES = {priority.value: priority.name.lower() for priority in Priority}


class CompletionIn(Shape):
    fence = FenceField()
    result = serializers.JSONField(required=False, allow_null=True)
    artifacts = NewArtifactsIn(help_text="stored with the completion, all or nothing")
    discoveries = NewDiscoveriesIn(help_text="what was found on the way; see GET /discoveries")
    commit = serializers.CharField(
        max_length=100, required=False, allow_blank=True, help_text="the commit of artifacts that name none"
    )
    reason = serializers.CharField(
        max_length=field_limits.REASON,
        required=False,
        allow_blank=True,
        help_text="of a person, who must say what was done",
    )


KIND_HELP = "whether another attempt may go better; the text of the error decides if it is not given"

POOL_HELP = (
    "of `rate_limited`: the account whose limit it met; without it, all that the agent or the profile names"
)
RESET_HELP = "of `rate_limited`: until when the account is closed, at most 24 h ahead"


class FailureIn(Shape):
    fence = FenceField()
    error = text_of(Task, "error", allow_blank=True)
    kind = serializers.ChoiceField(KINDS, required=False, help_text=KIND_HELP)
    pool = serializers.CharField(max_length=63, required=False, help_text=POOL_HELP)
    resets_at = MomentField(required=False, help_text=RESET_HELP)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        return of_kind(data)


def of_kind(data: dict[str, Any]) -> dict[str, Any]:
    """What the body of a failure says. Raises ValidationError if it says what its kind does not have."""
    if data.get("kind") != RATE_LIMITED:
        strange = [name for name in ("pool", "resets_at") if name in data]
        if strange:
            words = f"only a failure of the kind {RATE_LIMITED} has it"
            raise serializers.ValidationError({name: [words] for name in strange})
    return data


class Checkpoint(Shape):
    branch = serializers.CharField(max_length=300, required=False, allow_blank=True)
    commit = serializers.CharField(max_length=100, required=False, allow_blank=True)
    summary = serializers.CharField(max_length=20_000, required=False, allow_blank=True)
    next_step = serializers.CharField(max_length=20_000, required=False, allow_blank=True)
    session = serializers.CharField(
        max_length=300,
        required=False,
        allow_blank=True,
        help_text="what the command line of the agent calls its own conversation",
    )


class ProgressIn(Shape):
    fence = FenceField()
    message = serializers.CharField(max_length=20_000, required=False, allow_blank=True)
    percent = serializers.FloatField(min_value=0, max_value=100, required=False)
    checkpoint = Checkpoint(required=False)


class ReleaseIn(Shape):
    fence = FenceField()
    reason = ReasonField(required=False, allow_blank=True, default="", help_text="a person must give one")


class HeldView(View):
    """The base of routes for the holder of a claim."""

    scope = "work"
    stores = False

    @contextmanager
    def holding(self, pk: str) -> Iterator[int]:
        """The task's id, for a verb that checks the fence. A task that the caller may not see is NotFound."""
        if not isinstance(self.request.user, Agent):
            the_task(self, pk)
        try:
            yield number(pk)
        except ClaimLost as refusal:
            if refusal.more["state"] is None:
                raise no_task(pk) from None
            raise


class CompletionView(HeldView):
    @route("Complete a task", takes=CompletionIn, gives=CompletedOut, refuses=(404, 409, 422), tag="work")
    def post(self, request: Request, pk: str) -> Response:
        data = parse(CompletionIn, request)
        artifacts = new_artifacts(
            [{"commit": data.get("commit", ""), **item} for item in data.get("artifacts", [])]
        )
        with self.holding(pk) as task:
            outcome = Outcome(
                task,
                data["fence"],
                "completed",
                result=data.get("result"),
                artifacts=artifacts,
                discoveries=new_discoveries(data),
            )
            [settled] = Task.objects.settle([outcome], by=request.user, reason=data.get("reason", ""))
            settled.or_raise()
        return Response(completed_document(settled))


class FailureView(HeldView):
    @route("Fail a task", takes=FailureIn, gives=TaskOut, refuses=(404, 409, 422), tag="work")
    def post(self, request: Request, pk: str) -> Response:
        data = parse(FailureIn, request)
        with self.holding(pk) as task:
            outcome = Outcome(task, data["fence"], "failed", **failure_of(data))
            [settled] = Task.objects.settle([outcome], by=request.user)
            settled.or_raise()
        return Response(task_document(task))


def failure_of(data: dict[str, Any]) -> dict[str, Any]:
    """What the body of a failure says about it, as Outcome takes it."""
    return {name: data[name] for name in ("error", "kind", "pool", "resets_at") if name in data}


class ProgressView(HeldView):
    stores = True

    @route(
        "Report progress",
        takes=ProgressIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=TaskOut,
        refuses=(404, 409, 422),
        tag="work",
    )
    def post(self, request: Request, pk: str) -> Response:
        data, agent = parse(ProgressIn, request), self.agent()
        progress = progress_of(data)
        if not progress:
            raise Invalid("one of message, percent and checkpoint is needed", field="message")
        with self.holding(pk) as task:
            Task.objects.report_progress(task, data["fence"], progress, by=agent)
        return Response(task_document(task))


def progress_of(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in ("message", "percent", "checkpoint") if name in data}


class ReleaseView(HeldView):
    @route(
        "Release a claim; it costs no attempt",
        takes=ReleaseIn,
        gives=TaskOut,
        refuses=(404, 409, 422),
        tag="work",
    )
    def post(self, request: Request, pk: str) -> Response:
        data = parse(ReleaseIn, request)
        with self.holding(pk) as task:
            Task.objects.release(task, data["fence"], by=request.user, reason=data["reason"])
        return Response(task_document(task))


INSTANCE = re.compile(r"[A-Za-z0-9._:-]+\Z")


class HeldClaim(Shape):
    task = IdField()
    fence = FenceField()


class RenewedClaim(HeldClaim):
    activity = serializers.CharField(
        max_length=200,
        required=False,
        allow_blank=True,
        help_text="an opaque mark of what the work has changed, such as output bytes, commits and touched"
        " files: as long as it differs from the last one, the claim shows progress",
    )


class HeartbeatIn(Shape):
    claims = RenewedClaim(many=True, default=list, max_length=1000)  # type: ignore[call-arg]
    status = serializers.CharField(max_length=200, required=False, allow_blank=True)
    metrics = serializers.DictField(required=False)
    instance = serializers.CharField(
        max_length=64,
        required=False,
        help_text="which process sends it: a new value at each start of one. Two at once are noticed",
    )

    def validate_instance(self, value: str) -> str:
        if not INSTANCE.match(value):
            raise serializers.ValidationError("use letters, digits, '.', '_', ':' and '-'")
        return value


class KeptOut(serializers.Serializer):
    task = IdField()
    fence = serializers.IntegerField()
    lease_expires_at = serializers.DateTimeField()


class LostOut(serializers.Serializer):
    task = IdField()
    code = serializers.CharField(
        help_text="`lapsed`: its lease has ended, but its completion would still be taken; else `claim_lost`"
    )
    holder = serializers.CharField(allow_null=True)


class CommandOut(serializers.Serializer):
    command = serializers.CharField(
        help_text="`cancel`: stop the work on a claim; `nudge`: it shows no progress; `drain`: finish what"
        " you hold; `check_processes`: another process works under your name"
    )
    reason = serializers.CharField()
    task = IdField(required=False)
    fence = serializers.IntegerField(required=False)
    instances = serializers.ListField(child=serializers.CharField(), required=False)


class HeartbeatOut(serializers.Serializer):
    claims = KeptOut(many=True)
    lost = LostOut(many=True)
    unread = serializers.IntegerField()
    commands = CommandOut(many=True, help_text="each is repeated until it is obeyed")


class HeartbeatView(View):
    scope = "work"
    stores = False

    @route(
        "Renew claims and learn which are lost",
        takes=HeartbeatIn,
        gives=HeartbeatOut,
        refuses=(422,),
        tag="agents",
    )
    def post(self, request: Request) -> Response:
        data, agent = parse(HeartbeatIn, request), self.agent()
        return Response(heartbeat_document(Task.objects.beat(**beaten(data), by=agent)))


def beaten(data: dict[str, Any]) -> dict[str, Any]:
    """What the verbs take of a heartbeat."""
    return {
        "claims": [(int(claim["task"]), claim["fence"]) for claim in data["claims"]],
        "marks": [claim.get("activity", "") for claim in data["claims"]],
        "report": Report(data.get("status"), data.get("metrics"), data.get("instance", "")),
    }


def heartbeat_document(beat: Heartbeat) -> dict[str, Any]:
    """As HeartbeatOut describes it."""
    return {
        "claims": [
            {
                "task": str(row["task"]),
                "fence": row["fence"],
                "lease_expires_at": row["lease_expires_at"],
            }
            for row in beat.kept
        ],
        "lost": [
            {"task": str(row["task"]), "code": row["code"], "holder": row["holder"]} for row in beat.lost
        ],
        "unread": 0,
        "commands": [
            {**each, "task": str(each["task"])} if "task" in each else each for each in beat.commands
        ],
    }
