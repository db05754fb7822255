"""`manage.py pools list|create|limit|close|open|remove`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from agents.models import Pool
from omoi_site import command_base, field_limits, humanize
from omoi_site.errors import Invalid, NotFound
from tickets.management.lookups import number, the_project
from tickets.models.pool_state import documents


class Command(command_base.Command):
    help = "Show, create, limit, close, open and remove pools: accounts whose limit several agents share."

    def add_arguments(self, parser: CommandParser) -> None:
        add = self.verbs(parser)
        add("list", act=self.list, show=self.listed, help="Show each pool: its state, claims and reset.")
        new = add("create", act=self.create, show=self.shown, help="Create a pool.")
        new.add_argument("name", metavar="NAME", help="such as anthropic:team")
        new.add_argument(
            "--limit", type=int, metavar="N", help="how many claims it allows at once (any number)"
        )
        new.add_argument("--project", default="", metavar="KEY", help="whose admins manage it")
        limit = add(
            "limit", act=self.limit, show=self.shown, help="Change how many claims it allows at once."
        )
        limit.add_argument("name", metavar="NAME")
        limit.add_argument("limit", type=number, metavar="N", help="a number, or none: any number")
        close = add("close", act=self.close, show=self.shown, help="Grant nothing of it until then.")
        close.add_argument("name", metavar="NAME")
        close.add_argument("--reason", required=True)
        close.add_argument(
            "--until", default="", metavar="TIME", help="with its zone; without it: until it is opened"
        )
        opened = add("open", act=self.open, show=self.shown, help="Grant of it again, without a probe.")
        opened.add_argument("name", metavar="NAME")
        opened.add_argument("--reason", default="")
        remove = add(
            "remove",
            act=self.remove,
            show=self.removed,
            help="Remove a pool that no agent and no profile names.",
        )
        remove.add_argument("name", metavar="NAME")

    def list(self, **_: Any) -> command_base.Document:
        return {"pools": documents(Pool.objects.select_related("project").order_by("name"))}

    def listed(self, document: command_base.Document) -> None:
        for pool in document["pools"]:
            self.shown(pool)
        if not document["pools"]:
            self.stdout.write("There are no pools. Create one: manage.py pools create NAME")

    def create(self, *, name: str, limit: int | None, project: str, **_: Any) -> command_base.Document:
        inside = the_project(project) if project else None
        made = Pool.objects.create_pool(name, by=command_base.BY, project=inside, limit=limit)
        return document_of(made.pk)

    def limit(self, *, name: str, limit: int | None, **_: Any) -> command_base.Document:
        return self._act(name, "edit", limit=limit)

    def close(self, *, name: str, reason: str, until: str, **_: Any) -> command_base.Document:
        return self._act(name, "close", reason=reason, resets_at=moment(until) if until else None)

    def open(self, *, name: str, reason: str, **_: Any) -> command_base.Document:
        return self._act(name, "open", reason=reason)

    @staticmethod
    def _act(name: str, verb: str, **how: Any) -> command_base.Document:
        pk = the_pool(name).pk
        Pool.objects.act(pk, verb, by=command_base.BY, **how)
        return document_of(pk)

    def shown(self, pool: command_base.Document) -> None:
        limit = "" if pool["limit"] is None else f" of {pool['limit']}"
        line = f"{pool['name']}  {pool['state']}  claims: {pool['claims']}{limit}"
        if pool["resets_at"]:
            line += f"  reset: {humanize.relative(pool['resets_at'], timezone.now())}"
        self.stdout.write(f"{line}  {pool['reason']}".rstrip())

    def remove(self, *, name: str, **_: Any) -> command_base.Document:
        pk = the_pool(name).pk
        document = document_of(pk)
        Pool.objects.remove(pk, by=command_base.BY)
        return document

    def removed(self, pool: command_base.Document) -> None:
        self.stdout.write(f"Removed {pool['name']}.")


def the_pool(name: str) -> Pool:
    pool = Pool.objects.filter(name=name).first()
    if pool is None:
        raise NotFound(f"there is no pool {name}", next_action="`python3 manage.py pools list` names them.")
    return pool


def moment(text: str) -> datetime:
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None:
        raise Invalid(f"{text} is not a time, such as 2026-11-30T12:00Z", field="until")
    if fault := field_limits.moment_fault(at):
        raise Invalid(fault, field="until")
    return at


def document_of(pk: int) -> command_base.Document:
    for document in documents(Pool.objects.select_related("project").filter(pk=pk)):
        return document
    raise NotFound("the pool has been removed")
