"""`manage.py up`: runs everything on this machine until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from agents.models.sign_in import one_time_path
from omoi_site.database import embedded, location, roles, startup
from omoi_site.errors import OmoiError
from omoi_site.processes import running_server
from omoi_site.processes.child_process import Child
from omoi_site.processes.supervisor import Supervisor
from omoi_site.serving import server as doors
from omoi_site.setup import disk_space, exposure, moved_home, open_browser, paths, secrets
from tickets.demo import workspace
from tickets.models import Workflow

ROLES = ("web", "worker", "clock")


class Command(BaseCommand):
    help = (
        "Run everything: PostgreSQL (unless DATABASE_URL is set), web, worker and clock,"
        " until Ctrl-C or SIGTERM."
    )
    requires_system_checks: list[str] = []
    changed: Callable[[], str] | None = None  # which code file has changed; only `dev` looks

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000, help="the port (8000); 0 takes any free one")
        parser.add_argument(
            "--demo",
            action="store_true",
            help="add a project whose tickets go from BACKLOG to DONE by themselves",
        )
        displaced = parser.add_mutually_exclusive_group()
        for how, help in (
            ("moved", "this OMOI_HOME was moved here, and the original is gone"),
            (
                "adopt",
                "this OMOI_HOME is a copy: copy the original's database too, and leave the original alone",
            ),
            ("begin-anew", "this OMOI_HOME is a copy: start with an empty database"),
        ):
            displaced.add_argument(
                f"--{how}", dest="displaced", action="store_const", const=how, default="", help=help
            )
        parser.add_argument("--no-open", action="store_true", help="do not open the address in a browser")

    def handle(self, *, host: str, port: int, demo: bool, no_open: bool, displaced: str, **_: Any) -> None:
        self.began, self.no_open, self.demo = time.monotonic(), no_open, demo
        home = settings.OMOI_HOME
        try:
            if displaced:
                self.resolve_displaced(displaced)
            exposure.refuse(host, debug=settings.DEBUG, secret=settings.SECRET_KEY)
            self.look_for_room()
            if demo:
                workspace.check_requirements()
            with disk_space.needed(home), contextlib.closing(running_server.acquire_lock(home)) as lock:
                running_server.end_leftovers(home)  # they may hold the port
                try:
                    listener = self.listen(host, port)
                except CommandError:
                    secrets.take_back(home)
                    raise
                self.url = address(host, listener.getsockname()[1])
                running_server.describe_holder(lock, self.url)
                self.say(f"Omoi keeps its data in {home}.")
                self.supervisor(listener).run()
                open_browser.forget(home)
        except OmoiError as refusal:
            raise CommandError(f"{refusal} {refusal.next_action}".strip()) from refusal
        except KeyboardInterrupt:
            raise CommandError("stopped before everything was ready", returncode=130) from None

    def resolve_displaced(self, how: str) -> None:
        """Make a copied or moved OMOI_HOME usable."""
        with contextlib.closing(running_server.acquire_lock(settings.OMOI_HOME)):
            self.say(
                moved_home.resolve_displaced(settings.OMOI_HOME, how)
                or f"{settings.OMOI_HOME} is in its original place; nothing was changed."
            )
        settings.SECRET_KEY = secrets.secret_key(settings.OMOI_HOME)

    def look_for_room(self) -> None:
        """Refuse to start on a disk without enough space."""
        data_folder = paths.data_folder(settings.OMOI_HOME)
        if not os.environ.get("DATABASE_URL"):
            paths.expect_data(settings.OMOI_HOME)
            disk_space.demand(
                data_folder, disk_space.LEAST if (data_folder / "data").exists() else disk_space.TO_BEGIN
            )

    def listen(self, host: str, port: int) -> socket.socket:
        """The listening socket. The supervisor keeps it open while web processes come and go, so a connection
        waits for the next one.
        """
        try:
            listener = doors.listen(host, port)
            listener.listen(2048)
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}."
                " Another program may use the port. Stop it, or choose another port with --port 8001"
                " (--port 0 takes any free one)."
            ) from error
        return listener

    def supervisor(self, listener: socket.socket) -> Supervisor:
        home, door = settings.OMOI_HOME, listener.fileno()
        options: dict[str, dict[str, Any]] = {
            "web": {"args": (f"--fd={door}",), "fds": (door,)},
            "demo": {"once": True},
        }
        return Supervisor(
            home=home,
            url=self.url,
            server=None if os.environ.get("DATABASE_URL") else embedded.Server(home),
            listener=listener,
            roles=[
                role(name, **options.get(name, {})) for name in (*ROLES, *(["demo"] if self.demo else []))
            ],
            grace_s=settings.WORKER_GRACE_S + 10,  # the worker's, and time to release its claims
            prepare=self.prepare,
            welcome=self.welcome,
            say=self.say,
            changed=self.changed,
        )

    def prepare(self) -> None:
        """Migrate and make sure that a superuser exists; then close the connection."""
        home, own = settings.OMOI_HOME, location.is_embedded()
        if own:  # the secrets were created after the settings were read
            address = location.database(home)
            for described in (settings.DATABASES["default"], connections["default"].settings_dict):
                described.update(HOST=address["HOST"], PASSWORD=address["PASSWORD"])
        try:
            roles.reach("" if own else "of DATABASE_URL ")
            startup.migrate(self.say, home / "backups" if own else None)
            self.check(tags=["workflows"], databases=["default"])
            Workflow.objects.install_shipped()
            self.operator = startup.operator()
        finally:
            connections.close_all()

    def welcome(self) -> None:
        link = self.url + one_time_path(self.operator)
        self.say(
            f"Ready after {time.monotonic() - self.began:.1f} s.\n\n"
            f"  Omoi            {self.url}\n"
            f"  Sign in, once   {link}   (as {self.operator})\n\n"
            f"Logs are in {settings.OMOI_HOME / 'logs'}. Ctrl-C stops Omoi."
        )
        if not self.no_open:
            open_browser.show(link, settings.OMOI_HOME)

    def say(self, sentence: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the listener has gone
            self.stdout.write(sentence)
            self.stdout.flush()


def role(name: str, args: tuple[str, ...] = (), **how: Any) -> Child:
    return Child(name, *args, home=settings.OMOI_HOME, **how)


def address(host: str, port: int) -> str:
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(
        host, f"[{host}]" if ":" in host else host
    )
    return f"http://{name}:{port}"
