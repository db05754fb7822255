"""What clients send, field by field."""

from __future__ import annotations

import functools
from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request

from omoi_site.errors import Invalid


class Shape(serializers.Serializer):
    """What a client may send; a field nobody knows is a fault, at every depth."""

    def to_internal_value(self, data: Any) -> Any:
        strange = (
            {str(name): [ErrorDetail("there is no such field", "unknown_field")] for name in data if name not in self.fields}
            if isinstance(data, dict)
            else {}
        )
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**error.detail, **strange} if isinstance(error.detail, dict) else error.detail) from None
        if strange:
            raise serializers.ValidationError(strange)
        return value


def parse(shape: type[Shape], request: Request) -> dict[str, Any]:
    """The request's body as `shape` says; raises Invalid with every fault, each by its field."""
    data = request.data
    return checked(shape, data.dict() if isinstance(data, QueryDict) else data)


def asked(shape: type[Shape], request: Request) -> dict[str, Any]:
    """The request's query as `shape` says; a parameter nobody knows is refused."""
    query = request.query_params
    lists = {name for name, field in _made(shape).fields.items() if isinstance(field, serializers.ListField)}
    return checked(shape, {name: query.getlist(name) if name in lists else query[name] for name in query})


def checked(shape: type[Shape], data: Any) -> dict[str, Any]:
    """`data` as `shape` says; raises Invalid with every fault, each by its field."""
    try:
        return _made(shape).run_validation(data)
    except serializers.ValidationError as error:
        raise Invalid(errors=flat(error.detail)) from None


@functools.cache
def _made(shape: type[Shape]) -> Shape:
    """One of each shape for all requests: to make it copies every field, and checking writes nothing into it."""
    return shape()


def flat(errors: Any, path: str = "") -> list[dict[str, str]]:
    """DRF's nested errors as a list of {field, code, message}."""
    if isinstance(errors, dict):
        return [
            fault
            for name, inner in errors.items()
            for fault in flat(inner, path if name == "non_field_errors" else f"{path}.{name}".strip("."))
        ]
    if isinstance(errors, list) and any(isinstance(inner, (dict, list)) for inner in errors):
        return [fault for place, inner in enumerate(errors) for fault in flat(inner, f"{path}.{place}".strip("."))]
    if isinstance(errors, list):
        return [fault for inner in errors for fault in flat(inner, path)]
    return [{"field": path, "code": str(getattr(errors, "code", "invalid")), "message": str(errors)}]
