"""The route that lists comments."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import listing, route
from agents.api.pagination import PageIn, page
from agents.api.parsing import parse_query
from agents.api.view import View
from tickets.api.fields import IdField
from tickets.api.tickets import the_ticket


class CommentOut(serializers.Serializer):
    id = IdField(source="pk")
    author = serializers.CharField(
        allow_blank=True,
        help_text="for an imported comment, the author that the file names, or empty",
    )
    body = serializers.CharField()
    source = serializers.CharField(  # type: ignore[assignment]
        allow_blank=True, help_text="the format it was imported from"
    )
    created_at = serializers.DateTimeField(
        allow_null=True, help_text="when it was written; null if the file does not say"
    )
    at = serializers.DateTimeField(help_text="when it was stored here")


class CommentsView(View):
    @route(
        "Comments of the ticket, newest last",
        parameters=[PageIn],
        gives=listing("Comments", CommentOut),
        refuses=(404,),
        tag="tickets",
    )
    def get(self, request: Request, key: str) -> Response:
        query = parse_query(PageIn, request)
        return page(
            request,
            the_ticket(self, key).comments.all(),
            query,
            lambda rows: CommentOut(rows, many=True).data,
        )
