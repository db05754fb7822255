"""SavedView: a list as somebody filtered it, under a name. Each person sees their own only."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from agents.models.account import Account
from agents.models.actor import Actor, is_agent, pk_of
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import Forbidden, Invalid, NotFound

PATHS = ("/board/", "/tasks/", "/agents/", "/attention/")  # the lists that can be saved
PASSING = {"filter", "after", "before", "cursor", "show"}  # parameters that are of the moment
MOST = 50  # of a person


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def of(self, person: Actor) -> SavedViewQuerySet:
        return self.none() if is_agent(person) else self.filter(user=pk_of(person))

    @sql.atomic
    def keep(self, name: str, path: str, query: str, *, by: Actor) -> SavedView:
        """Save the list at this path with this query. Raises Invalid."""
        if is_agent(by) or isinstance(by, str):
            raise Forbidden("only a person has saved views")
        if path not in PATHS:
            raise Invalid(f"lists that can be saved are {', '.join(PATHS)}", field="path")
        view = self.model(user_id=pk_of(by), name=name.strip(), path=path, query=lasting(query))
        sql.check(view)
        self._lock(by)
        if self.of(by).count() >= MOST:
            raise Invalid(f"you have {MOST} saved views: delete one first", field="name")
        self._put(view)
        return view

    @sql.atomic
    def rename(self, pk: int, name: str, *, by: Actor) -> SavedView:
        view = self._own(pk, by)
        self._lock(by)
        view.name = name.strip()
        sql.check(view, without=["user", "path", "query"])
        if self.of(by).filter(name=view.name).exclude(pk=pk).exists():
            raise taken(view.name)
        view.save(update_fields=["name"])
        return view

    def remove(self, pk: int, *, by: Actor) -> str:
        """Returns the name that it had."""
        view = self._own(pk, by)
        view.delete()
        return view.name

    @staticmethod
    def _lock(by: Actor) -> None:
        """Two of a person at once, as each counts views and looks at names."""
        account, _ = Account.objects.get_or_create(user_id=pk_of(by))
        Account.objects.select_for_update().get(pk=account.pk)

    def _own(self, pk: int, by: Actor) -> SavedView:
        view = self.of(by).filter(pk=pk).first()
        if view is None:
            raise NotFound("you have no such saved view")
        return view

    def _put(self, view: SavedView) -> None:
        if self.filter(user=view.user_id, name=view.name).exists():
            raise taken(view.name)
        view.save(force_insert=True)


class SavedView(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60, validators=[field_limits.shown, field_limits.not_blank])
    path = models.CharField(max_length=60)
    query = models.CharField(max_length=1_500, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="saved_view_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        return address_of(self.path, self.query)


def address_of(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def lasting(query: str) -> str:
    """The query without what is empty or only of the moment."""
    if "\0" in query or len(query) > 10_000:
        raise Invalid("this address is too long, or has characters that no address has", field="query")
    try:
        pairs = parse_qsl(query, max_num_fields=100)
    except ValueError:
        raise Invalid("this address has too many parts", field="query") from None
    return urlencode([(name, value) for name, value in pairs if name not in PASSING])


def taken(name: str) -> Invalid:
    return Invalid(f"you have a view {name} already: choose another name", field="name")
