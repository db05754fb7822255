"""Signing in: the one-time link, and how often a password may be tried.

The link signs its user in once. Nothing is stored for it: its token is made from the user's last sign-in, and
using it is a write that succeeds only while that has not changed. Of several uses at the same time one is the
sign-in, and the others come too late.
"""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import models
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from omoi_site.database import sql
from omoi_site.errors import OmoiError

WINDOW = timedelta(minutes=15)
TRIES = 10  # with one name from one address, within WINDOW
OF_ADDRESS = 50  # from one address with whatever names, within WINDOW
MINUTE = timedelta(minutes=1)
# from everywhere within MINUTE: a name is not locked for its owner, and guessing from everywhere stays slow
IN_ALL = 120
COUNT = sql.statement(__file__, "sign_in_tries")


class OneTime(PasswordResetTokenGenerator):
    """Tokens that die with the user's next sign-in, and after PASSWORD_RESET_TIMEOUT."""

    key_salt = "omoi.one-time-link"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        """With the whole moment of the last sign-in: Django's drops what is less than a second, and two fall
        into one.
        """
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
    """The user a link was made for, who is signed in by it now; None when it was used, if only a moment ago,
    or is not valid.
    """
    if (user := holder(uid, token)) is None:
        return None
    # Waits for whoever was first, and then looks again: the row is not what the token was made from any more.
    unused = get_user_model().objects.filter(
        pk=user.pk, is_active=True, password=user.password, last_login=user.last_login
    )
    return user if unused.update(last_login=sql.ClockTimestamp()) else None


class TooManyTries(OmoiError):
    """Passwords were tried too often; `retry_after_s` says when the next may be."""

    code = "limit_reached"
    status = 429
    title = "Too many tries"

    def __init__(self, what: str, free_at: datetime, now: datetime) -> None:
        self.retry_after_s = max(1, math.ceil((free_at - now).total_seconds()))
        wait = (
            f"{math.ceil(self.retry_after_s / 60)} minutes"
            if self.retry_after_s > 60
            else f"{self.retry_after_s} seconds"
        )
        super().__init__(f"too many tries {what}; try again in {wait}, or use a one-time link")


class SignInTryQuerySet(models.QuerySet["SignInTry"]):
    @sql.atomic
    def count_in(self, name: str, address: str) -> None:
        """Count one more try before the password is looked at; raises TooManyTries, and then counts none."""
        # one at a time, so that tries at the same time count each other; hashing a password takes a hundred
        # times as long
        sql.rows("SELECT pg_advisory_xact_lock(hashtextextended('sign-in', 0))")
        sql.rows("DELETE FROM agents_signintry WHERE at < clock_timestamp() - %s", [WINDOW])
        pair = {"who": who(name), "address": address}
        if row := sql.one(COUNT, {**pair, "window": WINDOW, "minute": MINUTE}):
            for count, most, since, span, what in (
                (row["name"], TRIES, row["name_since"], WINDOW, "with this name from your address"),
                (row["place"], OF_ADDRESS, row["place_since"], WINDOW, "from your address"),
                (row["all"], IN_ALL, row["all_since"], MINUTE, "from everywhere at the moment"),
            ):
                if count >= most:
                    raise TooManyTries(what, since + span, row["now"])
        self.create(**pair)

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
    at = models.DateTimeField(db_default=sql.ClockTimestamp())

    objects = SignInTryQuerySet.as_manager()

    class Meta:
        ordering = ["-at"]
        verbose_name, verbose_name_plural = "sign-in try", "sign-in tries"
        indexes = [
            models.Index(fields=["who", "address"], name="sign_in_try"),
            models.Index(fields=["at"], name="sign_in_try_at"),
        ]

    def __str__(self) -> str:
        return f"{self.who} from {self.address}"
