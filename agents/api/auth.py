"""Authentication: a bearer key, or a person's session cookie with CSRF."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from agents.models import Agent, Key, Member, rights
from agents.models.activity import activity
from agents.models.key_hold import ENDED, Unauthorized
from agents.models.scopes import OF_ROLE, Role


class KeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Key] | None:
        scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if not scheme:
            return None
        key = Key.objects.bearing(text.strip()) if scheme.lower() == "bearer" else None
        who: Any = key and (key.agent or key.user)
        if not key or not getattr(who, "is_active", True):
            raise Unauthorized(
                ENDED if scheme.lower() == "bearer" else f"the scheme {scheme} is not supported"
            )
        activity.note(who, key.pk)
        return key.as_caller(), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="omoi"'


class CookieAuthentication(SessionAuthentication):
    """A person's session; every change needs the CSRF token."""


class HasScope(BasePermission):
    """Denies by default: a change needs the view's scope in the key, or in a role in any project. The verb
    checks the project itself.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        who: Any = request.user
        if who is None or not who.is_authenticated:
            raise Unauthorized()
        if isinstance(who, Agent) and request.method not in SAFE_METHODS:
            who.expect_to_write()
        scope = view.needed(request.method)
        if not scope or isinstance(who, Agent) or who.is_superuser:
            rights.require(who, scope)
        else:
            narrowed = who.key_scopes if getattr(who, "key_scopes", None) else OF_ROLE[Role.ADMIN]
            roles = Member.objects.filter(user=who).values_list("role", flat=True)
            wanted = narrowed.intersection(scope.split(rights.EITHER))
            if not any(wanted & OF_ROLE[Role(role)] for role in roles):
                rights.require(who, scope)
        return True
