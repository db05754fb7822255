"""API keys: issued and revoked, never edited."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from agents.models import (
    Agent,
    Key,
)
from agents.models.key import LONGEST
from agents.models.scopes import SCOPES
from omoi_site.admin_actions import admin_action
from omoi_site.admin_base import ReadOnlyModelAdmin, badge, since, until


class KeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="If empty: `work` for an agent, the scopes of their roles for a person.",
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=LONGEST.days,
        required=False,
        label="ends after",
        help_text="Days until it expires. If empty, it never expires.",
    )

    class Meta:
        model = Key
        fields = ["agent", "user"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned is not None and bool(cleaned.get("agent")) == bool(cleaned.get("user")):
            raise forms.ValidationError("Choose either one agent or one person.")
        return cleaned


@admin.register(Key)
class KeyAdmin(ReadOnlyModelAdmin):
    """A key is issued and revoked, never edited.

    Its text is shown once, in the answer to the form that made it.
    """

    large = False
    form = KeyForm
    hidden = ["hash"]
    list_display = [
        "__str__",
        "agent",
        "user",
        "shown_scopes",
        "state",
        since("last_used_at"),
        until("expires_at"),
    ]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), ("expires_at", admin.DateFieldListFilter)]
    search_fields = ["=prefix", "agent__name", "user__username"]
    autocomplete_fields = ["agent", "user"]
    list_select_related = ["agent", "user"]
    actions = [
        admin_action(
            "Revoke keys",
            lambda key, request, reason: Key.objects.filter(pk=key.pk).revoke(by=request.user),
            effect="Requests with these keys are refused from now on. This cannot be undone.",
            least=3,
        )
    ]

    def seen(self, rows: QuerySet[Key], who: Any) -> QuerySet[Key]:
        return rows.filter(Q(agent__in=Agent.objects.seen_by(who)) | Q(user=who))

    @admin.display(description="scopes")
    def shown_scopes(self, key: Key) -> str:
        return ", ".join(key.scopes) or "of their roles"

    @admin.display()
    def state(self, key: Key) -> str:
        return badge("revoked", "neutral") if key.revoked_at else badge("live", "ok")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("agents.add_key")

    def get_fields(self, request: HttpRequest, obj: Key | None = None) -> Any:
        return super().get_fields(request, obj) if obj else ["agent", "user", "scopes", "days"]

    def get_readonly_fields(self, request: HttpRequest, obj: Key | None = None) -> Any:
        return self.get_fields(request, obj) if obj else []

    def save_model(self, request: HttpRequest, key: Key, form: forms.ModelForm, change: bool) -> None:
        changes = form.cleaned_data
        ends = timedelta(days=changes["days"]) if changes["days"] else None
        made, text = Key.objects.issue(
            agent=key.agent, user=key.user, scopes=changes["scopes"], expires_in=ends, by=request.user
        )
        key.__dict__.update(made.__dict__)
        request.key_text = text  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, key: Key, post_url_continue: Any = None) -> HttpResponse:
        """The only answer with the key's text. A message would store it in the session and show it on any
        next page.
        """
        text = request.key_text  # type: ignore[attr-defined]
        shown = {"title": "Key made", "opts": self.opts, "key": key, "text": text}
        return TemplateResponse(
            request, "admin/key_created.html", {**self.admin_site.each_context(request), **shown}
        )
