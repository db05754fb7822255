"""`manage.py keys create`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser

from agents.models import Agent, Key
from agents.models.scopes import SCOPES
from omoi_site import command_base
from omoi_site.errors import NotFound

SHOWN = 5  # existing names listed in an error
MAKE = {
    "name": "`python3 manage.py agents create NAME`",
    "username": "`python3 manage.py createsuperuser`",
}


class Command(command_base.Command):
    help = "Create API keys."

    def add_arguments(self, parser: CommandParser) -> None:
        create = self.verbs(parser)(
            "create",
            act=self.create,
            show=self.created,
            help="Create a key and print it. It is shown only this once.",
        )
        whose = create.add_mutually_exclusive_group(required=True)
        whose.add_argument("--agent", metavar="NAME", help="the agent it acts as")
        whose.add_argument("--user", metavar="NAME", help="the person it acts for")
        create.add_argument(
            "--scope", action="append", default=[], metavar="SCOPE", dest="scopes",
            help=(
                f"what it may do; repeat for more: {', '.join(SCOPES)} (an agent: `work`;"
                " a person: what their roles allow)"
            ),
        )  # fmt: skip
        create.add_argument("--expires-s", type=seconds, metavar="N", help="seconds until it expires (never)")

    def create(
        self, *, agent: str | None, user: str | None, scopes: list[str], expires_s: timedelta | None, **_: Any
    ) -> command_base.Document:
        holder = (
            {"agent": named(Agent, "name", agent)}
            if agent
            else {"user": named(get_user_model(), "username", user)}
        )
        key, text = Key.objects.issue(by=command_base.BY, scopes=scopes, expires_in=expires_s, **holder)
        key.refresh_from_db()
        return {
            "key": text,
            "prefix": key.prefix,
            "agent": agent,
            "user": user,
            "scopes": key.scopes,
            "expires_at": key.expires_at,
        }

    def created(self, key: command_base.Document) -> None:
        self.stdout.write(key["key"])
        self.stderr.write("This key is shown only this once.", self.style.NOTICE)


def seconds(text: str) -> timedelta:
    try:
        return timedelta(seconds=int(text))
    except OverflowError as error:
        raise ValueError(text) from error


def named(model: Any, field: str, name: str | None) -> Any:
    row = model.objects.filter(**{field: name}).first()
    if row is None:
        found = list(model.objects.order_by(field).values_list(field, flat=True)[: SHOWN + 1])
        names = ", ".join(found[:SHOWN]) + (", …" if len(found) > SHOWN else "")
        raise NotFound(
            f"there is no {model._meta.verbose_name} named {name}",
            next_action=f"Existing ones: {names}." if names else f"Create one first: {MAKE[field]}",
        )
    return row
