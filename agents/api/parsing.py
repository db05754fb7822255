"""Parses and checks what clients send.

The work that a body can cause is bounded: each item is cheap, even a wrong one, and only the first faults are
listed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.request import Request

from omoi_site.errors import Faults, short

MOST_NAMES = 300  # characters of the names of fields, where a wrong one is refused


class Shape(serializers.Serializer):
    """What a client may send. An unknown field is a fault, at every depth."""

    @functools.cached_property
    def rules(self) -> list[tuple[str, Any, Any]]:
        """Each field by name, with this shape's own check of it."""
        return [(name, field, getattr(self, f"validate_{name}", None)) for name, field in self.fields.items()]

    def read(self, data: Any, path: str, faults: Faults) -> Any:
        """The parsed value of `data`; its faults are added to `faults`."""
        return _read_object(self, data, path, faults)


def parse(
    shape: type[Shape], request: Request, *, add_faults: Callable[[Any, Faults], None] | None = None
) -> dict[str, Any]:
    """The request's body, parsed by `shape`. Raises Invalid with the faults by field.

    add_faults: adds more faults to a refused body, for example names that do not exist.
    """
    data = request.data
    return checked(shape, data.dict() if isinstance(data, QueryDict) else data, add_faults)


def parse_query(shape: type[Shape], request: Request) -> dict[str, Any]:
    """The request's query, parsed by `shape`; an unknown parameter is refused."""
    query = request.query_params
    lists = {name for name, field in _made(shape).fields.items() if isinstance(field, serializers.ListField)}
    return checked(shape, {name: query.getlist(name) if name in lists else query[name] for name in query})


def checked(
    shape: type[Shape], data: Any, add_faults: Callable[[Any, Faults], None] | None = None
) -> dict[str, Any]:
    """`data`, parsed by `shape`. Raises Invalid with the faults by field."""
    faults = Faults()
    value = _read(_made(shape), data, "", faults)
    if faults.found and add_faults:
        add_faults(data, faults)
    faults.check()
    return value


@functools.cache
def _made(shape: type[Shape]) -> Shape:
    """One instance of each shape for all requests: creating one copies every field, and checking does not
    change it.
    """
    return shape()


def _read(field: Any, value: Any, path: str, faults: Faults) -> Any:
    """The value, parsed by `field`.

    DRF raises an exception for each fault, which costs a hundred times as much.
    """
    match field:
        case Shape() | serializers.ListSerializer() | serializers.ListField() if value is None:
            if not field.allow_null:
                _refuse(field, "null", path, faults)
            return None
        case Shape():
            return field.read(value, path, faults)
        case serializers.ListSerializer() | serializers.ListField():
            return _read_list(field, value, path, faults)
    try:
        return field.run_validation(value)
    except serializers.ValidationError as error:
        _note(error.detail, path, faults, _choices(field))
        return None


def _choices(field: Any) -> str:
    """Those of a field that has some, to name them where another word was sent."""
    choices = getattr(field, "choices", None)
    return f"Choose one of {', '.join(map(str, choices))}." if choices else ""


def _read_object(shape: Shape, data: Any, path: str, faults: Faults) -> dict[str, Any] | None:
    if not isinstance(data, dict):
        _refuse(shape, "invalid", path, faults, datatype=type(data).__name__)
        return None
    before, value = faults.count, {}
    for name, field, more in shape.rules:
        inside = f"{path}.{name}" if path else name
        if name not in data:
            if field.required:
                _refuse(field, "required", inside, faults)
            elif field.default is not serializers.empty:
                value[name] = field.get_default()
            continue
        wrong = faults.count
        value[name] = _read(field, data[name], inside, faults)
        if more and faults.count == wrong:
            value[name] = _asked_more(more, value[name], inside, faults)
    for name in data.keys() - shape.fields.keys():
        there = short(", ".join(shape.fields), MOST_NAMES)
        message = f"there is no such field; there are {there}" if there else "there is no such field"
        faults.add(f"{path}.{name}" if path else str(name), message, "unknown_field")
    return _asked_more(shape.validate, value, path, faults) if faults.count == before else None


def _read_list(field: Any, data: Any, path: str, faults: Faults) -> list[Any]:
    """The length is checked before any item."""
    if not isinstance(data, list):
        _refuse(field, "not_a_list", path, faults, input_type=type(data).__name__)
    elif not (data or field.allow_empty):
        _refuse(field, "empty", path, faults)
    elif field.max_length is not None and len(data) > field.max_length:
        faults.add(path, f"at most {field.max_length} items are allowed; there are {len(data)}", "max_length")
    elif field.min_length is not None and len(data) < field.min_length:
        faults.add(path, f"at least {field.min_length} items are needed; there are {len(data)}", "min_length")
    else:
        return [_read(field.child, item, f"{path}.{index}", faults) for index, item in enumerate(data)]
    return []


def _asked_more(ask: Any, value: Any, path: str, faults: Faults) -> Any:
    try:
        return ask(value)
    except serializers.ValidationError as error:
        _note(error.detail, path, faults)
        return None


def _refuse(field: Any, code: str, path: str, faults: Faults, **words: str) -> None:
    faults.add(path, str(field.error_messages[code]).format(**words), code)


def _note(detail: Any, path: str, faults: Faults, choices: str = "") -> None:
    """Add DRF's nested errors by field. `choices`: what a wrong choice is told."""
    match detail:
        case dict():
            for name, inner in detail.items():
                inside = path if name == "non_field_errors" else f"{path}.{name}".strip(".")
                _note(inner, inside, faults, choices)
        case list() if any(isinstance(inner, (dict, list)) for inner in detail):
            for index, inner in enumerate(detail):
                _note(inner, f"{path}.{index}".strip("."), faults, choices)
        case list():
            for inner in detail:
                _note(inner, path, faults, choices)
        case _:
            code = str(getattr(detail, "code", "invalid"))
            more = f" {choices}" if choices and code == "invalid_choice" else ""
            faults.add(path, short(f"{detail}{more}"), code)


def faults_of(detail: Any) -> Faults:
    """DRF's nested errors as our faults."""
    faults = Faults()
    _note(detail, "", faults)
    return faults
