"""API keys: `omoi_<prefix>_<secret>`. Only the prefix and a hash are stored."""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from agents.models import rights
from agents.models.actor import Actor, label, via
from agents.models.agent import Agent
from agents.models.event import Event
from agents.models.key_hold import ENDED, Unauthorized
from agents.models.key_sql import HELD_KEY, LIVE
from agents.models.scopes import SCOPES
from omoi_site.database import prepared, sql
from omoi_site.errors import Forbidden, Invalid

HOLDS = HELD_KEY.format(agents="agents_agent").replace("FOR KEY SHARE OF key", "")
USED = sql.statement(__file__, "used")
LONGEST = timedelta(days=3660)
LONGEST_BY_AGENT = timedelta(days=30)  # for a key made with an agent's key


def digest(secret: str) -> bytes:
    """SHA-256: the secret is 256 random bits, so a slow hash would add nothing but load."""
    return hashlib.sha256(secret.encode()).digest()


class KeyQuerySet(models.QuerySet["Key"]):
    @sql.atomic
    def issue(
        self,
        *,
        by: Actor,
        agent: Agent | None = None,
        user: Any = None,
        scopes: Sequence[str] = (),
        expires_in: timedelta | None = None,
    ) -> tuple[Key, str]:
        """A new key and its text, which is shown only this once. Without scopes, an agent's key gets `work`
        and a person's key the scopes of their roles.

        A key made with another key ends with that key; one made with an agent's key lives at most 30 days.
        Raises Forbidden if `by` may not give these scopes.
        """
        if agent is not None and agent.kind == Agent.Kind.PERSON:
            raise Invalid(f"{agent} is a person: make a key for the person, not for an agent", field="agent")
        if unknown := sorted(set(scopes) - set(SCOPES)):
            raise Invalid(
                f"unknown scopes {', '.join(unknown)}; known: {', '.join(SCOPES)}",
                field="scopes",
            )
        if expires_in is not None and not timedelta(0) < expires_in <= LONGEST:
            raise Invalid(f"must be between 1 s and {LONGEST.days} days", field="expires_s")
        granted = sorted(set(scopes)) or (["work"] if agent else [])
        if not isinstance(by, str):  # a string is a part of the system, or a command on this machine
            rights.require_grantable(by, granted, agent=agent, user=user)
        parent = self._parent(by)
        if parent:
            expires_in = min(
                (
                    span
                    for span in (expires_in, parent.left, isinstance(by, Agent) and LONGEST_BY_AGENT)
                    if span
                ),
                default=None,
            )
        prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        key = self.create(
            prefix=prefix,
            hash=digest(secret),
            agent=agent,
            user=user,
            scopes=granted,
            parent=parent,
            expires_at=Now() + expires_in if expires_in else None,
        )
        key.record("key.issued", 1, by=by)
        return key, f"omoi_{prefix}_{secret}"

    def _parent(self, by: Actor) -> Key | None:
        """The key that `by` used, locked until the transaction ends. A revocation waits for us, and then also
        ends the key we made.
        """
        if not via(by):
            return None
        parent = (
            self.filter(prefix=via(by), revoked_at=None).select_for_update(of=("self",), no_key=True).first()
        )
        if parent is None:
            raise Forbidden("the key of this request has just been revoked")
        return parent

    def of(self, agent: Agent, *, by: Actor) -> KeyQuerySet:
        """The agent's keys. Raises Forbidden if `by` may not see them."""
        rights.require_keys_of(by, agent=agent)
        return self.filter(agent=agent)

    def revoke(self, *, by: Actor) -> list[str]:
        """End the keys of this set. Raises Forbidden, and ends none, if `by` may not end one of them."""
        for key in self.select_related("agent", "user"):
            rights.require_keys_of(by, agent=key.agent, user=key.user)
        return self.end(by=by)

    @sql.atomic
    def end(self, *, by: Actor) -> list[str]:
        """End the keys of this set and all keys made with them. Returns the prefixes of those that were live.
        It checks no right, because it is part of another act.
        """
        revoked: list[str] = []
        keys: models.QuerySet[Key] = self
        while batch := list(
            keys.order_by("pk").select_related("agent", "user").select_for_update(of=("self",))
        ):
            live = [key for key in batch if key.revoked_at is None]
            self.model._default_manager.filter(pk__in=[key.pk for key in live]).update(revoked_at=Now())
            for key in live:
                key.record("key.revoked", 2, by=by)
            revoked += [key.prefix for key in live]
            # a separate statement after the lock, so that it sees all keys made with these
            keys = self.model._default_manager.filter(parent__in=[key.pk for key in batch])
        return revoked

    def bearing(self, text: str) -> Key | None:
        """The live key with this text, with its agent or user; None if it is unknown, revoked or expired."""
        prefix, secret = _parts(text)
        row = sql.one(_bearing(), [prefix]) if prefix else None
        if not row or not secrets.compare_digest(bytes(row["key_hash"]), digest(secret)):
            return None
        key = _read(Key, row, "key_")
        if key.agent_id:
            key.agent = _read(Agent, row, "agent_")
        return key

    def used(self, ages: dict[int, float]) -> None:
        """These keys were last used so many seconds ago."""
        sql.rows(USED, {"ids": list(ages), "ages": list(ages.values())})

    def expect_live(self, by: Actor) -> None:
        """Raise Unauthorized if the key that `by` used has ended since."""
        used = via(by)
        if used and not sql.rows(f"SELECT 1 FROM agents_key key WHERE key.prefix = %s AND {LIVE}", [used]):
            raise Unauthorized(ENDED)

    def holds(self, by: Agent) -> bool:
        """Whether the key that `by` used is still valid, and `by` may write. It holds for this moment; a
        write asks in its own statement.
        """
        return self.state_of_holder(by) is not None

    def state_of_holder(self, by: Agent) -> str | None:
        """The state of the agent `by`; None if the key that it used has ended, or `by` may not write."""
        rows = prepared.rows(HOLDS, {"agent": by.pk, "key": via(by)})
        return rows[0]["state"] if rows else None

    def once_live(self, text: str) -> Key | None:
        """The key with this text, even if it is revoked or expired."""
        prefix, secret = _parts(text)
        key = self.filter(prefix=prefix).select_related("agent", "user").first() if prefix else None
        return key if key and secrets.compare_digest(bytes(key.hash), digest(secret)) else None


def _parts(text: str) -> tuple[str, str]:
    """Prefix and secret of a key's text; empty if it is malformed."""
    brand, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    well_formed = (
        brand == "omoi" and prefix and secret and text.isascii() and len(text) <= 200 and "\0" not in text
    )
    return (prefix, secret) if well_formed else ("", "")


@functools.cache
def _bearing() -> str:
    """The statement that looks a key up, once per request. It is handwritten, because building it with the
    ORM cost more than running it.
    """
    columns = [
        f"{alias}.{column.column} AS {alias}_{column.column}"
        for alias, model in (("key", Key), ("agent", Agent))
        for column in model._meta.concrete_fields
    ]
    return f"""
        SELECT {", ".join(columns)}
        FROM agents_key key
        LEFT JOIN agents_agent agent ON agent.id = key.agent_id
        WHERE key.prefix = %s
          AND {LIVE}"""


def _read(model: type[Any], row: dict[str, Any], before: str) -> Any:
    fields = model._meta.concrete_fields
    return model.from_db(
        "default", [field.attname for field in fields], [row[before + str(field.column)] for field in fields]
    )


class Key(models.Model):
    prefix = models.CharField(max_length=16, unique=True)
    hash = models.BinaryField(max_length=32)
    agent = models.ForeignKey(Agent, models.CASCADE, null=True, blank=True, related_name="keys")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="omoi_keys"
    )
    parent = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="made",
        help_text="the key it was made with; it ends when that one ends",
    )
    scopes = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = KeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(agent__isnull=True) ^ models.Q(user__isnull=True), name="key_of_one"
            ),
        ]

    def __str__(self) -> str:
        return f"omoi_{self.prefix}_…"

    @property
    def left(self) -> timedelta | None:
        """How long it is still valid; None: for ever."""
        return max(timedelta(seconds=1), self.expires_at - timezone.now()) if self.expires_at else None

    def as_caller(self) -> Any:
        """Its agent or person, who comes with this key and with its scopes."""
        who: Any = self.agent or self.user
        who.via_key, who.key_scopes = self.prefix, frozenset(self.scopes) or None
        return who

    def record(self, kind: str, number: int, *, by: Actor) -> None:
        """Write one event of the key: number 1 is its issue, number 2 its end."""
        owner = self.agent or self.user
        assert owner  # a constraint promises one of them
        whose = f"{'agent' if self.agent else 'user'}:{owner}"
        data = {"prefix": self.prefix, "scopes": self.scopes}
        Event.objects.create(
            topic=whose,
            subject=f"key:{self.prefix}",
            number=number,
            kind=kind,
            actor=label(by),
            key=via(by),
            data=data,
        )
