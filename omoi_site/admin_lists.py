"""Lists of the admin over tables of any size: a page reads a bounded number of rows, whatever it asks for.

Without a filter, a list has the newest rows first. What an index finds, such as a whole key, is looked for in
all rows. Any other filter or search looks at the newest `WINDOW` rows, and a link leads to those before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import AllValuesFieldListFilter
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.db.models import IntegerField, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

MOST = 10_000  # rows counted for the page numbers
WINDOW = 20_000  # rows that a filter without an index looks at
FOUND = 1_000  # rows that a whole key or name finds
LISTED = 1_000  # rows whose values a filter offers
BEFORE = "before"  # in the address: where the window ends


class EstimatedPaginator(Paginator):
    """Counts no further than `MOST`: a list of a million rows must open as fast as one of a hundred. What
    a row shows of other tables is read only for the page, not for the rows before it.
    """

    @cached_property
    def count(self) -> int:
        rows = self.object_list.order_by("-pk")  # type: ignore[attr-defined]  # by the smallest index
        return int(rows.values("pk")[:MOST].count())

    def page(self, number: Any) -> Page:
        place = self.validate_number(number)
        rows: Any = self.object_list
        first = (place - 1) * self.per_page
        keys = list(rows.values_list("pk", flat=True)[first : first + self.per_page])
        return self._get_page(rows.filter(pk__in=keys), place, self)  # type: ignore[attr-defined]


class WindowedChangeList(ChangeList):
    """`older`: the query of the address with the window before this one; empty if there is none."""

    model_admin: Any
    older = ""
    windowed = False
    looked_at = WINDOW

    def get_filters_params(self, params: Any = None) -> Any:
        asked = super().get_filters_params(params)
        asked.pop(BEFORE, None)
        return asked

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        rows = super().get_queryset(request, exclude_parameters)
        exactly = getattr(request, "found_exactly", False)
        self.windowed = self.model_admin.large and not exactly and bool(self.query or self._narrowed)
        if not self.windowed:
            return rows
        place = self.opts.pk.name
        newest = self.model._default_manager.order_by(f"-{place}")
        if (before := self._before(place)) is not None:
            newest, rows = (each.filter(**{f"{place}__lt": before}) for each in (newest, rows))
        last = list(newest.values_list(place, flat=True)[WINDOW - 1 : WINDOW + 1])
        if len(last) < 2:
            return rows
        self.older = self.get_query_string({BEFORE: last[0]}, remove=["p"])
        return rows.filter(**{f"{place}__gte": last[0]})

    @property
    def _narrowed(self) -> bool:
        return bool(self.has_active_filters or self.get_filters_params())

    def _before(self, place: str) -> Any:
        """Where the asked window ends; None: at the newest row."""
        try:
            field: Any = self.opts.get_field(place)
            return field.to_python(self.params.get(BEFORE) or None)
        except ValidationError:
            return None


class RecentValuesFilter(AllValuesFieldListFilter):
    """The values of a field without fixed choices that the newest rows have: no table is read for them."""

    lookup_choices: Any

    def __init__(
        self, field: Any, request: HttpRequest, params: Any, model: Any, model_admin: Any, field_path: str
    ) -> None:
        super().__init__(field, request, params, model, model_admin, field_path)
        newest = model_admin.get_queryset(request).order_by("-pk").values_list(field_path, flat=True)[:LISTED]
        self.lookup_choices = sorted({value for value in newest if value is not None})


def found_exactly(rows: QuerySet[Any], lookups: Sequence[str], term: str) -> list[Any]:
    """The keys of the rows that one of these lookups finds by its index, or whose id it is."""
    found: list[Any] = []
    for lookup in lookups:
        same = rows.filter(**{f"{lookup}__in": [term, term.upper()]}).order_by()
        found += same.values_list("pk", flat=True)[:FOUND]
    if isinstance(rows.model._meta.pk, IntegerField) and term.isascii() and term.isdigit() and len(term) < 19:
        found += rows.filter(pk=int(term)).order_by().values_list("pk", flat=True)
    return found
