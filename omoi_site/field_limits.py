"""Limits of what is stored.

A model's field carries its own; every door asks the model, and so does the verb behind it.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.contrib.postgres.validators import ArrayMaxLengthValidator
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import models

from omoi_site.errors import Invalid

REASON = 2_000  # characters
UNSEEN = {
    "Cc",
    "Cf",
    "Cs",
    "Zl",
    "Zp",
}  # categories of Unicode: control, format (also what turns the direction of reading), line ends
BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"  # Hangul fillers: letters that show nothing
BLANK_MARKS = {
    *BLANK_LETTERS,
    *map(
        chr,
        (
            0x034F,
            0x17B4,
            0x17B5,
            0x2800,
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ),
    ),
}
FIRST_YEAR, LAST_YEAR = 1970, 2199


def text(most: int, **how: Any) -> models.TextField:
    """A text of `most` characters, held to it as a CharField is; the column has no limit, so that old rows
    may stay.
    """
    return models.TextField(max_length=most, validators=[MaxLengthValidator(most)], **how)


def items(most: int) -> dict[str, Any]:
    """What an ArrayField of `most` items says of itself."""
    return {"validators": [ArrayMaxLengthValidator(most)]}


def longest(model: type[models.Model], name: str) -> int:
    """How many characters a text of this model has at most, or each text of a list."""
    field: Any = model._meta.get_field(name)
    return getattr(field, "base_field", field).max_length


def most_items(model: type[models.Model], name: str) -> int:
    """How many items a list of this model has at most."""
    field: Any = model._meta.get_field(name)
    return next(
        validator.limit_value
        for validator in field.validators
        if isinstance(validator, ArrayMaxLengthValidator)
    )


def shown(value: str) -> None:
    """A validator: one line, of which every character can be seen.

    Else two names look alike, or one writes over what stands around it.
    """
    if fault := shown_fault(value):
        raise ValidationError(fault)


def shown_fault(value: str) -> str:
    """Empty when a text is one line of visible characters, else which is not."""
    for position, letter in enumerate(value, 1):
        if unicodedata.category(letter) in UNSEEN or letter in BLANK_LETTERS:
            return (
                f"character {position} (U+{ord(letter):04X}) is a control character or cannot be seen:"
                " leave it out"
            )
    return ""


class _Seen(dict[int, str]):
    """What a reader sees of each character: itself, a blank or nothing; found out when it comes up first."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        unseen = unicodedata.category(letter) in UNSEEN | {"Cn"} or letter in BLANK_MARKS
        self[code] = " " if letter.isspace() else "" if unseen else letter
        return self[code]


_SEEN = _Seen()


def seen(value: str) -> str:
    """A text as a reader sees it: without what cannot be seen, runs of blanks as one. To measure a text by,
    not to keep it.
    """
    return " ".join(value.translate(_SEEN).split())


def moment(value: datetime) -> None:
    """A validator: a time says its zone, and lies in a year people mean."""
    if fault := moment_fault(value):
        raise ValidationError(fault)


def moment_fault(value: datetime) -> str:
    """Empty when a time can be kept, else what is wrong with it."""
    if value.tzinfo is None:
        return "a time needs its zone: write 2027-01-31T09:00:00Z or +01:00"
    return (
        ""
        if FIRST_YEAR <= value.year <= LAST_YEAR
        else f"a time lies between {FIRST_YEAR} and {LAST_YEAR}; this one is in the year {value.year}"
    )


def faults(model: type[models.Model], values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What of these values of a new row is over the limits of its model, by field; cheap enough for each of
    many rows.
    """
    for name, most, number in _texts(model):
        value = values.get(name)
        if not value:
            continue
        if number is None:
            if len(value) > most:
                yield name, f"at most {most} characters; these are {len(value)}"
        elif len(value) > number:
            yield name, f"at most {number} items; there are {len(value)}"
        elif any(len(item) > most for item in value):
            yield name, f"at most {most} characters each"
    for name in _held_to(model, moment):
        if (value := values.get(name)) is not None and (fault := moment_fault(value)):
            yield name, fault
    for name in _held_to(model, shown):
        if (value := values.get(name)) and (fault := shown_fault(value)):
            yield name, fault


def reason(text: str, least: int = 0, why: str = "say why") -> str:
    """The reason as it is kept: empty where nobody sees anything in it. Raises Invalid with `why` for one of
    fewer than `least` visible characters.
    """
    if len(text) > REASON:
        raise Invalid(f"a reason has at most {REASON} characters; this one has {len(text)}", field="reason")
    shown = seen(text)
    if len(shown) < least:
        raise Invalid(why, field="reason")
    return text.strip() if shown else ""


@functools.cache
def _texts(model: type[models.Model]) -> list[tuple[str, int, int | None]]:
    """Each text field with its most characters; a list of texts also with its most items."""
    fields: list[Any] = [
        field
        for field in model._meta.concrete_fields
        if getattr(getattr(field, "base_field", field), "max_length", None)
    ]
    return [
        (
            field.name,
            longest(model, field.name),
            most_items(model, field.name) if hasattr(field, "base_field") else None,
        )
        for field in fields
    ]


@functools.cache
def _held_to(model: type[models.Model], validator: Callable[[Any], None]) -> list[str]:
    return [field.name for field in model._meta.concrete_fields if validator in field.validators]
