"""Lists, a page at a time: by key, never by offset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.db import models
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.serializer_helpers import ReturnDict

from agents.api.parsing import Shape
from agents.api.view import reading, written
from omoi_site.errors import Malformed

MOST = 200


class PageIn(Shape):
    """What every list understands."""

    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=50)
    cursor = serializers.CharField(required=False, max_length=500)


def page(
    request: Request,
    found: models.QuerySet[Any],
    asked: dict[str, Any],
    shown: Callable[[list[Any]], Sequence[Any] | ReturnDict],
    *,
    by: str = "id",
) -> Response:
    """One page of `found` in the order of `by` (a unique field, `-` for descending); `shown` makes answers of rows."""
    field, falling = by.removeprefix("-"), by.startswith("-")
    if cursor := asked.get("cursor"):
        place: Any = reading(cursor)
        if isinstance(found.model._meta.get_field(field), models.IntegerField):
            if not place.isdecimal() or len(place) > 18:
                raise Malformed("this cursor is not one of ours")
            place = int(place)
        found = found.filter(**{f"{field}__{'lt' if falling else 'gt'}": place})
    rows = list(found.order_by(by)[: asked["limit"] + 1])
    more = len(rows) > asked["limit"]
    rows = rows[: asked["limit"]]
    return paged(request, shown(rows), written(getattr(rows[-1], field)) if more else None)


def paged(request: Request, results: Sequence[Any] | ReturnDict, following: str | None) -> Response:
    """The body and the Link header of a page."""
    response = Response({"results": results, "next": following})
    if following:
        query = request.query_params.copy()
        query.pop("after", None)
        query["cursor"] = following
        response["Link"] = (
            f'<{request.build_absolute_uri(request.path)}?{urlencode(list(query.lists()), doseq=True)}>; rel="next"'
        )
    return response
