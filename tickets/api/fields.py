"""Serializer fields that several shapes share."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.models.project import MOST_SECONDS
from omoi_site import field_limits
from tickets.models.ticket.fields import Priority

BIGGEST_ID = 2**63 - 1
# What the full fields below leave as it is; a route turns an id into its number.
PLAIN_ID = r"\A[0-9]{1,18}\Z"
STALL_HELP = (
    "seconds without progress after which its claim is stalled; 0: never; null: as its phase or project says"
)
PLAIN_PHASE = r"\A(?!PHASE_)[A-Z][A-Z0-9_]*\Z"


class PriorityField(serializers.ChoiceField):
    """critical, high, medium or low, in upper or lower case; a number inside."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=[priority.name.lower() for priority in Priority], **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        return Priority[
            super().to_internal_value(data.lower() if isinstance(data, str) else data).upper()
        ].value

    def to_representation(self, value: Any) -> str:
        return Priority(value).name.lower()


class PhaseField(serializers.CharField):
    """A phase of the ticket's workflow, in upper case; the prefix `PHASE_` is accepted."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=70, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data).upper().removeprefix("PHASE_")

    def fast_type(self) -> Any:
        return Annotated[str, msgspec.Meta(pattern=PLAIN_PHASE, max_length=self.max_length)]


@extend_schema_field(str)
class IdField(serializers.Field):
    """An opaque id, a string."""

    default_error_messages = {
        "invalid": "an id is a string",
        "unknown": 'nothing has this id; ids are strings of digits, such as "31"',
    }

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or len(data) > 40:
            self.fail("invalid")
        if (found := number(data)) < 0:  # to look for it would answer with another id than was sent
            self.fail("unknown")
        return found

    def to_representation(self, value: Any) -> str:
        return str(value)

    def fast_type(self) -> Any:
        return Annotated[str, msgspec.Meta(pattern=PLAIN_ID)]


def number(text: str) -> int:
    """The number in an id; -1, which no row has, if it is not valid."""
    found = field_limits.whole_number(text)
    return -1 if found is None else found


class StallField(serializers.IntegerField):
    """Seconds without progress after which a claim is stalled; 0: never."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", STALL_HELP)
        super().__init__(min_value=0, max_value=MOST_SECONDS, **kwargs)


class FenceField(serializers.IntegerField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=BIGGEST_ID, **kwargs)

    def fast_type(self) -> Any:
        return Annotated[int, msgspec.Meta(ge=self.min_value, le=self.max_value)]
