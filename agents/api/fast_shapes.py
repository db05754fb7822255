"""The shape of a body as a type of msgspec, made from the same declaration as the OpenAPI document.

It accepts no more than the shape does, and only what the shape leaves as it is: a text with blanks around it,
a number as text and the like go to the full view. So does a body with an optional field of a kind that has no
type here. A field class of its own offers its type as the method `fast_type`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from rest_framework import serializers

from agents.api.parsing import Shape
from omoi_site import field_limits

PLAIN = r"(?=[^!-~]*[!-~])"  # it has a visible character of ASCII
TRIMMED = r"\A\S(?:[\s\S]*\S)?\Z"  # not empty, and without the blanks that the shape would cut off


@functools.cache
def struct_of(shape: type[Shape]) -> Any:
    """A Struct with the fields of the shape. A field that is absent and has no default is UNSET. Raises
    TypeError if it needs a field that has no type here.
    """
    made: Any = shape()
    checks = {name: own for name in made.fields if (own := getattr(made, f"validate_{name}", None))}
    of_all = None if type(made).validate is serializers.Serializer.validate else made.validate

    def check(body: Any) -> None:
        data = {name: value for name in made.fields if (value := getattr(body, name)) is not msgspec.UNSET}
        try:
            kept = data | {name: own(data[name]) for name, own in checks.items() if name in data}
            if (of_all(kept) if of_all else kept) != data:
                raise ValueError("the shape would change it")
        except serializers.ValidationError as error:
            raise ValueError("the shape refuses it") from error

    return msgspec.defstruct(
        shape.__name__,
        [_declared(name, field) for name, field in made.fields.items()],
        namespace={"__post_init__": check} if checks or of_all else None,
        forbid_unknown_fields=True,
        kw_only=True,
    )


def _declared(name: str, field: Any) -> Any:
    try:
        kind = type_of(field)
    except TypeError:
        if field.required or field.default is not serializers.empty:
            raise
        kind = msgspec.UnsetType  # the body may not have it
    if field.allow_null and kind is not Any:
        kind = kind | None
    if field.required:
        return name, kind
    if field.default is serializers.empty:
        return name, kind if kind is Any else kind | msgspec.UnsetType, msgspec.UNSET
    default = field.default
    return name, kind, msgspec.field(default_factory=default) if callable(default) else default


def type_of(field: Any) -> Any:
    """The type of the values that this field leaves as they are."""
    if isinstance(field, Shape):
        return struct_of(type(field))
    make = getattr(field, "fast_type", None)
    if make:
        return make()
    if type(field) not in TYPES:
        raise TypeError(f"there is no fast type for {type(field).__name__}")
    return TYPES[type(field)](field)


def number(kind: type) -> Callable[[Any], Any]:
    """Between the bounds of the field."""
    return lambda field: Annotated[kind, msgspec.Meta(ge=field.min_value, le=field.max_value)]


def text(field: Any) -> Any:
    if not field.trim_whitespace:
        raise TypeError("there is no fast type for a text that keeps its blanks")
    pattern = rf"{TRIMMED}|\A\Z" if field.allow_blank else TRIMMED
    if field_limits.not_blank in field.validators:
        pattern = PLAIN + pattern
    return Annotated[
        str, msgspec.Meta(pattern=pattern, min_length=field.min_length, max_length=field.max_length)
    ]


def items(field: Any) -> Any:
    least = max(field.min_length or 0, 0 if field.allow_empty else 1)
    child: Any = type_of(field.child)
    return Annotated[list[child], msgspec.Meta(min_length=least, max_length=field.max_length)]


def anything_named(field: Any) -> Any:
    if type(field.child) is not serializers.DictField.child.__class__:
        raise TypeError("there is no fast type for a dictionary of one kind")
    return dict[str, Any]


TYPES: dict[type, Callable[[Any], Any]] = {
    serializers.IntegerField: number(int),
    serializers.FloatField: number(float),
    serializers.CharField: text,
    serializers.ChoiceField: lambda field: Literal[tuple(field.choices)],
    serializers.JSONField: lambda field: Any,
    serializers.DictField: anything_named,
    serializers.ListField: items,
    serializers.ListSerializer: items,
}
