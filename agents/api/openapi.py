"""The description of routes in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers

F = TypeVar("F", bound=Callable[..., Any])


class FaultOut(serializers.Serializer):
    field = serializers.CharField(
        allow_blank=True, help_text="the path of the field; empty for the whole request"
    )
    code = serializers.CharField()
    message = serializers.CharField()
    line = serializers.IntegerField(required=False, help_text="where it is in the text that was sent")


class ProblemOut(serializers.Serializer):
    """RFC 9457 problem document."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="stable, for programs")
    detail = serializers.CharField(help_text="what happened, and who or what prevents it")
    next_action = serializers.CharField(required=False, help_text="what to do now")
    errors = FaultOut(many=True, required=False)  # type: ignore[assignment]


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    "header",
    description="For 48 h, a repeated request with the same key gets the same answer and has one effect.",
)
IF_MATCH = OpenApiParameter(
    "If-Match", str, "header", description="The ETag you read it with; 412 if it has changed since."
)
RANGE = OpenApiParameter(
    "Range", str, "header", description="One range of bytes, such as `bytes=0-1023`; more are ignored."
)
IF_RANGE = OpenApiParameter(
    "If-Range", str, "header", description="The ETag of what you have; if it is another now, all is sent."
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, "header", description="The ETag of what you have; 304 if it is the same."
)
SAYS = {
    400: "the request cannot be parsed",
    401: "the credential is missing or not valid",
    403: "the caller may not do this",
    404: "not found",
    408: "the body did not arrive in time",
    409: "a rule prevents this",
    412: "it has changed since you read it",
    413: "too large",
    415: "the body has the wrong content type",
    422: "not valid",
    429: "a limit is reached",
    431: "the headers are too long",
    500: "a bug in Omoi",
    503: "busy",
    507: "the disk is full; nothing was changed",
}
ALWAYS = {400, 401, 403, 429, 431, 500, 503, 507}
WITH_BODY = {408, 409, 413, 415, 422}
WITH_QUERY = {422}
WITH_KEY = {409, 422}
WITH_MATCH = {412}


@dataclass(frozen=True)
class Answer:
    """The answer of a route that is not a JSON document with status 200.

    media_type: set if it is not JSON. empty: what statuses without a body mean, if the route may answer them
    instead. part: whether a `Range` gets a part of it, as 206. also: other statuses with the same shape.
    """

    shape: Any = None
    status: int = 200
    media_type: str = ""
    empty: Mapping[int, str] = field(default_factory=dict)
    part: bool = False
    also: Mapping[int, str] = field(default_factory=dict)


def route(
    summary: str,
    *,
    tag: str,
    takes: Any = None,
    parameters: Sequence[Any] = (),
    gives: Any = None,
    refuses: tuple[int, ...] = (),
) -> Callable[[F], F]:
    """Describe a method of a view.

    takes: the shape of the body. parameters: the shape of the query, then headers. gives: the shape of the
    answer, or an Answer. refuses: the statuses of its own refusals; those of every route are added.
    """
    answer = gives if isinstance(gives, Answer) else Answer(gives)
    several = (
        (takes, WITH_BODY),
        (any(isinstance(parameter, type) for parameter in parameters), WITH_QUERY),
        (IDEMPOTENCY_KEY in parameters, WITH_KEY),
        (IF_MATCH in parameters, WITH_MATCH),
    )
    codes = ALWAYS.union(refuses, *(codes for condition, codes in several if condition))
    shape = OpenApiResponse(description=summary) if answer.shape is None else answer.shape
    responses: dict[Any, Any] = {
        (answer.status, answer.media_type) if answer.media_type else answer.status: shape,
        **{_problem(code): OpenApiResponse(ProblemOut, SAYS[code]) for code in sorted(codes)},
    }
    responses |= {code: OpenApiResponse(description=means) for code, means in answer.empty.items()}
    responses |= {code: OpenApiResponse(answer.shape, means) for code, means in answer.also.items()}
    if answer.part:
        responses[206, answer.media_type] = OpenApiResponse(answer.shape, "the part that `Range` asks for")
    return extend_schema(
        summary=summary, request=takes, responses=responses, parameters=list(parameters), tags=[tag]
    )


def _problem(code: int) -> Any:
    return code, "application/problem+json"


def listing(name: str, item: Any) -> Any:
    """The shape of a page of `item`."""
    return inline_serializer(
        name, {"results": item(many=True), "next": serializers.CharField(allow_null=True)}
    )


def anything_may_be_null(result: Any, **_: Any) -> Any:
    """Drop `oneOf` from fields that may hold any JSON. Null would match both of its branches, so `oneOf`
    would reject null.
    """
    if isinstance(result, dict):
        if {"type": "null"} in (kinds := result.get("oneOf", [])) and {} in kinds:
            del result["oneOf"]
        for inner in result.values():
            anything_may_be_null(inner)
    elif isinstance(result, list):
        for inner in result:
            anything_may_be_null(inner)
    return result


class Schema(AutoSchema):
    """Takes names and descriptions from the route itself, so that none collides or repeats a base class."""

    def get_operation_id(self) -> str:
        words = [
            word.strip("{}").replace("-", "_")
            for word in self.path.removeprefix("/api/v1/").strip("/").split("/")
        ]
        return "_".join([self.method.lower(), *words])

    def get_description(self) -> str:  # type: ignore[override]
        scope = self.view.needed(self.method) if hasattr(self.view, "needed") else ""
        return f"Needs the scope `{scope}`." if scope else ""


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "agents.api.auth.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "omoi_<prefix>_<secret>"}


class CookieScheme(OpenApiAuthenticationExtension):
    target_class = "agents.api.auth.CookieAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "For people; every change needs the CSRF token.",
        }
