"""`manage.py login-link USER`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser
from django.utils import timezone

from agents.models.sign_in import one_time_path
from omoi_site import command_base
from omoi_site.errors import NotFound
from omoi_site.processes import running_server

SHOWN = 5  # names of those who may sign in


class Command(command_base.Command):
    help = "Create a link that signs a person in once, and print it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "user", metavar="USER", nargs="?", default="admin", help="the person to sign in (admin)"
        )

    def act(self, *, user: str = "", **_: Any) -> command_base.Document:
        person = get_user_model().objects.filter(username=user, is_active=True).first()
        if person is None:
            people = get_user_model().objects.filter(is_active=True).order_by("username")
            names = ", ".join(people.values_list("username", flat=True)[:SHOWN])
            raise NotFound(
                f"there is no user {user} who may sign in",
                next_action=f"These may: {names}." if names else "Run `python3 manage.py createsuperuser`.",
            )
        server = running_server.find(settings.OMOI_HOME) or {}
        ends_at = timezone.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
        return {
            "user": user,
            "link": f"{server.get('url', '')}{one_time_path(person)}",
            "expires_at": ends_at,
        }

    def show(self, made: command_base.Document) -> None:
        self.stdout.write(made["link"])
        hours = settings.PASSWORD_RESET_TIMEOUT // 3600
        hint = "" if made["link"].startswith("http") else " Put the address of your server in front."
        self.stderr.write(
            f"It signs {made['user']} in once. It expires after {hours} hours, or when"
            f" {made['user']} signs in another way.{hint}"
        )
