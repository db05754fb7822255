"""People, their accounts, and their tries to sign in."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from agents.models import Account, SavedView, SignInTry
from omoi_site.admin_base import ReadOnlyModelAdmin, since

admin.site.unregister([get_user_model(), Group])  # roles come with membership of a project


@admin.register(get_user_model())
class PersonAdmin(UserAdmin):
    """People. Only a superuser can make somebody staff or superuser, and edit such people: otherwise staff
    could promote themselves. A person keeps their name, by which the journal and artifacts name them.
    """

    filter_horizontal = ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        powers = (
            () if request.user.is_superuser else ("is_staff", "is_superuser", "groups", "user_permissions")
        )
        kept = ("username", "last_login", "date_joined") if obj else ("last_login", "date_joined")
        return (*super().get_readonly_fields(request, obj), *kept, *powers)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        above = (
            obj is not None
            and (obj.is_superuser or obj.is_staff)
            and obj != request.user
            and not request.user.is_superuser
        )
        return super().has_change_permission(request, obj) and not above

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        above = obj is not None and (obj.is_superuser or obj.is_staff) and not request.user.is_superuser
        return super().has_delete_permission(request, obj) and not above


@admin.register(SavedView)
class SavedViewAdmin(ReadOnlyModelAdmin):
    large = False
    internal = True
    list_display = ["name", "user", "path", "query"]
    list_filter = ["path"]
    search_fields = ["=user__username", "=name"]
    list_select_related = ["user"]


@admin.register(Account)
class AccountAdmin(ReadOnlyModelAdmin):
    """The number of the last journal event of each person."""

    large = False
    internal = True
    list_display = ["user", "events"]
    list_filter = ["user__is_active"]
    search_fields = ["=user__username"]
    list_select_related = ["user"]


@admin.register(SignInTry)
class SignInTryAdmin(ReadOnlyModelAdmin):
    """Delete the rows of an address to let it try again at once."""

    internal = True
    list_display = ["address", "who", since("at")]
    list_filter = [("at", admin.DateFieldListFilter)]
    search_fields = ["=address"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("agents.delete_signintry")
