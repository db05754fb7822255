"""The route of a ticket's estimate."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import route
from agents.api.view import View
from tickets.api.fields import IdField
from tickets.api.tickets import the_ticket
from tickets.models.estimate.estimate import estimate
from tickets.models.estimate.samples import GROUPS


class PartOut(serializers.Serializer):
    task = IdField(allow_null=True, help_text="null: a stay in a phase")
    key = serializers.CharField(allow_blank=True)
    title = serializers.CharField(allow_blank=True)
    phase = serializers.CharField()
    expected_s = serializers.FloatField(help_text="what is left of it, with its wait for an agent")
    group = serializers.ChoiceField(
        [*GROUPS, "stay"],
        allow_blank=True,
        help_text="which samples: completed work of the same phase, capabilities, kind and `title` but for"
        " names and numbers; or, where there are too few, only of the same `kind`, `capabilities`, `phase` or"
        " `project`; `stay`: past tickets in this phase; empty: an operation, which takes no time",
    )
    samples = serializers.IntegerField(help_text="how many there are")


class LateOut(serializers.Serializer):
    task = IdField()
    key = serializers.CharField()
    title = serializers.CharField()
    deadline = serializers.DateTimeField()
    expected_at = serializers.DateTimeField()


class PastOut(serializers.Serializer):
    count = serializers.IntegerField(help_text="how many past estimates there are")
    low = serializers.FloatField(help_text="in a quarter of them the work took less than so many times")
    high = serializers.FloatField(help_text="in a quarter of them it took more than so many times")


class EstimateOut(serializers.Serializer):
    ticket = serializers.CharField()
    made_at = serializers.DateTimeField()
    expected_at = serializers.DateTimeField(
        allow_null=True, help_text="half of such tickets are done by then; null: `unknown` says why"
    )
    likely_by = serializers.DateTimeField(allow_null=True, help_text="80 of 100 are done by then")
    calibrated = serializers.BooleanField(help_text="how past estimates held decides `likely_by`")
    critical_path = PartOut(many=True, help_text="the parts that decide when it is done, in order")
    assumes = serializers.ListField(child=serializers.CharField(), help_text="under what it holds")
    unknown = serializers.ListField(
        child=serializers.CharField(), help_text="why no time can be given; empty if one is"
    )
    late = LateOut(many=True, help_text="its open tasks that are expected after their deadline")
    past = PastOut(
        allow_null=True,
        help_text="what work took as a multiple of what was expected, in past estimates of this workflow;"
        " null: there are none",
    )


class EstimateView(View):
    @route("When it will be done, as past work says", gives=EstimateOut, refuses=(404,), tag="tickets")
    def get(self, request: Request, key: str) -> Response:
        return Response(EstimateOut(estimate(the_ticket(self, key))).data)
