"""Pages of lists, by key and never by offset."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.db import models
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.serializer_helpers import ReturnDict

from agents.api.parsing import Shape
from agents.api.view import reading, written
from agents.models.json_page import JsonPage
from omoi_site.errors import Malformed

MOST = 200


class PageIn(Shape):
    """The query parameters of every list."""

    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=50)
    cursor = serializers.CharField(required=False, max_length=500)


def page(
    request: Request,
    queryset: models.QuerySet[Any],
    query: dict[str, Any],
    shown: Callable[[list[Any]], Sequence[Any] | ReturnDict],
    *,
    by: str = "id",
) -> Response:
    """One page of `found`, ordered by `by` (a unique field, `-` for descending). `shown` turns rows into
    answers.
    """
    field, falling = by.removeprefix("-"), by.startswith("-")
    if cursor := query.get("cursor"):
        numbered = isinstance(queryset.model._meta.get_field(field), models.IntegerField)
        position = number_in(cursor) if numbered else reading(cursor)
        queryset = queryset.filter(**{f"{field}__{'lt' if falling else 'gt'}": position})
    rows = list(queryset.order_by(by)[: query["limit"] + 1])
    more = len(rows) > query["limit"]
    rows = rows[: query["limit"]]
    return paged(request, shown(rows), written(getattr(rows[-1], field)) if more else None)


def number_in(cursor: str) -> int:
    """The id in a cursor."""
    position = reading(cursor)
    if not position.isdecimal() or len(position) > 18:
        raise Malformed("this cursor is not valid")
    return int(position)


def paged(request: Request, results: Sequence[Any] | ReturnDict, following: str | None) -> Response:
    """The body and the Link header of a page."""
    response = Response({"results": results, "next": following})
    _link(request, response, following)
    return response


def paged_json(request: Request, page: JsonPage) -> HttpResponse:
    """The same for a page whose JSON PostgreSQL has made."""
    following = cursor_of(page)
    response = HttpResponse(page_body(page.results, following), content_type="application/json")
    _link(request, response, following)
    return response


def cursor_of(page: JsonPage) -> str | None:
    """The cursor of the next page: an id is made opaque, a position in the journal is so already."""
    following = page.following
    return following if following is None or isinstance(following, str) else written(following)


def page_body(results: str, following: str | None) -> bytes:
    """The body of a page, for the text of its results."""
    return f'{{"results":{results},"next":{json.dumps(following)}}}'.encode()


def _link(request: Request, response: HttpResponse, following: str | None) -> None:
    if following:
        query = {name: request.query_params.getlist(name) for name in request.query_params}
        response["Link"] = next_link(request.build_absolute_uri(request.path), query, following)


def next_link(address: str, query: dict[str, Any], following: str) -> str:
    """The Link header of a page."""
    query = {name: value for name, value in query.items() if name != "after"} | {"cursor": following}
    return f'<{address}?{urlencode(query, doseq=True)}>; rel="next"'
