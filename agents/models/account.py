"""Account: what Omoi stores about a person beside Django's user."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import models
from django.db.models.functions import Now

from agents.models.event import Journaled


class Account(Journaled):
    """Created with the person's first event in the journal."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="account")

    single_letters = models.BooleanField(
        default=True, db_default=True, help_text="whether single letters are shortcuts on the pages"
    )

    def __str__(self) -> str:
        return str(self.user)

    @property
    def topic(self) -> str:
        return f"user:{self.user.get_username()}"


def set_single_letters(person: Any, allowed: bool) -> None:
    """Whether single letters are shortcuts for this person."""
    account, _ = Account.objects.get_or_create(user=person)
    Account.objects.filter(pk=account.pk).update(single_letters=allowed)


def forget_sessions(limit: int) -> int:
    """Delete a batch of expired sessions; returns how many."""
    over = (
        Session.objects.filter(expire_date__lt=Now())
        .order_by("expire_date")
        .values_list("pk", flat=True)[:limit]
    )
    return Session.objects.filter(pk__in=list(over)).delete()[0]
