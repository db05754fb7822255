"""The route of what an agent has done."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import listing, route
from agents.api.pagination import PageIn, paged
from agents.api.parsing import parse_query
from agents.api.view import View, reading, written
from tickets.api.agents import the_agent
from tickets.api.fields import IdField
from tickets.models.claim.history import past_claims


class PastClaimOut(serializers.Serializer):
    """A claim that has ended."""

    task = IdField()
    key = serializers.CharField()
    title = serializers.CharField(allow_blank=True, help_text="of the task, as it is now")
    phase = serializers.CharField(allow_blank=True)
    fence = serializers.IntegerField()
    attempt = serializers.IntegerField(allow_null=True)
    outcome = serializers.CharField(
        help_text="`completed`, `failed`, `retried` (it failed and is tried again), `released`, `lapsed`,"
        " `timed_out`, `taken_back`, `revoked`, `cancelled`"
    )
    kind = serializers.CharField(allow_blank=True, help_text="of a failure")
    why = serializers.CharField(allow_blank=True, help_text="the error, or why it was taken away")
    by = serializers.CharField(help_text="who ended it")
    held_s = serializers.FloatField(help_text="from the claim to its end")
    ended_at = serializers.DateTimeField()


class HistoryView(View):
    @route(
        "The claims of an agent that have ended, newest first",
        parameters=[PageIn],
        gives=listing("PastClaims", PastClaimOut),
        refuses=(404,),
        tag="agents",
    )
    def get(self, request: Request, name: str) -> Response:
        data, agent = parse_query(PageIn, request), the_agent(self, name)
        after = reading(data["cursor"]) if "cursor" in data else ""
        claims, following = past_claims(agent, by=request.user, limit=data["limit"], after=after)
        return paged(request, PastClaimOut(claims, many=True).data, following and written(following))
