"""What the pages of the admin share: sections, rights, read-only rows, columns and filters.

The admin changes rows only through the verbs of the models, as the API and the pages do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from omoi_site import humanize
from omoi_site.admin_lists import EstimatedPaginator, WindowedChangeList, found_exactly
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from omoi_site.templatetags.omoi import age, exactly, icon

# The icon of a badge, where its word has none of its own.
SIGNS = {
    "ok": "circle-check",
    "running": "loader-circle",
    "info": "circle-dot",
    "warn": "circle-pause",
    "bad": "circle-x",
    "neutral": "circle-dashed",
}


INDEXED = ("ticket__key", "other__key", "blob__hash")  # the ends of lookups that an index answers


class Site(admin.AdminSite):
    """The admin; tables that are rarely needed have their own section."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        app_list = super().get_app_list(request, app_label)
        inner = [
            shown
            for app in app_list
            for shown in app["models"]
            if getattr(self._registry[shown["model"]], "internal", False)
        ]
        apps = [
            {**app, "models": [shown for shown in app["models"] if shown not in inner]} for app in app_list
        ]
        section = {
            "name": "Internals",
            "app_label": "internals",
            "app_url": reverse("admin:index"),
            "has_module_perms": True,
            "models": inner,
            "internal": True,
            "current": any(shown["admin_url"] in request.path for shown in inner),
        }
        return [*(app for app in apps if app["models"]), *([section] if inner else [])]


class OmoiModelAdmin(admin.ModelAdmin):
    """`inside`: the lookup from a row to its project; staff see the rows of their own projects. When it is
    empty, the rows belong to no project and only a superuser sees them.

    `internal`: no person edits the table by hand, and it is listed in the section *Internals*.

    `large`: it grows with the work. Its list has the newest rows first and no other order. `exact`: lookups
    of a whole value that an index answers, beside those of `INDEXED`.
    """

    inside = ""
    internal = False
    large = False
    exact: Sequence[str] = ()
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    paginator = EstimatedPaginator
    actions: Sequence[Any] = ()

    def has_act_permission(self, request: HttpRequest) -> bool:
        """People who may change rows of this kind may run actions on them, even when no field can be
        edited.
        """
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows if request.user.is_superuser else self.seen(rows, request.user)

    def seen(self, rows: QuerySet[Any], who: Any) -> QuerySet[Any]:
        """The rows that a person who is not a superuser may see."""
        if not self.inside:
            return rows.none()
        project: Any = get_fields_from_path(rows.model, self.inside)[-1].related_model
        own = project._default_manager.filter(members__user=who)
        return rows.filter(**{f"{self.inside}__in": own.values("pk")})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return WindowedChangeList

    def get_ordering(self, request: HttpRequest) -> Any:
        return self.ordering or (["-pk"] if self.large else ())

    def get_sortable_by(self, request: HttpRequest) -> Any:
        return () if self.large else super().get_sortable_by(request)

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """Without those in which nothing was found by their index."""
        done = self._exact if getattr(request, "found_nothing_exactly", False) else ()
        return [field for field in self.search_fields if field.lstrip("=") not in done]

    @property
    def _exact(self) -> list[str]:
        fields = [field[1:] for field in self.search_fields if field.startswith("=")]
        return [*self.exact, *(field for field in fields if field.endswith(INDEXED))]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """What one of the lookups of `exact` finds; else what the fields of the search find."""
        term = search_term.strip()
        if self.large and term and (found := found_exactly(queryset, self._exact, term)):
            request.found_exactly = True  # type: ignore[attr-defined]  # for the list
            return queryset.filter(pk__in=found), False
        request.found_nothing_exactly = self.large  # type: ignore[attr-defined]
        if not self.get_search_fields(request):
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> QuerySet[Any] | None:
        """A form offers and accepts only rows that the list of that model shows."""
        model_admin = self.admin_site._registry.get(db_field.remote_field.model)
        return (
            model_admin.get_queryset(request)
            if isinstance(model_admin, OmoiModelAdmin)
            else super().get_field_queryset(db, db_field, request)
        )

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """A refusal is shown in the form, which keeps what was typed."""
        if request.method != "POST":
            return self._show_refusal(super().changeform_view, request, *args, **kwargs)
        try:
            return sql.patiently(super().changeform_view)(request, *args, **kwargs)
        except OmoiError as refused:
            request.refused = refused  # type: ignore[attr-defined]  # for get_form
            answer = super().changeform_view(request, *args, **kwargs)
            return tell_refusals(answer, [refused])

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        made = super().get_form(request, *args, **kwargs)
        refused = getattr(request, "refused", None)
        return refusing(made, refused) if refused else made

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._show_refusal(super().delete_view, request, *args, **kwargs)

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        return self._show_refusal(super().response_action, request, *args, **kwargs)

    def _show_refusal(self, view: Callable[..., Any], request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Shows a refusal above the page instead of a server error."""
        try:
            # Django puts one transaction around the whole view, so a single save inside it cannot be retried
            return sql.patiently(view)(request, *args, **kwargs)
        except OmoiError as refused:
            self.message_user(request, f"{refused.message} {refused.next_action}".strip(), messages.ERROR)
            return tell_refusals(HttpResponseRedirect(request.get_full_path()), [refused])


def refusing(form: type[forms.BaseForm], refused: OmoiError) -> type[forms.BaseForm]:
    """The form, in which nothing is valid because of this refusal."""

    def clean(self: forms.BaseForm) -> None:
        form.clean(self)
        raise ValidationError(f"{capfirst(refused.message)}. {refused.next_action}".strip())

    return type(form.__name__, (form,), {"clean": clean})


def tell_refusals(answer: HttpResponse, errors: Iterable[OmoiError]) -> HttpResponse:
    """`refused_status` tells the access log what the API would have answered."""
    if any(error.status == 403 for error in errors):
        answer.refused_status = 403  # type: ignore[attr-defined]
    return answer


class UnscopedModelAdmin(OmoiModelAdmin):
    """Rows that belong to no project and that everybody with the permission may see."""

    def seen(self, rows: QuerySet[Any], who: Any) -> QuerySet[Any]:
        return rows


class ReadOnlyModelAdmin(OmoiModelAdmin):
    """Rows that can be read here, but not added, changed or deleted."""

    large = True
    hidden: Iterable[str] = ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [field.name for field in self.opts.fields if field.name not in self.hidden]

    get_readonly_fields = get_fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    """Read-only rows below a form; `fields` names all their fields."""

    template = "admin/rows.html"
    extra = 0
    can_delete = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def since(name: str) -> Any:
    """A column: how long ago the moment in this field was."""

    @admin.display(description=name.removesuffix("_at").replace("_", " "), ordering=name)
    def column(row: Any) -> Any:
        return age(getattr(row, name)) or "-"

    column.__name__ = f"{name}_age"
    return column


def until(name: str) -> Any:
    """A column: when the moment in this field comes, or how long ago it was."""

    @admin.display(description=name.removesuffix("_at").replace("_", " "), ordering=name)
    def column(row: Any) -> Any:
        at = getattr(row, name)
        if at is None:
            return "-"
        words = humanize.relative(at, timezone.now())
        return format_html(
            '<time datetime="{}" title="{}">{}</time>', at.isoformat(timespec="seconds"), exactly(at), words
        )

    column.__name__ = f"{name}_age"
    return column


def badge(word: str, tone: str, sign: str = "") -> SafeString:
    """As on the pages: an icon and a word."""
    word = word.replace("_", " ").capitalize()
    return format_html('<span class="badge {}">{}{}</span>', tone, icon(sign or SIGNS[tone], "sm"), word)


class ValueFilter(admin.SimpleListFilter):
    """A filter with fixed choices: it needs no query to list them."""

    words: Iterable[str] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(word, word.replace("_", " ").capitalize()) for word in self.words]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(**{str(self.parameter_name): self.value()}) if self.value() else rows
