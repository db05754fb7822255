"""Fetching a repository: when, and what came of it.

Nothing is fetched inside a transaction, and most fetches write no event.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection, models

from omoi_site import field_limits
from omoi_site.brokers import hints
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tickets.git.address import MOST, RepositoryAddress
from tickets.git.faults import Busy, FetchFailed
from tickets.git.mirror import SECONDS, Mirror
from tickets.git.objects import commit_of

RETRY = timedelta(seconds=30)  # after a fetch that failed, before a check fetches again
PATIENT_S = 600.0
MOST_PACKS = 30  # of a mirror, before a worker brings them together
READ_S = 5.0  # that reading a mirror may take
FETCHER = "system:git"
WAITS = FetchFailed("waits", "a worker was asked to fetch the repository", "Wait a moment, then try again.")
GONE = FetchFailed("changed", "the repository was removed or changed meanwhile", "Try again.")


class Fetching(models.Model):
    """Its address, and what a repository knows of its fetches."""

    url = models.CharField(max_length=MOST + 200, validators=[field_limits.shown])
    tried_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="the last fetch")
    fetched_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="the last fetch that brought everything"
    )
    fault = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="why the last fetch failed: {code, message, next_action}, or {}",
    )

    name: str
    project: Any
    _brought = False

    class Meta:
        abstract = True

    @property
    def mirror(self) -> Mirror:
        return Mirror.of(self.pk, self.url)

    @property
    def last_fault(self) -> dict[str, str] | None:
        """Why the last fetch failed; None if it did not."""
        return self.fault or None

    def commit(self, name: str) -> str:
        """The whole hash of a commit, from 7 digits on; fetched if it is not in the mirror yet. Empty if
        there is none. Raises FetchFailed or Unreadable.
        """
        found = commit_of(self.mirror.git, name, seconds=READ_S) if self.mirror.exists else ""
        if not found and self.bring():
            found = commit_of(self.mirror.git, name, seconds=READ_S)
        return found

    def bring(self) -> bool:
        """Have the branches as they are now, for a check: fetched once for this row as it was read, and not
        where a fetch has failed a moment ago. Returns whether it fetched. Raises FetchFailed.
        """
        if self._brought:
            return False
        failed_now = models.Q(tried_at__gt=sql.ClockTimestamp() - RETRY)
        if not (self.fault and type(self)._default_manager.filter(failed_now, pk=self.pk).exists()):
            self.fetch()
        if self.fault:
            raise FetchFailed(self.fault["code"], self.fault["message"], self.fault["next_action"])
        self._brought = True
        return True

    def fetch(self, *, seconds: float = SECONDS) -> None:
        """Fetch it, and keep what came of it. A fault is kept and not raised."""
        if connection.in_atomic_block:
            self.ask_worker()
            return
        self.fault = {}
        try:
            self.mirror.fetch(RepositoryAddress.parse(self.url), seconds=seconds)
        except Busy as error:  # who fetches it keeps what comes of it
            self.fault = fault_document(error)
            return
        except OmoiError as error:
            self.fault = fault_document(error)
        if not self._keep(self.fault):
            self.fault = fault_document(GONE)
            self.mirror.remove()
        elif self.mirror.packs >= MOST_PACKS and seconds < PATIENT_S:
            hints.send("fetch_repositories", [self.pk])

    def ask_worker(self) -> None:
        """Have a worker fetch it; until then it says so of itself, and the row stays as it is."""
        hints.send("fetch_repositories", [self.pk])
        self.fault = fault_document(WAITS)

    @sql.atomic
    def _keep(self, fault: dict[str, str]) -> bool:
        """Store what came of a fetch, with an event where that is news: most fetches bring nothing new.
        False if the repository was removed or has another address now.
        """
        row = type(self)._default_manager.select_for_update().filter(pk=self.pk, url=self.url).first()
        if row is None:
            return False
        before, first = row.fault, row.fetched_at is None
        row.fault, row.tried_at = fault, sql.ClockTimestamp()
        if not fault:
            row.fetched_at = row.tried_at
        row.save(update_fields=["fault", "tried_at", *([] if fault else ["fetched_at"])])
        self.refresh_from_db(fields=["tried_at", "fetched_at"])
        if fault and fault["code"] != before.get("code"):
            data = {"name": self.name, **fault}
            self.project.record("repository.fetch_failed", by=FETCHER, data=data, reason=fault["message"])
            if fault["code"] == "too_slow":
                hints.send("fetch_repositories", [self.pk])
        elif not fault and (first or before):
            self.project.record("repository.fetched", by=FETCHER, data={"name": self.name})
        return True


def fault_document(error: OmoiError) -> dict[str, str]:
    """How a row keeps a fault."""
    code = error.fault if isinstance(error, FetchFailed) else error.code
    return {"code": code, "message": error.message, "next_action": error.next_action}
