"""Routes of a project's repositories."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import text_of
from agents.api.openapi import IDEMPOTENCY_KEY, Answer, listing, route
from agents.api.pagination import PageIn, page
from agents.api.parsing import Shape, parse, parse_query
from agents.api.view import View
from omoi_site.errors import NotFound
from tickets.models import NewRepository, Repository
from tickets.models.repository import FETCH, Landing


class FetchFaultOut(serializers.Serializer):
    code = serializers.CharField(help_text="such as too_slow, too_large, not_found, password, unreachable")
    message = serializers.CharField()
    next_action = serializers.CharField(allow_blank=True)


class RepositoryOut(serializers.Serializer):
    name = serializers.CharField()
    url = serializers.CharField()
    base = serializers.CharField(help_text="the branch that finished work comes into")
    landing = serializers.ChoiceField(Landing.values)
    added_at = serializers.DateTimeField()
    tried_at = serializers.DateTimeField(allow_null=True, help_text="the last fetch")
    fetched_at = serializers.DateTimeField(
        allow_null=True, help_text="the last fetch that brought everything"
    )
    fault = FetchFaultOut(
        source="last_fault", allow_null=True, help_text="why the last fetch failed; null if it did not"
    )


ADDRESS = (
    "https://host/path or ssh://git@host/path, without a password; a folder of the server's machine only from"
    " the admin of the installation"
)


class RepositoryEdit(Shape):
    url = serializers.CharField(max_length=2_000, required=False, help_text=ADDRESS)
    base = text_of(Repository, "base", required=False)
    landing = serializers.ChoiceField(
        Landing.values, required=False, help_text="`none` is the only one that is available yet"
    )


class RepositoryIn(RepositoryEdit):
    name = text_of(Repository, "name")
    url = serializers.CharField(max_length=2_000, help_text=ADDRESS)


class RepositoriesView(View):
    scope = "admin"

    @route(
        "The repositories of a project",
        parameters=[PageIn],
        gives=listing("Repositories", RepositoryOut),
        refuses=(404,),
        tag="projects",
    )
    def get(self, request: Request, key: str) -> Response:
        rows = Repository.objects.filter(project=self.project(key))
        return page(
            request, rows, parse_query(PageIn, request), lambda rows: RepositoryOut(rows, many=True).data
        )

    @route(
        "Add a repository; a worker fetches it",
        takes=RepositoryIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(RepositoryOut, status=201),
        refuses=(404, 422),
        tag="projects",
    )
    def post(self, request: Request, key: str) -> Response:
        new = NewRepository(**parse(RepositoryIn, request))
        repository = Repository.objects.add(self.project(key), new, by=request.user)
        return Response(RepositoryOut(repository).data, status=201)


class RepositoryView(View):
    scope = "admin"

    @route("One repository, and its last fetch", gives=RepositoryOut, refuses=(404,), tag="projects")
    def get(self, request: Request, key: str, name: str) -> Response:
        return Response(RepositoryOut(the_repository(self, key, name)).data)

    @route(
        "Change a repository; with another address it is fetched from the start",
        takes=RepositoryEdit,
        parameters=[IDEMPOTENCY_KEY],
        gives=RepositoryOut,
        refuses=(404, 422),
        tag="projects",
    )
    def patch(self, request: Request, key: str, name: str) -> Response:
        changes: dict[str, Any] = parse(RepositoryEdit, request)
        pk = the_repository(self, key, name).pk
        return Response(RepositoryOut(Repository.objects.edit(pk, by=request.user, **changes)).data)

    @route(
        "Remove a repository with its mirror",
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(status=204),
        refuses=(404,),
        tag="projects",
    )
    def delete(self, request: Request, key: str, name: str) -> Response:
        Repository.objects.remove(the_repository(self, key, name).pk, by=request.user)
        return Response(status=204)


class FetchesView(View):
    scope = FETCH

    @route(
        "Fetch a repository now, for at most ten seconds; `fault` says why if it failed",
        parameters=[IDEMPOTENCY_KEY],
        gives=RepositoryOut,
        refuses=(404,),
        tag="projects",
    )
    def post(self, request: Request, key: str, name: str) -> Response:
        pk = the_repository(self, key, name).pk
        return Response(RepositoryOut(Repository.objects.fetch(pk, by=request.user)).data)


def the_repository(view: View, key: str, name: str) -> Repository:
    """The repository of that name, if the caller sees its project."""
    row = Repository.objects.filter(project=view.project(key), name=name).first()
    if row is None:
        raise NotFound(f"{key} has no repository {name}")
    return row
