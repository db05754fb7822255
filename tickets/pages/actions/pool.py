"""The actions on a quota pool: close it, open it, change how many claims it allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.urls import reverse
from django.utils import timezone

from agents.models import Event, Pool, rights
from agents.models.pool import MOST_CLAIMS
from tickets.models import NotReady
from tickets.pages.actions.action import Action
from tickets.pages.forms import ActionForm, ReasonForm


class PoolAction(Action):
    subject: Pool
    verb: ClassVar[str]

    @property
    def pool(self) -> Pool:
        return self.subject

    @property
    def address(self) -> str:
        return reverse("agents:pool", args=[self.pool.name, self.name])

    @property
    def scope(self) -> str:
        return "admin"

    @property
    def permitted(self) -> bool:
        return self.scope in rights.scopes(self.by, self.pool.project)

    @property
    def denied(self) -> str:
        if self.permitted:
            return ""
        if self.pool.project:
            return f"You need the role of an administrator in {self.pool.project}"
        return "Only an operator of this installation can do this"

    @property
    def last_change(self) -> Event | None:
        return Event.objects.filter(topic=self.pool.topic).order_by("-xid", "-id").first()

    def expect_as_offered(self, values: dict[str, Any]) -> None:
        if not self.available:
            state = "closed" if self.pool.closed_at else "open"
            raise NotReady(f"{self.pool} is {state} already, so nothing was done")

    def act(self, values: dict[str, Any], **how: Any) -> None:
        Pool.objects.act(self.pool.pk, self.verb, by=self.by, version=values["version"], **how)


class CloseForm(ReasonForm):
    minutes = forms.IntegerField(
        label="Tried again after",
        required=False,
        min_value=1,
        max_value=60 * 24 * 30,
        widget=forms.NumberInput({"class": "input", "min": 1}),
        error_messages={"invalid": "give a whole number of minutes, or nothing"},
    )
    minutes.hint = "(minutes; empty: when somebody opens it)"  # type: ignore[attr-defined]


class Close(PoolAction):
    name, label, icon = "close", "Close", "lock"
    verb, event = "close", "pool.closed"
    needs_reason = True

    @property
    def available(self) -> bool:
        return self.pool.closed_at is None

    @property
    def effects(self) -> Sequence[str]:
        return ["Agents that name it are granted nothing. What they hold goes on."]

    def form(self, data: Mapping[str, Any] | None = None, **how: Any) -> ActionForm:
        return CloseForm(data, label=self.reason_label, least=self.least_reason, **how)

    def do(self, values: dict[str, Any]) -> str:
        minutes = values["minutes"]
        until = timezone.now() + timedelta(minutes=minutes) if minutes else None
        self.act(values, reason=values["reason"], resets_at=until)
        return f"{self.pool} is closed"


class Open(PoolAction):
    name, label, icon = "open", "Open", "play"
    verb, event = "open", "pool.opened"

    @property
    def available(self) -> bool:
        return self.pool.closed_at is not None

    @property
    def effects(self) -> Sequence[str]:
        return ["Agents that name it are granted work again."]

    def do(self, values: dict[str, Any]) -> str:
        self.act(values, reason=values["reason"])
        return f"{self.pool} is open"


class LimitForm(ActionForm):
    limit = forms.IntegerField(
        label="Claims at once",
        required=False,
        min_value=1,
        max_value=MOST_CLAIMS,
        widget=forms.NumberInput({"class": "input", "min": 1}),
        error_messages={"invalid": "give a whole number, or nothing"},
    )
    limit.hint = "(empty: any number)"  # type: ignore[attr-defined]


class Limit(PoolAction):
    name, label, icon = "limit", "Limit", "filter"
    verb, event = "edit", "pool.edited"
    reason_label = ""

    @property
    def available(self) -> bool:
        return True

    @property
    def effects(self) -> Sequence[str]:
        return ["What is claimed above the limit goes on."]

    def form(self, data: Mapping[str, Any] | None = None, **how: Any) -> ActionForm:
        how["initial"] = {"limit": self.pool.limit, **(how.get("initial") or {})}
        return LimitForm(data, **how)

    def is_made(self, typed: Mapping[str, str]) -> bool:
        return str(self.pool.limit or "") == typed.get("limit", "").strip()

    def do(self, values: dict[str, Any]) -> str:
        self.act(values, limit=values["limit"])
        many = f"{values['limit']} at once" if values["limit"] else "any number"
        return f"Claims of {self.pool}: {many}"


KINDS: Sequence[type[PoolAction]] = (Open, Close, Limit)
