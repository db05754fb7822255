"""Serializer fields with the limits of model fields."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from rest_framework import serializers

from omoi_site import field_limits
from omoi_site.field_limits import FIRST_YEAR, LAST_YEAR


def text_of(model: type[models.Model], name: str, **how: Any) -> serializers.CharField:
    """A text with the maximum length of this model field, and with visible characters where it asks for
    them.
    """
    if field_limits.holds_to(model._meta.get_field(name), field_limits.not_blank):
        how["validators"] = [*how.get("validators", ()), field_limits.not_blank]
    return serializers.CharField(max_length=field_limits.longest(model, name), **how)


def texts_of(model: type[models.Model], name: str, **how: Any) -> serializers.ListField:
    """A list of texts with the limits of this model field."""
    return serializers.ListField(
        child=text_of(model, name), max_length=field_limits.most_items(model, name), **how
    )


class ReasonField(serializers.CharField):
    def __init__(self, **how: Any) -> None:
        super().__init__(max_length=field_limits.REASON, **how)

    def to_internal_value(self, data: Any) -> str:
        """A text of invisible characters counts as blank."""
        value: str = super().to_internal_value(data)
        if field_limits.seen(value):
            return value
        if not self.allow_blank:
            self.fail("blank")
        return ""


class MomentField(serializers.DateTimeField):
    """A time with its zone, in a plausible year."""

    def __init__(self, **how: Any) -> None:
        super().__init__(
            **{
                "help_text": f"with its zone, in the years {FIRST_YEAR} to {LAST_YEAR}",
                **how,
            }
        )

    def enforce_timezone(self, value: datetime) -> datetime:
        if fault := field_limits.moment_fault(value):
            raise serializers.ValidationError(fault, "invalid")
        return value
