"""The journal over REST: pages in commit order, by an opaque cursor."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from agents.api.openapi import listing, route
from agents.api.pagination import MOST, paged_json
from agents.api.parsing import Shape, parse_query
from agents.api.view import View
from agents.models.journal import page_json


class EventOut(serializers.Serializer):
    """The document that `journal.page_json` makes."""

    cursor = serializers.CharField(help_text="pass it as `after` to read on from this event")
    at = serializers.DateTimeField()
    topic = serializers.CharField()
    subject = serializers.CharField()
    number = serializers.IntegerField(help_text="the running number within the subject")
    kind = serializers.CharField()
    actor = serializers.CharField()
    key = serializers.CharField(allow_blank=True)
    data = serializers.DictField()  # type: ignore[assignment]
    reason = serializers.CharField(allow_blank=True)


class EventsIn(Shape):
    after = serializers.CharField(max_length=500, required=False)
    cursor = serializers.CharField(max_length=500, required=False, help_text="the same as `after`")
    topic = serializers.CharField(max_length=120, required=False)
    kind = serializers.CharField(
        max_length=60,
        required=False,
        help_text="a page examines some thousands of events only, so it may have few or none although there"
        " is a `next`",
    )
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=50)


class EventsView(View):
    @route(
        "What happened, oldest first", parameters=[EventsIn], gives=listing("Events", EventOut), tag="events"
    )
    def get(self, request: Request) -> HttpResponse:
        query = parse_query(EventsIn, request)
        page = page_json(
            by=request.user,
            limit=query["limit"],
            after=query.get("after") or query.get("cursor") or "",
            topic=query.get("topic", ""),
            kind=query.get("kind", ""),
        )
        return paged_json(request, page)
