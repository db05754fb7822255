"""Reply: the stored answer to a request with an Idempotency-Key. A repeated request gets the same answer."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now
from psycopg.types.json import Jsonb

from agents.models import rights
from agents.models.actor import Actor
from agents.models.project import Project
from omoi_site.database import sql
from omoi_site.errors import NotFound, OmoiError

KEPT = timedelta(hours=48)
STORE = """
INSERT INTO agents_reply (hash, request, status, headers, body, rights, sealed, created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, now())
ON CONFLICT (hash) DO UPDATE SET
  request = excluded.request,
  status = excluded.status,
  headers = excluded.headers,
  body = excluded.body,
  rights = excluded.rights,
  sealed = excluded.sealed,
  created_at = excluded.created_at
"""


class IdempotencyInProgress(OmoiError):
    """The first request with this key is still running."""

    code = "idempotency_in_progress"
    title = "The first request with this Idempotency-Key is still running"
    next_action = "Send it again in a moment, with the same key."


class ReplyQuerySet(models.QuerySet["Reply"]):
    def kept(self) -> ReplyQuerySet:
        return self.filter(created_at__gt=Now() - KEPT)

    def first_answer(self, mark: bytes, *, wait: bool) -> Reply | None:
        """The answer that was stored under this mark. The mark is locked until the transaction ends: of two
        requests at the same time, the second waits for the first, or raises IdempotencyInProgress.
        """
        number = int.from_bytes(mark[:8], "big", signed=True)
        if wait:
            sql.rows("SELECT pg_advisory_xact_lock(%s)", [number])
        elif sql.one("SELECT pg_try_advisory_xact_lock(%s) AS got", [number]) == {"got": False}:
            raise IdempotencyInProgress()
        # a separate statement, so that its snapshot is newer than the lock
        if sql.one("SELECT 1 FROM agents_reply WHERE hash = %s", [mark]):
            return self.kept().filter(hash=mark).first()
        return None

    @staticmethod
    def store(reply: Reply) -> None:
        """Store an answer. It replaces an expired one with the same hash."""
        sql.rows(
            STORE,
            [
                reply.hash,
                reply.request,
                reply.status,
                Jsonb(reply.headers),
                reply.body,
                Jsonb(reply.rights),
                reply.sealed,
            ],
        )

    def forget(self, limit: int = 1000) -> int:
        """Delete a batch of expired answers; returns how many."""
        old = self.filter(created_at__lte=Now() - KEPT).order_by("created_at").values("pk")[:limit]
        return self.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0]


class Reply(models.Model):
    hash = models.BinaryField(
        max_length=32, unique=True, help_text="hash of principal and key; the key itself is not stored"
    )
    request = models.BinaryField(max_length=32, help_text="hash of method, address and body")
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField(help_text="encrypted with the key and the credential if it contains a secret")
    rights = models.JSONField(
        default=list,
        db_default=[],
        help_text="scopes and projects used for the answer; checked again before it is sent again",
    )
    sealed = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    objects = ReplyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "replies"

    def __str__(self) -> str:
        return f"{self.status} of {self.created_at}"

    def require_again(self, who: Actor) -> None:
        """Raise NotFound or Forbidden unless `who` still sees the projects and has the rights that this
        answer rests on.
        """
        seen = {
            project.key: project
            for project in Project.objects.seen_by(who).filter(key__in=[key for _, key in self.rights if key])
        }
        for scope, key in self.rights:
            if key and key not in seen:
                raise NotFound(f"there is no project {key}, or you are not a member of it any more")
            rights.require(who, scope, seen[key] if key else None)
