"""What the pages of the admin share: fast lists, read-only rows, actions that ask for a reason.

The admin changes rows only through the verbs of the models, as the API and the pages do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from omoi_site.templatetags.omoi import age

MOST = 10_000  # rows counted for the page numbers
SHOWN = 20  # rows named on the page of an action


class EstimatedPaginator(Paginator):
    """Counts no further than `MOST`: a list of a million rows must open as fast as one of a hundred."""

    @cached_property
    def count(self) -> int:
        keys = self.object_list.order_by().values_list("pk", flat=True)  # type: ignore[attr-defined]
        return len(keys[:MOST])


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
        }
        return [*(app for app in apps if app["models"]), *([section] if inner else [])]


class OmoiModelAdmin(admin.ModelAdmin):
    """`inside`: the lookup from a row to its project; staff see the rows of their own projects. When it is
    empty, the rows belong to no project and only a superuser sees them.

    `internal`: the table is listed in the section *Internals*.
    """

    inside = ""
    internal = False
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
        return (
            rows.filter(**{f"{self.inside}__members__user": who}).distinct() if self.inside else rows.none()
        )

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


@dataclass(frozen=True)
class Choice:
    """What an action asks for beside its reason: one of `options`, each a value and its text."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]


def admin_action(
    title: str,
    verb: Callable[..., Any],
    *,
    effect: str,
    least: int = 0,
    outlook: Callable[[Any, HttpRequest], str] = lambda row, request: "",
    choice: Choice | None = None,
) -> Any:
    """An action that asks for a reason of `least` characters on its own page, then calls `verb(row, request,
    reason)` for each row.

    outlook: what is to be known of the action on a row; the page shows it beside the row. choice: what the
    page asks for too; its value is one more argument of `verb`, by the name of the choice.
    """

    @admin.action(description=title, permissions=["act"])
    def action(model_admin: OmoiModelAdmin, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        reason = request.POST.get("reason", "")
        chosen = {choice.name: request.POST.get(choice.name, "")} if choice else {}
        asked = not all(chosen.values()) or len(field_limits.seen(reason)) < least
        if "reason" not in request.POST or asked:
            action_attributes = {
                **model_admin.admin_site.each_context(request),
                "title": title,
                "effect": effect,
                "rows": rows,
                "shown": [(row, outlook(row, request)) for row in rows[:SHOWN]],
                "left_out": max(0, len(rows) - SHOWN),
                "opts": model_admin.opts,
                "name": request.POST["action"],
                "checkbox": ACTION_CHECKBOX_NAME,
                "least": least,
                "sent": "reason" in request.POST,
                "short": "reason" in request.POST and len(field_limits.seen(reason)) < least,
                "reason": reason,
                "choice": choice,
                "chosen": chosen.get(choice.name) if choice else "",
            }
            return TemplateResponse(request, "admin/action.html", action_attributes)
        done, refused = 0, list[tuple[Any, OmoiError]]()
        for row in rows:
            try:
                verb(row, request, reason, **chosen)
                done += 1
            except OmoiError as error:
                refused.append((row, error))
        if done:
            model_admin.message_user(request, f"{title}: {done} of {len(rows)} done.", messages.SUCCESS)
        for row, refusal in refused[:10]:
            model_admin.message_user(request, f"{row}: {refusal.message}", messages.WARNING)
        return tell_refusals(HttpResponseRedirect(request.get_full_path()), [error for _, error in refused])

    action.__name__ = title.lower().replace(" ", "_")
    return action


def since(name: str) -> Any:
    """A column: how long ago the moment in this field was."""

    @admin.display(description=name.removesuffix("_at").replace("_", " "), ordering=name)
    def column(row: Any) -> Any:
        return age(getattr(row, name)) or "-"

    column.__name__ = f"{name}_age"
    return column


def badge(word: str, tone: str) -> SafeString:
    return format_html('<span class="badge {}">{}</span>', tone, word.replace("_", " ").capitalize())


class ValueFilter(admin.SimpleListFilter):
    """A filter with fixed choices: it needs no query to list them."""

    words: Iterable[str] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(word, word.replace("_", " ").capitalize()) for word in self.words]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(**{str(self.parameter_name): self.value()}) if self.value() else rows
