"""The journal over REST: pages in commit order, by an opaque cursor."""

from __future__ import annotations

from typing import Any, cast

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import listing, route
from agents.api.pagination import MOST, paged
from agents.api.parsing import Shape, parse_query
from agents.api.view import View
from agents.models import Event, journal


class EventOut(serializers.Serializer):
    cursor = serializers.SerializerMethodField(help_text="pass it as `after` to read on from this event")
    at = serializers.DateTimeField()
    topic = serializers.CharField()
    subject = serializers.CharField()
    number = serializers.IntegerField(help_text="the running number within the subject")
    kind = serializers.CharField()
    actor = serializers.CharField()
    key = serializers.CharField(allow_blank=True)
    data = serializers.DictField()  # type: ignore[assignment]
    reason = serializers.CharField(allow_blank=True)

    def get_cursor(self, event: Event) -> str:
        return f"{event.xid}_{event.pk}"


class EventsIn(Shape):
    after = serializers.CharField(max_length=500, required=False)
    cursor = serializers.CharField(max_length=500, required=False, help_text="the same as `after`")
    topic = serializers.CharField(max_length=120, required=False)
    kind = serializers.CharField(max_length=60, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=50)


class EventsView(View):
    @route(
        "What happened, oldest first", parameters=[EventsIn], gives=listing("Events", EventOut), tag="events"
    )
    def get(self, request: Request) -> Response:
        query = parse_query(EventsIn, request)
        after = query.get("after") or query.get("cursor")
        limit = query["limit"]
        events, last = journal.seen_by(request.user).page(
            after, topic=query.get("topic"), kind=query.get("kind"), limit=limit
        )
        return paged(
            request,
            cast("list[Any]", EventOut(events, many=True).data),
            last if len(events) == limit else None,
        )
