"""Repository: a git repository of a project, and what came of its last fetch.

Its mirror in OMOI_HOME is what checks read (`tickets.git`). Nothing is fetched inside a transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.validators import RegexValidator
from django.db import models, transaction

from agents.models import Actor, Project, rights
from agents.models.actor import is_agent, sees_all
from omoi_site.brokers import hints
from omoi_site.database import sql
from omoi_site.errors import Forbidden, Invalid, NotFound
from tickets.git.address import RepositoryAddress
from tickets.git.branch_name import branch_name
from tickets.git.mirror import SECONDS, forget_others
from tickets.models.repository_fetch import MOST_PACKS, PATIENT_S, Fetching

NAME = RegexValidator(
    r"\A[a-z0-9][a-z0-9._-]{0,62}\Z", "small letters, digits and . _ -, a letter or digit first"
)
FETCH = f"tickets:write{rights.EITHER}work"  # the right to have it fetched
EDITABLE = {"url", "base", "landing"}
MOST_OF_PROJECT = 100


class Landing(models.TextChoices):
    """How finished branches come into the base branch. Only `none` is available yet."""

    NONE = "none"
    MERGE = "merge"
    REBASE = "rebase"


@dataclass(frozen=True)
class NewRepository:
    name: str
    url: str
    base: str = "main"
    landing: str = Landing.NONE


class RepositoryQuerySet(models.QuerySet["Repository"]):
    def seen_by(self, who: Actor) -> RepositoryQuerySet:
        """Those of projects that `who` is a member of; the operator and workers see all."""
        return self if sees_all(who) else self.filter(project__in=Project.objects.seen_by(who))

    @sql.atomic
    def add(self, project: Project, new: NewRepository, *, by: Actor) -> Repository:
        """Add it to the project, and have a worker fetch it. `by` needs `admin` in the project; a folder of
        this machine only the admin of the installation may name.
        """
        rights.require(by, "admin", project)
        _expect_available(new.landing)
        repository = self.model(
            project=project, name=new.name, base=new.base, landing=new.landing, **_address(new.url, by=by)
        )
        sql.check(repository)
        if self.filter(project=project).count() >= MOST_OF_PROJECT:
            raise Invalid(
                f"a project has at most {MOST_OF_PROJECT} repositories", next_action="Remove one first."
            )
        sql.insert(
            repository,
            field="name",
            taken=f"{project} has a repository {new.name} already",
            next_action="Change that one, or choose another name.",
        )
        project.record("repository.added", by=by, data=repository.settings())
        hints.send("fetch_repositories", [repository.pk])
        return repository

    @sql.atomic
    def edit(self, pk: int, *, by: Actor, **changes: Any) -> Repository:
        """Change fields of EDITABLE. Another address is fetched anew. `by` needs what adding needs."""
        if strange := changes.keys() - EDITABLE:
            raise TypeError(f"a repository's {', '.join(sorted(strange))} cannot be edited")
        with self._locked(pk, by=by) as repository:
            if "url" in changes:
                changes |= _address(changes["url"], by=by)
            _expect_available(changes.get("landing", Landing.NONE))
            changes = {name: value for name, value in changes.items() if getattr(repository, name) != value}
            if not changes:
                return repository
            before, mirror = {name: getattr(repository, name) for name in changes}, repository.mirror
            for name, value in changes.items():
                setattr(repository, name, value)
            sql.check(repository)
            if "url" in changes:
                repository.fetched_at, repository.tried_at, repository.fault = None, None, {}
                hints.send("fetch_repositories", [repository.pk])
                transaction.on_commit(mirror.remove, robust=True)
            repository.save()
            data = {"name": repository.name, "before": before, "after": changes}
            repository.project.record("repository.edited", by=by, data=data)
        return repository

    @sql.atomic
    def remove(self, pk: int, *, by: Actor, reason: str = "") -> None:
        """Remove it with its mirror. What was judged by it stays as it was judged."""
        with self._locked(pk, by=by) as repository:
            mirror = repository.mirror
            data = repository.settings()
            repository.project.record("repository.removed", by=by, data=data, reason=reason)
            repository.delete()
            transaction.on_commit(mirror.remove, robust=True)

    def fetch(self, pk: int, *, by: Actor, seconds: float = SECONDS) -> Repository:
        """Fetch it now. Returns the row, whose `fault` says why if it failed. `by` needs to be able to work
        or write tickets in the project.

        Not inside a transaction: there a worker is asked to, and the row says so.
        """
        repository = self._permitted(pk, by=by)
        repository.fetch(seconds=seconds)
        return repository

    @sql.atomic
    def ask_to_fetch(self, pk: int, *, by: Actor) -> Repository:
        """Have a worker fetch it. `by` needs what fetching needs."""
        repository = self._permitted(pk, by=by)
        repository.ask_worker()
        return repository

    def fetch_patiently(self, pk: int) -> None:
        """Fetch it with the time that a first fetch of a large repository needs; nobody waits for it. First a
        mirror of many packs is compacted.
        """
        if repository := self.select_related("project").filter(pk=pk).first():
            if repository.mirror.packs >= MOST_PACKS:
                repository.mirror.compact(seconds=PATIENT_S)
            repository.fetch(seconds=PATIENT_S)

    def forget_mirrors(self) -> int:
        """Remove the mirrors on this machine that belong to no repository any more; returns how many."""
        return forget_others({repository.mirror.folder.name for repository in self.all()})

    def _permitted(self, pk: int, *, by: Actor) -> Repository:
        repository = self.select_related("project").filter(pk=pk).first()
        if repository is None:
            raise NotFound("there is no such repository")
        rights.require(by, FETCH, repository.project)
        return repository

    @contextmanager
    def _locked(self, pk: int, *, by: Actor) -> Iterator[Repository]:
        rows = self.select_related("project").select_for_update(of=("self",))
        repository = rows.filter(pk=pk).first()
        if repository is None:
            raise NotFound("there is no such repository")
        rights.require(by, "admin", repository.project)
        yield repository


class Repository(Fetching):
    """A git repository of a project."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="repositories")
    name = models.CharField(max_length=63, validators=[NAME])
    base = models.CharField(
        max_length=200,
        default="main",
        validators=[branch_name],
        help_text="the branch that finished work comes into",
    )
    landing = models.CharField(max_length=10, choices=Landing, default=Landing.NONE)
    added_at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)

    objects = RepositoryQuerySet.as_manager()

    class Meta:
        ordering = ["project", "id"]
        verbose_name_plural = "repositories"
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="repository_once")]

    def __str__(self) -> str:
        return f"{self.project.key}/{self.name}"

    def settings(self) -> dict[str, Any]:
        """What people set, as the journal tells it."""
        return {"name": self.name, "url": self.url, "base": self.base, "landing": self.landing}


def _expect_available(landing: str) -> None:
    if landing != Landing.NONE:
        raise Invalid("landing is not available yet: `none` is the only choice", field="landing")


def _address(url: str, *, by: Actor) -> dict[str, str]:
    """The address as it is stored. Raises BadAddress, or Forbidden for a folder that `by` may not name."""
    address = RepositoryAddress.parse(url)
    if address.local and (is_agent(by) or "admin" not in rights.scopes(by)):
        raise Forbidden(
            "only the admin of this installation may add a folder of its machine",
            next_action="Use an https or ssh address, or ask that person to add it.",
        )
    return {"url": address.text}
