"""`__in` passes a long list as one array, because a statement has at most 65,535 parameters."""

from __future__ import annotations

from typing import Any

from django.db.models import Field, ForeignObject, lookups
from django.db.models.expressions import ColPairs
from django.db.models.fields.related_lookups import RelatedIn

MANY = 1000  # values; a shorter list stays as Django writes it


class AsArray:
    """A mixin for `in` lookups; a list that contains expressions is not changed."""

    def as_postgresql(self: Any, compiler: Any, connection: Any) -> tuple[str, Any]:
        if not self.rhs_is_direct_value() or len(self.rhs) <= MANY or isinstance(self.lhs, ColPairs):
            return self.as_sql(compiler, connection)
        places, values = self.process_rhs(compiler, connection)
        if set(places) - set("%s(), "):
            return self.as_sql(compiler, connection)
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY (%s)", [*params, list(values)]


class InArray(AsArray, lookups.In):
    pass


class RelatedInArray(AsArray, RelatedIn):
    pass


def register() -> None:
    Field.register_lookup(InArray)
    ForeignObject.register_lookup(RelatedInArray)
