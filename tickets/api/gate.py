"""Routes of the gate: read its status, and judge it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import IDEMPOTENCY_KEY, Answer, listing, route
from agents.api.pagination import PageIn, page
from agents.api.parsing import parse_query
from agents.api.view import View
from agents.models import rights
from tickets.api.fields import IdField
from tickets.api.tickets import the_ticket
from tickets.models import CheckRun, Ticket, Verdict
from tickets.models.gate.status import STATUSES, gate


class VerdictOut(serializers.Serializer):
    id = IdField(source="pk")
    phase = serializers.CharField()
    passed = serializers.BooleanField()
    holds = serializers.BooleanField(help_text="it passed, and its evidence has not changed since")
    checks = serializers.ListField(
        child=serializers.DictField(), help_text="each {check, …parameters, passed, reasons}"
    )
    artifacts = serializers.DictField(help_text="hashes of the judged artifacts, by phase and name")
    by = serializers.CharField()
    at = serializers.DateTimeField()


class GateOut(serializers.Serializer):
    phase = serializers.CharField()
    status = serializers.ChoiceField(STATUSES)
    verdict = VerdictOut(allow_null=True, help_text="the last one since the ticket entered its phase")
    checks = serializers.ListField(
        child=serializers.DictField(),
        help_text="each {check, …parameters, passed, reasons}, as of now",
    )
    evidence = serializers.CharField(
        help_text="digest of what the ticket says and shows; a decision about approval names it as `seen`"
    )


def verdict_document(verdict: Verdict, holds: bool) -> dict[str, Any]:
    verdict.holds = holds  # type: ignore[attr-defined]
    return VerdictOut(verdict).data


class GateView(View):
    @route("The status of the gate, and what is missing", gives=GateOut, refuses=(404,), tag="tickets")
    def get(self, request: Request, key: str) -> Response:
        now = gate(the_ticket(self, key))
        verdict = now.verdict and verdict_document(now.verdict, now.holds)
        return Response(
            {
                "phase": now.phase,
                "status": now.status,
                "verdict": verdict,
                "checks": now.checks,
                "evidence": now.evidence,
            }
        )


class CheckRunOut(serializers.Serializer):
    id = IdField(source="pk")
    check = serializers.CharField(source="name")
    phase = serializers.CharField()
    entry = serializers.DictField(help_text="{check, …parameters}, as in the gate")
    seen = serializers.CharField(
        help_text="digest of the artifacts and the text of the ticket that it is about"
    )
    asked_by = serializers.CharField()
    asked_at = serializers.DateTimeField()
    task = IdField(
        source="task_id", allow_null=True, help_text="the review, for agent_review; its result is the answer"
    )
    worker = serializers.CharField(allow_blank=True)
    started_at = serializers.DateTimeField(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    reasons = serializers.ListField(
        child=serializers.DictField(),
        allow_null=True,
        help_text="each {check, code, need, got, how}; empty: it passes; null: no worker has answered",
    )
    result = serializers.DictField(help_text="what is kept: argv, exit, seconds, output_sha256, status …")


class RunsView(View):
    @route(
        "Runs of checks that a worker or a reviewer answers, newest first",
        parameters=[PageIn],
        gives=listing("CheckRuns", CheckRunOut),
        refuses=(404,),
        tag="tickets",
    )
    def get(self, request: Request, key: str) -> Response:
        query = parse_query(PageIn, request)
        runs = CheckRun.objects.filter(ticket=the_ticket(self, key))
        return page(request, runs, query, lambda rows: CheckRunOut(rows, many=True).data, by="-id")


class EvaluationsView(View):
    scope = f"tickets:write{rights.EITHER}work"

    @route(
        "Judge the gate; the verdict is stored, passed or not",
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(VerdictOut, status=201),
        refuses=(404, 409),
        tag="tickets",
    )
    def post(self, request: Request, key: str) -> Response:
        ticket = the_ticket(self, key)
        verdict = Ticket.objects.judge(pk=ticket.pk, by=request.user)
        return Response(verdict_document(verdict, verdict.passed), status=201)
