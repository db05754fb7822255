"""The route that dismisses a notice: somebody of its role has seen it."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import IDEMPOTENCY_KEY, route
from agents.api.view import View
from omoi_site.errors import NotFound
from tickets.api.fields import IdField, number
from tickets.api.tickets import the_ticket
from tickets.models import Notice


class NoticeOut(serializers.Serializer):
    id = IdField(source="pk")
    phase = serializers.CharField(help_text="the phase that the ticket entered")
    role = serializers.CharField(help_text="who is told; higher roles are told too")
    at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField(allow_null=True)
    seen_by = serializers.CharField(allow_blank=True)


class DismissalView(View):
    @route(
        "Say that you have seen a notice for your role; it leaves the attention list",
        parameters=[IDEMPOTENCY_KEY],
        gives=NoticeOut,
        refuses=(404, 409),
        tag="attention",
    )
    def post(self, request: Request, key: str, pk: str) -> Response:
        notices = Notice.objects.filter(ticket=the_ticket(self, key), pk=number(pk))
        if not notices.exists():
            raise NotFound(f"{key} has no notice {pk}")
        notices.dismiss(by=request.user)
        return Response(NoticeOut(notices.get()).data)
