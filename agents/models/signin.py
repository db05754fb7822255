"""Signing in: the one-time link, and how often a password may be tried.

The link signs its user in once. Nothing is stored for it: its token is made from the user's last sign-in, and using it is a write that
succeeds only while that has not changed. Of several uses at the same time one is the sign-in, and the others come too late.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import models
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from omoi_site import db
from omoi_site.errors import OmoiError

TRIES, WINDOW = 10, timedelta(minutes=15)


class OneTime(PasswordResetTokenGenerator):
    """Tokens that die with the user's next sign-in, and after PASSWORD_RESET_TIMEOUT."""

    key_salt = "omoi.one-time-link"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        """With the whole moment of the last sign-in: Django's drops what is less than a second, and two fall into one."""
        return f"{super()._make_hash_value(user, timestamp)}{user.last_login and user.last_login.isoformat()}"


tokens = OneTime()


def one_time_path(user: Any) -> str:
    """Path of a page that signs `user` in, once."""
    return f"/login/once/{urlsafe_base64_encode(str(user.pk).encode())}/{tokens.make_token(user)}/"


def holder(uid: str, token: str) -> Any | None:
    """The user a link was made for; None when it was used, is too old or was never one of ours."""
    try:
        user = get_user_model().objects.filter(pk=int(urlsafe_base64_decode(uid)), is_active=True).first()
    except (ValueError, OverflowError):
        return None
    return user if user and tokens.check_token(user, token) else None


def redeem(uid: str, token: str) -> Any | None:
    """The user a link was made for, who is signed in by it now; None when it was used, if only a moment ago, or is not valid."""
    if (user := holder(uid, token)) is None:
        return None
    # Waits for whoever was first, and then looks again: the row is not what the token was made from any more.
    unused = get_user_model().objects.filter(pk=user.pk, is_active=True, password=user.password, last_login=user.last_login)
    return user if unused.update(last_login=db.ClockTimestamp()) else None


class TooManyTries(OmoiError):
    """This name was tried too often from this address."""

    code = "limit_reached"
    status = 429
    title = "Too many tries"
    next_action = "Wait until the oldest of them is 15 minutes old."


class SignInTryQuerySet(models.QuerySet["SignInTry"]):
    def count_in(self, name: str, address: str) -> None:
        """Count one more try before the password is looked at, so that tries at the same time count each other; raises TooManyTries."""
        db.rows("DELETE FROM agents_signintry WHERE at < clock_timestamp() - %s", [WINDOW])
        pair = {"who": who(name), "address": address}
        self.create(**pair)
        if self.filter(**pair).count() > TRIES:
            raise TooManyTries("too many tries with this name from your address; wait 15 minutes, then try again")

    def forget(self, name: str, address: str) -> None:
        """The password was right: what came before does not count any more."""
        self.filter(who=who(name), address=address).delete()


def who(name: str) -> str:
    """Not the name itself: people type their password into the wrong field."""
    return hashlib.sha256(name.strip().casefold().encode()).hexdigest()[:32]


class SignInTry(models.Model):
    """A try to sign in that did not succeed, or not yet; kept for 15 minutes."""

    who = models.CharField(max_length=32, help_text="hash of the name that was typed")
    address = models.CharField(max_length=64)
    at = models.DateTimeField(db_default=db.ClockTimestamp())

    objects = SignInTryQuerySet.as_manager()

    class Meta:
        ordering = ["-at"]
        verbose_name, verbose_name_plural = "sign-in try", "sign-in tries"
        indexes = [models.Index(fields=["who", "address"], name="sign_in_try"), models.Index(fields=["at"], name="sign_in_try_at")]

    def __str__(self) -> str:
        return f"{self.who} from {self.address}"
