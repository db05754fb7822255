"""Limits of stored values.

Each model field has its own limit. The API, the pages and the verbs all read it from the model.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.contrib.postgres.validators import ArrayMaxLengthValidator
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, MinValueValidator
from django.db import models

from omoi_site.errors import Invalid

REASON = 2_000  # characters
UNSEEN = {
    "Cc",
    "Cf",
    "Cs",
    "Zl",
    "Zp",
}  # categories of Unicode: control, format (this includes marks that change the direction), line ends
BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"  # Hangul fillers: letters that are invisible
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
CONTROLS = re.compile(r"(?!\r\n)[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # but line ends and tabs
ORDERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")  # but tabs
FIRST_YEAR, LAST_YEAR = 1970, 2199
ID_DIGITS, VERSION_DIGITS = 18, 9  # as many as fit the columns


def text(most: int, **how: Any) -> models.TextField:
    """A text field of at most `most` characters, checked like a CharField. The column itself has no limit, so
    older, longer rows stay valid.
    """
    return models.TextField(max_length=most, validators=[MaxLengthValidator(most)], **how)


def written(most: int) -> models.TextField:
    """Like `text`, for a text that somebody must write: a reader sees something in it."""
    return models.TextField(max_length=most, validators=[MaxLengthValidator(most), not_blank])


def number(**how: Any) -> models.IntegerField[Any, Any]:
    """A number of 0 or more, in a table that is written too often for a check of each column: the model has
    one constraint for all of them.
    """
    return models.IntegerField(validators=[MinValueValidator(0)], **how)


def items(most: int) -> dict[str, Any]:
    """Arguments for an ArrayField of at most `most` items."""
    return {"validators": [ArrayMaxLengthValidator(most)]}


def longest(model: type[models.Model], name: str) -> int:
    """The maximum length of a text field of this model, or of each text in a list."""
    field: Any = model._meta.get_field(name)
    return getattr(field, "base_field", field).max_length


def most_items(model: type[models.Model], name: str) -> int:
    """The maximum number of items in a list field of this model."""
    field: Any = model._meta.get_field(name)
    return next(
        validator.limit_value
        for validator in field.validators
        if isinstance(validator, ArrayMaxLengthValidator)
    )


def shown(value: str) -> None:
    """A validator: one line of visible characters.

    Otherwise two names could look alike, or one could overwrite the text around it.
    """
    if fault := shown_fault(value):
        raise ValidationError(fault)


def shown_fault(value: str) -> str:
    """Empty if a text is one line of visible characters, else a message that names the character that is
    not.
    """
    if value.isascii() and value.isprintable():  # as most are
        return ""
    for position, letter in enumerate(value, 1):
        if unicodedata.category(letter) in UNSEEN or letter in BLANK_LETTERS:
            return _unseen(position, letter)
    return ""


def exact_fault(value: str) -> str:
    """Like `shown_fault`, for what a program takes letter by letter, such as a path: each character is seen
    by itself, so no blank but the usual one, and no mark that belongs to the character before it.
    """
    if value.isascii():
        return shown_fault(value)
    for position, letter in enumerate(value, 1):
        if _SEEN[ord(letter)] != letter:
            return _unseen(position, letter)
    return ""


def _unseen(position: int, letter: str) -> str:
    return f"character {position} (U+{ord(letter):04X}) is a control character or is invisible: remove it"


class _Seen(dict[int, str]):
    """What a reader sees of each character: itself, a blank or nothing. Computed at its first use."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        unseen = unicodedata.category(letter) in UNSEEN | {"Cn"} or letter in BLANK_MARKS
        self[code] = " " if letter.isspace() else "" if unseen else letter
        return self[code]


_SEEN = _Seen()


def seen(value: str) -> str:
    """The text as a reader sees it: no invisible characters, and runs of blanks as one blank. For measuring,
    not for storing.
    """
    return " ".join(value.translate(_SEEN).split())


class _Visible(dict[int, str]):
    """How each character is shown. Computed at its first use."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        hidden = (unicodedata.category(letter) in UNSEEN and letter not in "\n\t") or letter in BLANK_LETTERS
        self[code] = f"⟦U+{code:04X}⟧" if hidden else letter
        return self[code]


_VISIBLE = _Visible()


def not_blank(value: str) -> None:
    """A validator: a reader sees something. Each field of a text that somebody must write has it."""
    if fault := blank_fault(value):
        raise ValidationError(fault)


def blank_fault(value: str) -> str:
    """Empty if a text has at least one visible character, else what is wrong with it."""
    seen_one = any(_SEEN[ord(letter)].strip() for letter in value)  # ends at the first
    return "" if seen_one else "it has no visible character: write something that people can read"


def visible(value: str) -> str:
    """The text with each invisible character shown by its number: it could make two texts look alike. For
    showing what others wrote.
    """
    return value.translate(_VISIBLE)


def one_line(value: str) -> str:
    """Like `harmless`, and line ends are shown by their numbers too: a text of one line cannot look like
    several lines of a command.
    """
    return ORDERS.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", value)


def harmless(value: str) -> str:
    """The text with each control character shown by its number: a terminal would obey it. For commands."""
    return CONTROLS.sub(lambda found: _VISIBLE[ord(found[0])], value)


def moment(value: datetime) -> None:
    """A validator: a time has a zone and a plausible year."""
    if fault := moment_fault(value):
        raise ValidationError(fault)


def moment_fault(value: datetime) -> str:
    """Empty if a time can be stored, else what is wrong with it."""
    if value.tzinfo is None:
        return "the time has no zone: write 2027-01-31T09:00:00Z or +01:00"
    return (
        ""
        if FIRST_YEAR <= value.year <= LAST_YEAR
        else f"a time must be between the years {FIRST_YEAR} and {LAST_YEAR}; this one is in {value.year}"
    )


def faults(model: type[models.Model], values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Field and message for each of these values of a new row that is over its limit; cheap enough to call
    for many rows.
    """
    for name, most, number in _texts(model):
        value = values.get(name)
        if not value:
            continue
        if number is None:
            if len(value) > most:
                yield name, f"at most {most} characters are allowed; there are {len(value)}"
        elif len(value) > number:
            yield name, f"at most {number} items are allowed; there are {len(value)}"
        elif any(len(item) > most for item in value):
            yield name, f"at most {most} characters are allowed in each"
    for name in _held_to(model, moment):
        if (value := values.get(name)) is not None and (fault := moment_fault(value)):
            yield name, fault
    for name in _held_to(model, shown):
        if (value := values.get(name)) and (fault := shown_fault(value)):
            yield name, fault
    for name in _held_to(model, not_blank):
        value = values.get(name)
        for text in [value] if isinstance(value, str) else value or ():
            if fault := blank_fault(text):
                yield name, fault
                break


def whole_number(text: str, digits: int = ID_DIGITS) -> int | None:
    """The number in a text that anybody may have written; None if it is none, or has more digits."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= digits else None


def reason(text: str, least: int = 0, why: str = "say why") -> str:
    """The reason as it is stored: empty if it has no visible character. Raises Invalid with the message `why`
    if it has fewer than `least` visible characters.
    """
    if len(text) > REASON:
        raise Invalid(f"a reason has at most {REASON} characters; this one has {len(text)}", field="reason")
    shown = seen(text)
    if len(shown) < least:
        raise Invalid(why, field="reason")
    return text.strip() if shown else ""


@functools.cache
def _texts(model: type[models.Model]) -> list[tuple[str, int, int | None]]:
    """Each text field with its maximum length; for a list of texts also the maximum number of items."""
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
    return [field.name for field in model._meta.concrete_fields if holds_to(field, validator)]


def holds_to(field: Any, validator: Callable[[Any], None]) -> bool:
    """Whether a model field, or each text in its list, has this validator."""
    return validator in getattr(field, "base_field", field).validators
