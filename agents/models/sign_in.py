"""Signing in: the one-time link, and the limits of password tries.

The link signs its user in once. Nothing is stored for it: its token is derived from the user's last sign-in,
and using it is a write that succeeds only while that has not changed. If it is used several times at once,
only one use signs in.
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
TRIES = 10  # for one name from one address, within WINDOW
OF_ADDRESS = 50  # from one address with any names, within WINDOW
MINUTE = timedelta(minutes=1)
# from all addresses within MINUTE: so a name is not locked for its owner, but distributed guessing is slow
IN_ALL = 120
COUNT = sql.statement(__file__, "sign_in_tries")


class OneTime(PasswordResetTokenGenerator):
    """Tokens that expire at the user's next sign-in, or after PASSWORD_RESET_TIMEOUT."""

    key_salt = "omoi.one-time-link"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        """Uses the full time of the last sign-in. Django drops fractions of a second, so two sign-ins in one
        second would look the same.
        """
        return f"{super()._make_hash_value(user, timestamp)}{user.last_login and user.last_login.isoformat()}"


tokens = OneTime()


def one_time_path(user: Any) -> str:
    """Path of a page that signs `user` in, once."""
    return f"/login/once/{urlsafe_base64_encode(str(user.pk).encode())}/{tokens.make_token(user)}/"


def holder(uid: str, token: str) -> Any | None:
    """The user a link was made for; None if it was used, has expired or is not valid."""
    try:
        user = get_user_model().objects.filter(pk=int(urlsafe_base64_decode(uid)), is_active=True).first()
    except (ValueError, OverflowError):
        return None
    return user if user and tokens.check_token(user, token) else None


def redeem(uid: str, token: str) -> Any | None:
    """Use the link: returns its user, who counts as signed in now; None if it was already used or is not
    valid.
    """
    if (user := holder(uid, token)) is None:
        return None
    # A second use waits for the first, then finds that the row has changed.
    unused = get_user_model().objects.filter(
        pk=user.pk, is_active=True, password=user.password, last_login=user.last_login
    )
    return user if unused.update(last_login=sql.ClockTimestamp()) else None


class TooManyTries(OmoiError):
    """Too many passwords were tried; `retry_after_s` says when the next try is allowed."""

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
        """Count one try before the password is checked. Raises TooManyTries, and then does not count it."""
        # one at a time, so that parallel tries count each other; hashing a password takes a hundred times as
        # long
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
        """The password was right: delete the earlier tries."""
        self.filter(who=who(name), address=address).delete()


def who(name: str) -> str:
    """A hash, not the name itself: people may type their password into the wrong field."""
    return hashlib.sha256(name.strip().casefold().encode()).hexdigest()[:32]


class SignInTry(models.Model):
    """A try to sign in that failed or is not finished; kept for 15 minutes."""

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
