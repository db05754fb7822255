"""The one-time link: signs its user in once. Nothing is stored, because a sign-in changes what the token was made from."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode


class OneTime(PasswordResetTokenGenerator):
    """Tokens that die with the user's next sign-in, and after PASSWORD_RESET_TIMEOUT."""

    key_salt = "omoi.one-time-link"


tokens = OneTime()


def one_time_path(user: Any) -> str:
    """Path of a page that signs `user` in, once."""
    return f"/login/once/{urlsafe_base64_encode(str(user.pk).encode())}/{tokens.make_token(user)}/"


def redeem(uid: str, token: str) -> Any | None:
    """The user a link was made for; None when it was used, is too old or was never one of ours."""
    try:
        user = get_user_model().objects.filter(pk=int(urlsafe_base64_decode(uid)), is_active=True).first()
    except (ValueError, OverflowError):
        return None
    return user if user and tokens.check_token(user, token) else None
