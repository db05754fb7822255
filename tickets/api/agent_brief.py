"""The route for an agent that begins anew: what it holds, and where that stands."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import route
from agents.api.view import View
from tickets.api.claims import ClaimOut, claim_document
from tickets.models import Task


class AgentBriefOut(serializers.Serializer):
    agent = serializers.CharField()
    claims = ClaimOut(
        many=True,
        help_text="what you hold, most urgent first, at most 200; `brief.recovery` has the last checkpoint",
    )


class AgentBriefView(View):
    scope = "work"

    @route("What you hold, for the first call after a restart", gives=AgentBriefOut, tag="agents")
    def get(self, request: Request) -> Response:
        agent = self.agent()
        claims = [claim_document(claim) for claim in Task.objects.held_by(agent)]
        return Response({"agent": agent.name, "claims": claims})
